import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumo.radiographs.raster import UnreadableError, grey, open_radiograph

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def read(file: Path) -> np.ndarray:
    with open_radiograph(file) as radiograph:
        return np.asarray(grey(radiograph))


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_grey_and_colour_files_of_one_image_give_the_same_pixels(tmp_path: Path, mode: str, suffix: str) -> None:
    file = tmp_path / f"radiograph.{suffix}"
    Image.fromarray(GREY).convert(mode).save(file)
    np.testing.assert_array_equal(read(file), GREY)


def test_palette_images_are_converted_through_their_palette(tmp_path: Path) -> None:
    radiograph = Image.fromarray(255 - GREY).convert("L")
    radiograph.putpalette([255 - value // 3 for value in range(768)])  # entry v shows as 255 - v
    radiograph.save(tmp_path / "radiograph.png")
    assert Image.open(tmp_path / "radiograph.png").mode == "P"
    np.testing.assert_array_equal(read(tmp_path / "radiograph.png"), GREY)


def test_one_bit_images_become_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(GREY > 100).save(tmp_path / "radiograph.png")
    np.testing.assert_array_equal(read(tmp_path / "radiograph.png"), np.where(GREY > 100, 255, 0))


def test_transparent_pixels_become_black(tmp_path: Path) -> None:
    rgba = np.dstack([GREY, GREY, GREY, np.full_like(GREY, 255)])
    rgba[:3, :, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "radiograph.png")
    np.testing.assert_array_equal(read(tmp_path / "radiograph.png"), np.where(np.arange(6)[:, None] < 3, 0, GREY))


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_12_bits_in_a_16_bit_file_are_scaled_to_all_grey_values(tmp_path: Path, suffix: str) -> None:
    wide = np.linspace(7, 4095, 48).reshape(6, 8).astype(np.uint16)
    Image.fromarray(wide).save(tmp_path / f"radiograph.{suffix}")
    assert Image.open(tmp_path / f"radiograph.{suffix}").mode == "I;16"
    np.testing.assert_allclose(read(tmp_path / f"radiograph.{suffix}"), np.linspace(0, 255, 48).reshape(6, 8), atol=1)


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_32_bit_values_are_scaled_too(tmp_path: Path, dtype: type) -> None:
    Image.fromarray((GREY.astype(dtype) - 100) * 300).save(tmp_path / "radiograph.tif")
    np.testing.assert_allclose(read(tmp_path / "radiograph.tif"), GREY * (255 / 235), atol=1)


def test_a_uniform_16_bit_radiograph_is_black(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 9000, np.uint16)).save(tmp_path / "radiograph.png")
    assert not read(tmp_path / "radiograph.png").any()


def test_undefined_values_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, np.nan]], np.float32)).save(tmp_path / "radiograph.tif")
    with pytest.raises(UnreadableError, match="undefined values"):
        read(tmp_path / "radiograph.tif")


def test_more_pixels_than_the_limit_are_refused_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(GREY).save(tmp_path / "radiograph.png")
    filters = list(warnings.filters)
    for limit in (47, 20):  # Pillow itself would only warn at the first
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with (
            warnings.catch_warnings(record=True) as caught,
            pytest.raises(UnreadableError, match=f"bomb: more than {limit} pixels"),
        ):
            open_radiograph(tmp_path / "radiograph.png")
        assert not caught
    assert warnings.filters == filters


def test_a_file_of_another_format_is_refused_whatever_its_suffix(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "radiograph.jpeg", format="GIF")
    with pytest.raises(UnreadableError, match="not a JPEG, PNG, BMP or TIFF image"):
        open_radiograph(tmp_path / "radiograph.jpeg")


def test_a_pipe_named_like_a_radiograph_is_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "radiograph.jpeg")
    with pytest.raises(UnreadableError, match="not a regular file"):
        open_radiograph(tmp_path / "radiograph.jpeg")


def test_random_damage_raises_only_unreadable_error(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    file = tmp_path / "radiograph"
    for format_ in ("JPEG", "PNG", "TIFF", "BMP"):
        Image.fromarray(GREY).save(file, format_)
        intact = file.read_bytes()
        refused = 0
        for _ in range(150):
            damaged = bytearray(intact)
            for position in generator.integers(0, len(intact), 4):
                damaged[position] = generator.integers(256)
            file.write_bytes(damaged[: generator.integers(1, len(intact))])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # Pillow's warnings about damaged tags
                try:
                    read(file)
                except UnreadableError:
                    refused += 1
        assert refused > 50
