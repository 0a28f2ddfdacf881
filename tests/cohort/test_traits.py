"""The traits measure what they are called after, and not one another."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumo.cohort.film import UnreadableError
from pneumo.cohort.lesions import draw_pneumonia
from pneumo.cohort.radiograph import Habit, take_film
from pneumo.cohort.thorax import Chest, draw_patient, draw_posture
from pneumo.cohort.traits import OF_THE_FILE, SIDE_PX, TRAITS, file_traits, film_traits, pixel_traits


def phantom(seed, habit=Habit(), height_px=128):  # noqa: B008
    rng = np.random.default_rng(seed)
    patient, healthy = draw_patient(rng), draw_pneumonia("normal", 0.1, rng)
    return Image.fromarray(take_film(Chest(patient, draw_posture(rng)), healthy, height_px, rng, habit).grey)


def squashed(film):
    return pixel_traits(np.asarray(film.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)))


def test_every_trait_has_words_and_every_film_all_traits(tmp_path):
    phantom(0).save(tmp_path / "film.jpeg")
    traits, thumbnail = film_traits(tmp_path / "film.jpeg")
    assert set(traits) == set(TRAITS)
    assert set(file_traits(tmp_path / "film.jpeg")) == set(OF_THE_FILE)
    assert thumbnail.shape == (64, 64)
    assert thumbnail.dtype == np.uint8


def test_the_stretch_of_one_film_is_told_whatever_is_on_it():
    film, factors = phantom(0), np.exp(np.linspace(-0.3, 0.3, 7))
    # What a film of another shape shows after squashing: more beside, here its own mirror image, in the same width.
    wide = Image.fromarray(np.pad(np.asarray(film), ((0, 0), (film.width // 2,) * 2), mode="reflect"))
    seen = []
    for factor in factors:
        half = film.width * factor / 2
        box = (wide.width / 2 - half, 0, wide.width / 2 + half, wide.height)
        square = wide.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, box=box)
        seen.append(pixel_traits(np.asarray(square))["squeeze"])
    assert (np.diff(seen) > 0).all()
    assert np.corrcoef(seen, np.log(factors))[0, 1] > 0.97


def test_the_stretch_of_many_films_follows_the_aspect_ratio_that_they_had():
    films = [phantom(seed, Habit(aspect_ratio=(1.0, 1.6)), height_px=96) for seed in range(40)]
    shapes = [np.log(film.width / film.height) for film in films]
    assert np.corrcoef(shapes, [squashed(film)["squeeze"] for film in films])[0, 1] > 0.7


@pytest.mark.slow
@pytest.mark.skipif(
    not (Path(os.environ.get("PNEUMO_DATA", "")).parent / "originals" / "NORMAL").is_dir(),
    reason="beside PNEUMO_DATA lies no folder `originals` of full-size radiographs",
)
def test_the_stretch_of_real_films_follows_the_aspect_ratio_that_they_had():
    shapes, stretches = [], []
    for file in sorted((Path(os.environ["PNEUMO_DATA"]).parent / "originals").rglob("*.jpeg")):
        traits, _ = film_traits(file)
        shapes.append(np.log(traits["aspect_ratio"]))
        stretches.append(traits["squeeze"])
    assert np.corrcoef(shapes, stretches)[0, 1] > 0.7


def test_a_brighter_marker_changes_the_marker_and_nothing_of_the_middle_or_the_frame():
    for seed in range(6):
        dim, bright = (squashed(phantom(seed, Habit(marker_grey=(grey, grey)), height_px=192)) for grey in (160, 250))
        assert bright["marker"] > dim["marker"] + 10
        for name in ("border", "mean", "contrast", "sharpness"):
            assert bright[name] == pytest.approx(dim[name], rel=0.02), name


def test_brightness_contrast_and_blur_move_their_own_traits():
    film = np.asarray(phantom(1)).astype(float)
    usual = squashed(Image.fromarray(film.astype(np.uint8)))
    brighter = squashed(Image.fromarray((film * 0.8 + 51).astype(np.uint8)))
    assert brighter["mean"] > usual["mean"] + 10
    assert brighter["border"] > usual["border"] + 10
    assert brighter["contrast"] == pytest.approx(0.8 * usual["contrast"], rel=0.02)
    small = Image.fromarray(film.astype(np.uint8)).resize((60, 48))
    assert squashed(small)["sharpness"] < 0.7 * usual["sharpness"]


def test_quality_shows_as_quantisation_and_bytes(tmp_path):
    film, told = phantom(2), {}
    for quality in (95, 75):
        file = tmp_path / f"{quality}.jpeg"
        film.save(file, quality=quality)
        told[quality] = file_traits(file)
        assert told[quality]["bytes_per_pixel"] == pytest.approx(file.stat().st_size / film.width / film.height)
    assert told[75]["quantisation"] == pytest.approx(29, abs=0.5)
    assert told[95]["quantisation"] < 7
    assert told[75]["bytes_per_pixel"] < told[95]["bytes_per_pixel"]
    film.save(tmp_path / "film.png")
    assert np.isnan(file_traits(tmp_path / "film.png")["quantisation"])


@pytest.mark.parametrize(("mode", "colour"), [("L", 0), ("RGB", 1), ("CMYK", 1)])
def test_the_mode_tells_colour_from_grey(tmp_path, mode, colour):
    phantom(3, height_px=64).convert(mode).save(tmp_path / "film.jpeg")
    assert file_traits(tmp_path / "film.jpeg")["colour"] == colour


def test_a_film_without_anything_on_it_has_traits_too():
    assert np.isfinite(list(pixel_traits(np.zeros((SIDE_PX, SIDE_PX), np.uint8)).values())).all()


def test_a_damaged_file_is_told(tmp_path):
    (tmp_path / "film.jpeg").write_bytes(b"no picture")
    with pytest.raises(UnreadableError):
        film_traits(tmp_path / "film.jpeg")
