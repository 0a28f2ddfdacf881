"""Decoding of JPEG to grey by libjpeg-turbo with its warnings as errors, which Pillow does not report."""

import numpy as np
import simplejpeg
from PIL import Image

from pneumo.radiographs.grey import Grey

_REDUCTIONS = (8, 4, 2, 1)


def reduction(size: tuple[int, int], at_least: tuple[int, int] | None) -> int:
    """Largest of 8, 4, 2 and 1 by which width and height can be divided and still be `at_least` as large; 1 without `at_least`."""
    if at_least is None:
        return 1
    largest = min(size[0] // max(1, at_least[0]), size[1] // max(1, at_least[1]))
    return next(factor for factor in _REDUCTIONS if factor <= max(1, largest))


def decode_grey(content: bytes, size: tuple[int, int], factor: int) -> Grey:
    """Luma, (H, W), of a grey or colour JPEG, decoded at 1/1, 1/2, 1/4 or 1/8 of its width and height.

    Raises:
        ValueError: an error or a warning of libjpeg: premature end, bytes left over, a bad Huffman code.
    """
    return _decode(content, "GRAY", size, factor)[..., 0]


def decode_cmyk(content: bytes, size: tuple[int, int], factor: int, *, inverted: bool) -> Grey:
    """Luma, (H, W), of a CMYK or YCCK JPEG, as `decode_grey`; those with Adobe's marker are stored inverted."""
    inks = _decode(content, "CMYK", size, factor)
    return np.asarray(Image.frombuffer("CMYK", inks.shape[1::-1], 255 - inks if inverted else inks).convert("L"))


def _decode(content: bytes, colour_space: str, size: tuple[int, int], factor: int) -> Grey:
    width, height = size
    # Of all fractions of eighths that libjpeg-turbo can decode at, only 1/factor has these as its smallest sides.
    smallest = {"min_height": -(-height // factor), "min_width": -(-width // factor)} if factor > 1 else {}
    return simplejpeg.decode_jpeg(content, colorspace=colour_space, strict=True, **smallest)
