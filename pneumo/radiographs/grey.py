"""Grey values of 8 bits from wider ones: percentile stretch, luma of colour, and transparency over black."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pneumo.radiographs.errors import UnreadableError

TAIL_PERCENT = 1
"""Pixels below this percentile and above 100 minus it do not decide the stretch: a side marker or a label covers less."""
HEADROOM = 0.05
"""Range kept beyond both percentiles, as a share of the range between them: clean 12-bit radiographs lose 0.1 % of their pixels."""
# ITU-R 601-2 in 16 binary digits, as Pillow computes the luma of 8-bit colour.
_LUMA = (19595, 38470, 7471)
_BLOCK_ROWS = 256
_LEVELS_16 = 2**16

Grey = NDArray[np.uint8]
Code = TypeVar("Code", bound=np.generic)
Wide = NDArray[Any]


def stretch_table(counts: NDArray[np.int64]) -> Grey:
    """Table from the values 0 … n - 1 to grey values 0..255, given the number of pixels, (n,), at each value: a percentile stretch.

    Radiographs wider than 8 bits hold 10 to 16 significant bits and do not say how many. They are stretched linearly from the
    percentiles TAIL_PERCENT and 100 - TAIL_PERCENT, with HEADROOM beyond each but never beyond minimum and maximum, to 0..255. A
    lowest or highest value that lies further from all others than these from one another (a collimated border, a mask, a burnt-in
    marker) is left out first, however many pixels have it. Where all other values are equal, minimum and maximum are taken.
    """
    occupied = np.flatnonzero(counts)
    if not occupied.size:
        return np.zeros(counts.shape, np.uint8)
    inner = _without_isolated(occupied)
    cumulative = np.cumsum(counts[inner])
    pixels = int(cumulative[-1])
    low = int(inner[np.searchsorted(100 * cumulative, TAIL_PERCENT * pixels, side="right")])
    high = int(inner[np.searchsorted(100 * cumulative, (100 - TAIL_PERCENT) * pixels, side="left")])
    return _linear(np.arange(counts.size), *_limits(low, high, inner, occupied))


def stretch(values: Wide) -> Grey:
    """Integers of 32 bits or floating-point values, (H, W), as grey values, (H, W), by the rule of `stretch_table`.

    Raises:
        UnreadableError: infinite or undefined values.
    """
    low, high = values.min(), values.max()
    if not np.isfinite(low) or not np.isfinite(high):
        raise UnreadableError("holds infinite or undefined values")
    if values.dtype.kind in "iu" and int(high) - int(low) < _LEVELS_16:
        codes = (values.astype(np.int64) - int(low)).astype(np.uint16)
        return stretch_codes(rows_of(codes))
    ordered = np.sort(values, axis=None)
    inner = _without_isolated(ordered)
    tail = inner.size * TAIL_PERCENT // 100
    return _linear(values, *_limits(float(inner[tail]), float(inner[-1 - tail]), inner, ordered))


def stretch_codes(rows: Callable[[], Iterable[NDArray[np.uint16]]], inverted: bool = False) -> Grey:
    """16-bit values as grey values, (H, W), by `stretch_table`.

    Args:
        rows: returns the values as blocks of rows, (h, W), so that no array of 64-bit counts or indices as large as the image is
            made; called twice.
        inverted: 0 is white.
    """
    counts = np.zeros(_LEVELS_16, np.int64)
    for block in rows():
        counts += np.bincount(block.ravel(), minlength=_LEVELS_16)
    table = stretch_table(counts[::-1])[::-1] if inverted else stretch_table(counts)
    return look_up(table, rows)


def look_up(table: Grey, rows: Callable[[], Iterable[NDArray[np.unsignedinteger]]]) -> Grey:
    """Entries of a table, (n,), at the codes of an image, (H, W), which `rows` returns in blocks."""
    return np.concatenate([table[block] for block in rows()])


def rows_of(values: NDArray[Code]) -> Callable[[], Iterator[NDArray[Code]]]:
    """Blocks of rows of an image, (H, W), as `stretch_codes` and `look_up` take them."""
    return lambda: (values[top : top + _BLOCK_ROWS] for top in range(0, len(values), _BLOCK_ROWS))


def luma(channel: Callable[[int], NDArray[np.uint16]]) -> NDArray[np.uint16]:
    """Luma (ITU-R 601-2) of 16-bit colour, (H, W); `channel` returns red, green and blue, (H, W), by number."""
    red, green, blue = _LUMA
    total = channel(0).astype(np.uint32)
    total *= red
    total += channel(1) * np.uint32(green)
    total += channel(2) * np.uint32(blue)
    total += _LEVELS_16 // 2
    total >>= 16
    return total.astype(np.uint16)


def over_black(values: NDArray[np.uint16], alpha: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """16-bit values, (H, W), composed over black by their opacity, (H, W): 0 is transparent, 65535 opaque."""
    return (values * alpha.astype(np.uint32) // (_LEVELS_16 - 1)).astype(np.uint16)


def to_luma_8(image: Image.Image) -> Image.Image:
    """An image of up to 8 bits a channel in mode L: colour becomes luma (ITU-R 601-2), and transparent pixels black, as air is."""
    if image.has_transparency_data:
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image.convert("RGBA"))
    return image.convert("L")


def _without_isolated(ordered: Wide) -> Wide:
    """Ascending values without a lowest or highest one that is further from the others than these span."""
    lowest, highest = float(ordered[0]), float(ordered[-1])
    start = int(np.searchsorted(ordered, ordered[0], side="right"))
    stop = int(np.searchsorted(ordered, ordered[-1], side="left"))
    if start >= stop:
        return ordered
    second, last_but_one = float(ordered[start]), float(ordered[stop - 1])
    first = start if second - lowest > highest - second else 0
    end = stop if highest - last_but_one > last_but_one - lowest else ordered.size
    inner = ordered[first:end]
    return inner if inner[0] < inner[-1] else ordered


def _limits(low: float, high: float, inner: Wide, ordered: Wide) -> tuple[float, float]:
    """Values that become black and white."""
    if low == high:
        return float(ordered[0]), float(ordered[-1])
    margin = HEADROOM * (high - low)
    return max(low - margin, float(inner[0])), min(high + margin, float(inner[-1]))


def _linear(values: Wide, low: float, high: float) -> Grey:
    """Values scaled from low..high to 0..255 and rounded, (H, W) or (n,)."""
    grey = np.empty(values.shape, np.uint8)
    for source, target in zip(_blocks(values), _blocks(grey), strict=True):
        scaled = (source.astype(np.float64) - low) * (255 / (high - low) if high > low else 0)
        target[...] = np.rint(np.clip(scaled, 0, 255))
    return grey


def _blocks(values: Wide) -> Iterator[Wide]:
    """Views of some rows of an image each."""
    rows = _BLOCK_ROWS if values.ndim > 1 else values.size
    for start in range(0, len(values), rows):
        yield values[start : start + rows]
