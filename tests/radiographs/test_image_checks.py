"""Plain checks of an image: colour, contrast and saturation, of files in several formats."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from pneumo.radiographs.image_checks import unusable
from pneumo.radiographs.radiograph import UnreadableError, open_radiograph
from tests.dicom_files import as_jpeg, chest_like, dataset, write

GREY = (chest_like(160, 128) >> 4).astype(np.uint8)
RGB_GREY = np.repeat(GREY[..., None], 3, axis=2)
PHOTOGRAPHS = load_sample_images().images


def saved(file: Path, pixels: np.ndarray | Image.Image) -> Path:
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(file)
    return file


def checked(file: Path) -> str | None:
    with open_radiograph(file) as radiograph:
        return unusable(radiograph, np.asarray(radiograph.grey()))


@pytest.mark.parametrize("suffix", [".jpeg", ".png", ".tif", ".bmp", ".webp"])
def test_a_radiograph_is_accepted_stored_as_grey_or_as_rgb(tmp_path, suffix):
    for name, pixels in (("grey", GREY), ("rgb", RGB_GREY)):
        assert checked(saved(tmp_path / f"{name}{suffix}", pixels)) is None


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA"])
def test_a_radiograph_is_accepted_with_a_palette_and_with_transparency(tmp_path, mode):
    assert checked(saved(tmp_path / "radiograph.png", Image.fromarray(GREY).convert(mode))) is None


def test_a_radiograph_of_16_bits_is_accepted(tmp_path):
    assert checked(saved(tmp_path / "radiograph.png", chest_like())) is None


@pytest.mark.parametrize("suffix", [".jpeg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("photograph", PHOTOGRAPHS, ids=["china", "flower"])
def test_a_colour_photograph_is_refused(tmp_path, photograph, suffix):
    assert checked(saved(tmp_path / f"photograph{suffix}", photograph)) == "a colour photograph"


def test_a_colour_photograph_is_refused_with_a_palette_and_in_cmyk(tmp_path):
    photograph = Image.fromarray(PHOTOGRAPHS[1])
    assert checked(saved(tmp_path / "palette.png", photograph.convert("P"))) == "a colour photograph"
    assert checked(saved(tmp_path / "inks.jpeg", photograph.convert("CMYK"))) == "a colour photograph"


def test_transparent_colour_counts_as_black(tmp_path):
    hidden = np.dstack([RGB_GREY, np.full_like(GREY, 255)])
    hidden[:40] = (255, 0, 0, 0)
    assert checked(saved(tmp_path / "radiograph.png", hidden)) is None


def test_a_small_coloured_label_is_accepted(tmp_path):
    labelled = RGB_GREY.copy()
    labelled[:20, :30] = (255, 220, 0)
    assert checked(saved(tmp_path / "radiograph.png", labelled)) is None


@pytest.mark.parametrize("compressed", [False, True])
def test_colour_of_dicom_is_seen(tmp_path, compressed):
    for pixels, expected in ((PHOTOGRAPHS[1], "a colour photograph"), (RGB_GREY, None)):
        stored = dataset(pixels, bits=8)
        assert checked(write(tmp_path / "radiograph.dcm", as_jpeg(stored) if compressed else stored)) == expected
    assert checked(write(tmp_path / "radiograph.dcm", dataset(chest_like()))) is None


def test_a_blank_image_is_refused(tmp_path):
    noise = np.random.default_rng(0).normal(120, 3, GREY.shape)
    for name, pixels in (("noise", noise), ("black", np.zeros_like(GREY)), ("white", np.full_like(GREY, 255))):
        assert checked(saved(tmp_path / f"{name}.png", pixels.astype(np.uint8))) == "blank: hardly any contrast"


def test_an_image_that_is_mostly_black_and_white_is_refused_and_a_wide_border_is_not(tmp_path):
    drawing = np.where(GREY > 128, 255, 0).astype(np.uint8)
    assert checked(saved(tmp_path / "drawing.png", drawing)) == "saturated: most pixels are black or white"
    bordered = np.pad(GREY, ((0, 0), (80, 80)))
    assert checked(saved(tmp_path / "bordered.png", bordered)) is None


def test_looking_at_colours_leaves_the_grey_pixels_as_they_are(tmp_path):
    for suffix in (".jpeg", ".png", ".tif"):
        file = saved(tmp_path / f"radiograph{suffix}", RGB_GREY)
        with open_radiograph(file) as radiograph:
            before = np.asarray(radiograph.grey())
        with open_radiograph(file) as radiograph:
            assert radiograph.colourfulness() == 0
            assert (np.asarray(radiograph.grey()) == before).all()


def test_a_truncated_colour_image_is_unreadable(tmp_path):
    file, content = tmp_path / "photograph.png", io.BytesIO()
    Image.fromarray(PHOTOGRAPHS[0]).save(content, "PNG")
    file.write_bytes(content.getvalue()[: len(content.getvalue()) // 2])
    with pytest.raises(UnreadableError), open_radiograph(file) as radiograph:
        radiograph.colourfulness()
