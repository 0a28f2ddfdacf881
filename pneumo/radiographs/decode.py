"""Decoding and resizing of a radiograph file to an 8-bit grey image: as networks see it, and as figures show it.

A file that cannot be used as a radiograph raises UnreadableError.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from pneumo.config import Resize
from pneumo.radiographs.errors import READABLE_BEFORE, unreadable_as_user_error
from pneumo.radiographs.radiograph import Radiograph, open_radiograph

VERSION = 2
"""Part of the name of every pixel cache: increment it when the same file gives other pixels."""
_HALF_OF_WHITE = 128


def decode(file: Path, size_px: int, resize: Resize, *, known_sound: bool = False) -> np.ndarray:
    """Decode a radiograph to (size_px, size_px) uint8: "squash" fills the square, "pad" keeps the aspect ratio, centred on black.

    JPEG and JPEG 2000 are decoded at the smallest of 1/1, 1/2, 1/4 and 1/8 that is still at least twice the target size; a triangle
    (bilinear) filter averages the rest. On full-size radiographs at 150 px this differs from full decoding by 0.3 grey levels on
    average, and takes half the time. With `known_sound`, damage that decoders do not notice is not looked for.
    """
    with open_radiograph(file) as radiograph:
        return decode_opened(radiograph, size_px, resize, known_sound=known_sound)


def decode_opened(radiograph: Radiograph, size_px: int, resize: Resize, *, known_sound: bool = False) -> np.ndarray:
    """Decode an opened radiograph as `decode` does its file, (size_px, size_px) uint8."""
    width, height = _content_size(radiograph.size, size_px, resize)
    return _resized(radiograph.grey((2 * width, 2 * height), known_sound=known_sound), (width, height), size_px)


def decode_with_overlay(
    file: Path, size_px: int, resize: Resize, height_px: int, remedy: str = READABLE_BEFORE
) -> tuple[np.ndarray, np.ndarray]:
    """A radiograph as a model takes it, and as it is drawn below a heatmap.

    Raises:
        UserError: the file is unreadable; the message ends with the remedy.
    """
    with unreadable_as_user_error(file, remedy):
        return decode(file, size_px, resize), decode_for_overlay(file, height_px, resize)


def decode_indexed(size_px: int, resize: Resize, file: Path) -> np.ndarray:
    """Decode the file of a cohort's radiograph; UserError if it has become unreadable since it was indexed."""
    with unreadable_as_user_error(file):
        return decode(file, size_px, resize, known_sound=True)


def decode_at_height(file: Path, height_px: int) -> np.ndarray:
    """Decode a radiograph at this height and its own aspect ratio, (H, W) uint8."""
    with open_radiograph(file) as radiograph:
        return decode_opened_at_height(radiograph, height_px)


def decode_opened_at_height(radiograph: Radiograph, height_px: int) -> np.ndarray:
    """Decode an opened radiograph at this height and its own aspect ratio, (H, W) uint8."""
    size = (max(1, round(height_px * radiograph.size[0] / radiograph.size[1])), height_px)
    return np.asarray(radiograph.grey(at_least=size).resize(size, Image.Resampling.BICUBIC, reducing_gap=2))


def decode_for_overlay(file: Path, height_px: int, resize: Resize) -> np.ndarray:
    """Decode a radiograph so that the heatmap of a network which saw it resized can be laid over it, (H, W) uint8.

    Where it was squashed, the aspect ratio is restored, and the heatmap is to be stretched with it; where padded, it stays padded.
    """
    return decode_at_height(file, height_px) if resize == "squash" else decode(file, height_px, resize)


def resize_squashed(image: np.ndarray, radiograph_size: tuple[int, int], size_px: int, resize: Resize) -> np.ndarray:
    """Resize an image squashed to a square, (H, H) uint8, as `decode` would resize its file; (size_px, size_px) uint8.

    The radiograph's size is the width and height in pixels before it was squashed.
    """
    return _resized(Image.fromarray(image), _content_size(radiograph_size, size_px, resize), size_px)


def resize_mask(mask: np.ndarray, size_px: int, resize: Resize) -> np.ndarray:
    """Resize a radiograph's mask, (H, W) bool, as `decode` resizes the radiograph; (size_px, size_px) bool."""
    image = Image.fromarray(_black_and_white(mask))
    return _resized(image, _content_size(image.size, size_px, resize), size_px) >= _HALF_OF_WHITE


def resize_squashed_mask(mask: np.ndarray, radiograph_size: tuple[int, int], size_px: int, resize: Resize) -> np.ndarray:
    """Resize a mask of a squashed radiograph, (H, H) bool, as `resize_squashed` resizes the radiograph; (size_px, size_px) bool."""
    return resize_squashed(_black_and_white(mask), radiograph_size, size_px, resize) >= _HALF_OF_WHITE


def _black_and_white(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, np.uint8(255), np.uint8(0))


def _content_size(size: tuple[int, int], size_px: int, resize: Resize) -> tuple[int, int]:
    """Width and height in pixels that a radiograph of this width and height has within the square."""
    if resize == "squash":
        return size_px, size_px
    width, height = (max(1, round(side * size_px / max(size))) for side in size)
    return width, height


def _resized(image: Image.Image, content_size: tuple[int, int], size_px: int) -> np.ndarray:
    """The image at its content size, centred on a black square."""
    content = image.resize(content_size, Image.Resampling.BILINEAR)
    pixels = np.zeros((size_px, size_px), np.uint8)
    left, top = (size_px - content.width) // 2, (size_px - content.height) // 2
    pixels[top : top + content.height, left : left + content.width] = np.asarray(content)
    return pixels
