from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumo.radiographs.decode import decode, resize_squashed_mask
from pneumo.radiographs.radiograph import UnreadableError


def chest_like(width: int, height: int) -> np.ndarray:
    """An image of broad shadows, fine stripes and noise."""
    y, x = np.mgrid[:height, :width]
    grain = np.random.default_rng(0).normal(0, 4, (height, width))
    return np.clip(128 + 80 * np.sin(x / width * 7) * np.cos(y / height * 5) + 20 * np.sin(y / 9) + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("resize", ["squash", "pad"])
@pytest.mark.parametrize("size", [(1600, 1200), (700, 2000), (151, 149), (90, 60)])
def test_reduced_decoding_differs_from_full_decoding_by_less_than_one_grey_level(
    tmp_path: Path, size: tuple[int, int], resize: str
) -> None:
    Image.fromarray(chest_like(*size)).save(tmp_path / "radiograph.jpeg", quality=90)
    Image.open(tmp_path / "radiograph.jpeg").save(tmp_path / "radiograph.png")  # PNG is always decoded in full
    difference = np.abs(
        decode(tmp_path / "radiograph.jpeg", 150, resize).astype(int) - decode(tmp_path / "radiograph.png", 150, resize)
    )
    assert difference.mean() < 1
    assert difference.max() < 24


def test_squash_fills_the_square_and_pad_keeps_the_aspect_ratio_on_black(tmp_path: Path) -> None:
    Image.fromarray(np.full((100, 200), 200, np.uint8)).save(tmp_path / "wide.png")
    Image.fromarray(np.full((200, 100), 200, np.uint8)).save(tmp_path / "tall.png")
    assert (decode(tmp_path / "wide.png", 64, "squash") == 200).all()
    wide, tall = decode(tmp_path / "wide.png", 64, "pad"), decode(tmp_path / "tall.png", 64, "pad")
    assert (wide[16:48] == 200).all()
    assert not wide[:16].any()
    assert not wide[48:].any()
    np.testing.assert_array_equal(tall, wide.T)


@pytest.mark.parametrize("size", [(16, 16), (90, 900), (900, 90), (17, 101)])
def test_radiographs_of_any_size_are_resized_to_a_square(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("L", size, 90).save(tmp_path / "radiograph.jpeg")
    for resize in ("squash", "pad"):
        pixels = decode(tmp_path / "radiograph.jpeg", 33, resize)
        assert (pixels.shape, pixels.dtype) == ((33, 33), np.uint8)
        assert pixels.max() == 90


def test_fine_patterns_are_averaged_without_aliasing(tmp_path: Path) -> None:
    checks = (np.indices((640, 640)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "radiograph.png")
    assert np.abs(decode(tmp_path / "radiograph.png", 100, "squash").astype(int) - 127).max() < 8


def test_a_truncated_radiograph_is_an_error_and_not_decoded_in_part(tmp_path: Path) -> None:
    Image.fromarray(chest_like(300, 200)).save(tmp_path / "radiograph.jpeg")
    content = (tmp_path / "radiograph.jpeg").read_bytes()
    (tmp_path / "radiograph.jpeg").write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(UnreadableError, match="Premature end"):
        decode(tmp_path / "radiograph.jpeg", 64, "squash")


def test_reduced_decoding_of_real_radiographs_differs_by_less_than_half_a_grey_level(originals: Path) -> None:
    radiographs = sorted(originals.rglob("*.jpeg"))[::4]
    full = [
        np.asarray(Image.open(radiograph).convert("L").resize((150, 150), Image.Resampling.BILINEAR), dtype=int)
        for radiograph in radiographs
    ]
    difference = np.abs(np.stack([decode(radiograph, 150, "squash") for radiograph in radiographs]) - np.stack(full))
    assert difference.mean() < 0.5


def test_a_mask_of_a_squashed_radiograph_is_resized_as_the_radiograph_is() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:20, 5:15] = True
    mask[12:22, 25:35] = True
    np.testing.assert_array_equal(resize_squashed_mask(mask, (80, 60), 40, "squash"), mask)
    rows, columns = np.nonzero(resize_squashed_mask(mask, (80, 40), 40, "pad"))
    # The content of a radiograph twice as wide as high fills the middle half of the rows.
    assert (rows.min(), rows.max()) == (15, 20)
    assert (columns.min(), columns.max()) == (5, 34)
