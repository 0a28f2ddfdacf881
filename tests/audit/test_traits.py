"""The traits measure what they are called after, and not one another."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumo.audit.traits import OF_THE_FILE, SIDE_PX, TRAITS, file_traits, pixel_traits, radiograph_traits
from pneumo.phantom.acquisition import AcquisitionSettings, take_radiograph
from pneumo.phantom.lesions import draw_pneumonia
from pneumo.phantom.thorax import Chest, draw_patient, draw_posture
from pneumo.radiographs.raster import UnreadableError


def phantom(seed, acquisition=AcquisitionSettings(), height_px=128):  # noqa: B008
    rng = np.random.default_rng(seed)
    patient, healthy = draw_patient(rng), draw_pneumonia("normal", 0.1, rng)
    return Image.fromarray(take_radiograph(Chest(patient, draw_posture(rng)), healthy, height_px, rng, acquisition).grey)


def squashed(radiograph):
    return pixel_traits(np.asarray(radiograph.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)))


def test_every_trait_has_words_and_every_radiograph_all_traits(tmp_path):
    phantom(0).save(tmp_path / "radiograph.jpeg")
    traits, thumbnail = radiograph_traits(tmp_path / "radiograph.jpeg")
    assert set(traits) == set(TRAITS)
    assert set(file_traits(tmp_path / "radiograph.jpeg")) == set(OF_THE_FILE)
    assert thumbnail.shape == (64, 64)
    assert thumbnail.dtype == np.uint8


def test_the_stretch_of_one_radiograph_is_told_whatever_is_on_it():
    radiograph, factors = phantom(0), np.exp(np.linspace(-0.3, 0.3, 7))
    # What a radiograph of another shape shows after squashing: more beside, here its own mirror image, in the same width.
    wide = Image.fromarray(np.pad(np.asarray(radiograph), ((0, 0), (radiograph.width // 2,) * 2), mode="reflect"))
    seen = []
    for factor in factors:
        half = radiograph.width * factor / 2
        box = (wide.width / 2 - half, 0, wide.width / 2 + half, wide.height)
        square = wide.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, box=box)
        seen.append(pixel_traits(np.asarray(square))["squeeze"])
    assert (np.diff(seen) > 0).all()
    assert np.corrcoef(seen, np.log(factors))[0, 1] > 0.97


def test_the_stretch_of_many_radiographs_follows_the_aspect_ratio_that_they_had():
    radiographs = [phantom(seed, AcquisitionSettings(aspect_ratio=(1.0, 1.6)), height_px=96) for seed in range(40)]
    shapes = [np.log(radiograph.width / radiograph.height) for radiograph in radiographs]
    assert np.corrcoef(shapes, [squashed(radiograph)["squeeze"] for radiograph in radiographs])[0, 1] > 0.7


@pytest.mark.slow
@pytest.mark.skipif(
    not (Path(os.environ.get("PNEUMO_DATA", "")).parent / "originals" / "NORMAL").is_dir(),
    reason="beside PNEUMO_DATA lies no folder `originals` of full-size radiographs",
)
def test_the_stretch_of_real_radiographs_follows_the_aspect_ratio_that_they_had():
    shapes, stretches = [], []
    for file in sorted((Path(os.environ["PNEUMO_DATA"]).parent / "originals").rglob("*.jpeg")):
        traits, _ = radiograph_traits(file)
        shapes.append(np.log(traits["aspect_ratio"]))
        stretches.append(traits["squeeze"])
    assert np.corrcoef(shapes, stretches)[0, 1] > 0.7


def test_a_brighter_marker_changes_the_marker_and_nothing_of_the_middle_or_the_frame():
    for seed in range(6):
        dim, bright = (squashed(phantom(seed, AcquisitionSettings(marker_grey=(grey, grey)), height_px=192)) for grey in (160, 250))
        assert bright["marker"] > dim["marker"] + 10
        for name in ("border", "mean", "contrast", "sharpness"):
            assert bright[name] == pytest.approx(dim[name], rel=0.02), name


def test_brightness_contrast_and_blur_move_their_own_traits():
    radiograph = np.asarray(phantom(1)).astype(float)
    usual = squashed(Image.fromarray(radiograph.astype(np.uint8)))
    brighter = squashed(Image.fromarray((radiograph * 0.8 + 51).astype(np.uint8)))
    assert brighter["mean"] > usual["mean"] + 10
    assert brighter["border"] > usual["border"] + 10
    assert brighter["contrast"] == pytest.approx(0.8 * usual["contrast"], rel=0.02)
    small = Image.fromarray(radiograph.astype(np.uint8)).resize((60, 48))
    assert squashed(small)["sharpness"] < 0.7 * usual["sharpness"]


def test_quality_shows_as_quantisation_and_bytes(tmp_path):
    radiograph, told = phantom(2), {}
    for quality in (95, 75):
        file = tmp_path / f"{quality}.jpeg"
        radiograph.save(file, quality=quality)
        told[quality] = file_traits(file)
        assert told[quality]["bytes_per_pixel"] == pytest.approx(file.stat().st_size / radiograph.width / radiograph.height)
    assert told[75]["quantisation"] == pytest.approx(29, abs=0.5)
    assert told[95]["quantisation"] < 7
    assert told[75]["bytes_per_pixel"] < told[95]["bytes_per_pixel"]
    radiograph.save(tmp_path / "radiograph.png")
    assert np.isnan(file_traits(tmp_path / "radiograph.png")["quantisation"])


@pytest.mark.parametrize(("mode", "colour"), [("L", 0), ("RGB", 1), ("CMYK", 1)])
def test_the_mode_tells_colour_from_grey(tmp_path, mode, colour):
    phantom(3, height_px=64).convert(mode).save(tmp_path / "radiograph.jpeg")
    assert file_traits(tmp_path / "radiograph.jpeg")["colour"] == colour


def test_a_radiograph_without_anything_on_it_has_traits_too():
    assert np.isfinite(list(pixel_traits(np.zeros((SIDE_PX, SIDE_PX), np.uint8)).values())).all()


def test_a_damaged_file_is_told(tmp_path):
    (tmp_path / "radiograph.jpeg").write_bytes(b"no picture")
    with pytest.raises(UnreadableError):
        radiograph_traits(tmp_path / "radiograph.jpeg")
