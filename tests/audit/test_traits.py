import numpy as np
import pytest
from PIL import Image

from pneumo.audit.traits import FILE_TRAITS, SIDE_PX, TRAITS, file_traits, pixel_traits, radiograph_traits
from pneumo.phantom.acquisition import AcquisitionSettings, take_radiograph
from pneumo.phantom.lesions import draw_pneumonia
from pneumo.phantom.thorax import Chest, draw_patient, draw_posture
from pneumo.radiographs.errors import UnreadableError
from pneumo.radiographs.radiograph import open_radiograph


def phantom(seed, acquisition=AcquisitionSettings(), height_px=128):  # noqa: B008
    rng = np.random.default_rng(seed)
    patient, healthy = draw_patient(rng), draw_pneumonia("normal", 0.1, rng)
    return Image.fromarray(take_radiograph(Chest(patient, draw_posture(rng)), healthy, height_px, rng, acquisition).grey)


def traits_of_file(file):
    with open_radiograph(file) as radiograph:
        return file_traits(radiograph, file)


def squashed(radiograph):
    return pixel_traits(np.asarray(radiograph.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)))


def test_every_trait_is_measured_and_has_a_wording(tmp_path):
    phantom(0).save(tmp_path / "radiograph.jpeg")
    traits, thumbnail = radiograph_traits(tmp_path / "radiograph.jpeg")
    assert set(traits) == set(TRAITS)
    assert set(traits_of_file(tmp_path / "radiograph.jpeg")) == set(FILE_TRAITS)
    assert thumbnail.shape == (64, 64)
    assert thumbnail.dtype == np.uint8


def test_the_stretch_of_one_radiograph_follows_the_factor_it_was_stretched_by():
    radiograph, factors = phantom(0), np.exp(np.linspace(-0.3, 0.3, 7))
    # A radiograph of another aspect ratio shows more at its sides (here its mirror image), squashed to the same width.
    wide = Image.fromarray(np.pad(np.asarray(radiograph), ((0, 0), (radiograph.width // 2,) * 2), mode="reflect"))
    stretches = []
    for factor in factors:
        half = radiograph.width * factor / 2
        box = (wide.width / 2 - half, 0, wide.width / 2 + half, wide.height)
        square = wide.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, box=box)
        stretches.append(pixel_traits(np.asarray(square))["stretch"])
    assert (np.diff(stretches) > 0).all()
    assert np.corrcoef(stretches, np.log(factors))[0, 1] > 0.97


def test_the_stretch_of_squashed_phantoms_follows_their_aspect_ratio():
    radiographs = [phantom(seed, AcquisitionSettings(aspect_ratio=(1.0, 1.6)), height_px=96) for seed in range(40)]
    shapes = [np.log(radiograph.width / radiograph.height) for radiograph in radiographs]
    assert np.corrcoef(shapes, [squashed(radiograph)["stretch"] for radiograph in radiographs])[0, 1] > 0.7


@pytest.mark.slow
def test_the_stretch_of_squashed_radiographs_follows_their_aspect_ratio(originals):
    shapes, stretches = [], []
    for file in sorted(originals.rglob("*.jpeg")):
        traits, _ = radiograph_traits(file)
        shapes.append(np.log(traits["aspect_ratio"]))
        stretches.append(traits["stretch"])
    assert np.corrcoef(shapes, stretches)[0, 1] > 0.7


def test_a_brighter_marker_changes_the_marker_trait_and_no_other():
    for seed in range(6):
        dim, bright = (squashed(phantom(seed, AcquisitionSettings(marker_grey=(grey, grey)), height_px=192)) for grey in (160, 250))
        assert bright["marker"] > dim["marker"] + 10
        for name in ("border", "mean", "contrast", "sharpness"):
            assert bright[name] == pytest.approx(dim[name], rel=0.02), name


def test_brightness_contrast_and_blur_change_their_own_traits():
    radiograph = np.asarray(phantom(1)).astype(float)
    original = squashed(Image.fromarray(radiograph.astype(np.uint8)))
    brighter = squashed(Image.fromarray((radiograph * 0.8 + 51).astype(np.uint8)))
    assert brighter["mean"] > original["mean"] + 10
    assert brighter["border"] > original["border"] + 10
    assert brighter["contrast"] == pytest.approx(0.8 * original["contrast"], rel=0.02)
    small = Image.fromarray(radiograph.astype(np.uint8)).resize((60, 48))
    assert squashed(small)["sharpness"] < 0.7 * original["sharpness"]


def test_jpeg_quality_changes_quantisation_and_bytes_per_pixel(tmp_path):
    radiograph, traits = phantom(2), {}
    for quality in (95, 75):
        file = tmp_path / f"{quality}.jpeg"
        radiograph.save(file, quality=quality)
        traits[quality] = traits_of_file(file)
        assert traits[quality]["bytes_per_pixel"] == pytest.approx(file.stat().st_size / radiograph.width / radiograph.height)
    assert traits[75]["quantisation"] == pytest.approx(29, abs=0.5)
    assert traits[95]["quantisation"] < 7
    assert traits[75]["bytes_per_pixel"] < traits[95]["bytes_per_pixel"]
    radiograph.save(tmp_path / "radiograph.png")
    assert np.isnan(traits_of_file(tmp_path / "radiograph.png")["quantisation"])


@pytest.mark.parametrize(("mode", "colour"), [("L", 0), ("RGB", 1), ("CMYK", 1)])
def test_the_colour_trait_follows_the_image_mode(tmp_path, mode, colour):
    phantom(3, height_px=64).convert(mode).save(tmp_path / "radiograph.jpeg")
    assert traits_of_file(tmp_path / "radiograph.jpeg")["colour"] == colour


def test_a_black_image_has_finite_traits():
    assert np.isfinite(list(pixel_traits(np.zeros((SIDE_PX, SIDE_PX), np.uint8)).values())).all()


def test_a_damaged_file_is_unreadable(tmp_path):
    (tmp_path / "radiograph.jpeg").write_bytes(b"not an image")
    with pytest.raises(UnreadableError):
        radiograph_traits(tmp_path / "radiograph.jpeg")
