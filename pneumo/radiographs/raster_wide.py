"""16-bit colour and grey with alpha of raster files, which Pillow reduces to their high bytes."""

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

from pneumo.radiographs.grey import luma, over_black

_OTHER_BYTE_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_GREY_ALPHA = "LA;16B"

Values = NDArray[np.uint16]


def is_wide_colour(image: ImageFile.ImageFile) -> bool:
    """Whether an opened image has several channels of 16 bits that Pillow would reduce to 8."""
    return image.mode in {"RGB", "RGBA"} and bool(image.tile) and _raw_mode(image.tile[0])[:-1].endswith(";16")


def wide_luma(open_image: Callable[[], ImageFile.ImageFile]) -> Values:
    """Luma over black of 16-bit colour or grey with alpha, (H, W); `open_image` opens the same file again at each call."""
    image = open_image()
    if _raw_mode(image.tile[0]) == _GREY_ALPHA:
        # Its two channels have as many bytes as RGBA of 8 bits.
        _replace_raw_mode(image, "RGBA")
        return over_black(_wide(image, 0, image, 1), _wide(image, 2, image, 3))
    swapped = open_image()
    raw_mode = _raw_mode(swapped.tile[0])
    _replace_raw_mode(swapped, raw_mode[:-1] + _OTHER_BYTE_ORDER[raw_mode[-1]])
    grey = luma(lambda number: _wide(image, number, swapped, number))
    return over_black(grey, _wide(image, 3, swapped, 3)) if image.mode == "RGBA" else grey


def _wide(high: ImageFile.ImageFile, high_channel: int, low: ImageFile.ImageFile, low_channel: int) -> Values:
    """16-bit values, (H, W), of high and low bytes."""
    values = np.asarray(high.getchannel(high_channel)).astype(np.uint16)
    values <<= 8
    values |= np.asarray(low.getchannel(low_channel))
    return values


def _raw_mode(tile: ImageFile._Tile) -> str:
    """Layout of the stored pixels in Pillow's words, such as RGB;16B."""
    mode = tile.args if isinstance(tile.args, str) or tile.args is None else tile.args[0]
    return mode if isinstance(mode, str) else ""


def _replace_raw_mode(image: ImageFile.ImageFile, raw_mode: str) -> None:
    image.tile = [
        tile._replace(args=(raw_mode, *tile.args[1:]) if isinstance(tile.args, tuple) else raw_mode) for tile in image.tile
    ]
