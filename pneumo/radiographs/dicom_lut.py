"""From stored DICOM values to 8-bit grey: modality LUT, VOI LUT or window, inversion, and pixel padding (DICOM PS3.3 C.11).

For values of up to 16 bits all steps are composed to one table over the stored values, which is then applied in one pass.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from pneumo.radiographs.errors import UnreadableError
from pneumo.radiographs.grey import Grey, look_up, rows_of, stretch, stretch_table

Values = NDArray[np.float64]
_WHITE = 255
_BITS_8 = 8
_FULL_LUT = 2**16
"""Number of entries that a LUT descriptor writes as 0."""


@dataclass(frozen=True)
class _Lut:
    """A lookup table of the header."""

    first: int
    """Value that the first entry belongs to; values below and above all entries take the first and the last."""
    entries: Values
    largest: float
    """Largest value of the entries' range."""

    def __call__(self, values: Values) -> Values:
        return self.entries[np.clip(np.rint(values) - self.first, 0, self.entries.size - 1).astype(np.int64)]


def to_grey(stored: NDArray[Any], dataset: Dataset) -> Grey:
    """Grey values, (H, W), of stored monochrome values, (H, W); without VOI LUT and window, wider ones than 8 bits are stretched.

    Raises:
        UnreadableError: a damaged lookup table, or undefined values.
    """
    if stored.dtype.kind == "f" or stored.dtype.itemsize > 2:  # noqa: PLR2004 - bytes
        return _wide_to_grey(stored, dataset)
    codes: NDArray[Any] = stored.view(f"{stored.dtype.byteorder}u{stored.dtype.itemsize}")
    values, padding = _values_of_codes(codes.dtype.itemsize * 8, dataset)
    modality = _modality(dataset)
    voi = _voi(dataset, signed=bool(modality(values).min() < 0))
    if voi is not None:
        table = _as_grey(voi(modality(values)))
    elif _is_plain_8_bit(dataset):
        table = values.astype(np.uint8)
    else:
        counts = np.zeros(values.size, np.int64)
        for block in rows_of(codes)():
            counts += np.bincount(block.ravel(), minlength=values.size)
        counts[padding] = 0
        table = _stretched(modality(values), counts)
    if _is_inverted(dataset):
        table = _WHITE - table
    table[padding] = 0
    return look_up(table, rows_of(codes))


def _wide_to_grey(stored: NDArray[Any], dataset: Dataset) -> Grey:
    """Values of 32 bits or more; their padding is not left out of the stretch."""
    values = _modality(dataset)(stored.astype(np.float64))
    if not np.isfinite(values).all():
        raise UnreadableError("holds infinite or undefined values")
    voi = _voi(dataset, signed=bool(values.min() < 0))
    grey = stretch(values) if voi is None else _as_grey(voi(values))
    return _WHITE - grey if _is_inverted(dataset) else grey


def _values_of_codes(bits: int, dataset: Dataset) -> tuple[Values, NDArray[np.bool_]]:
    """Value of each code of 8 or 16 bits as it lies in memory, and whether it is padding, (2**bits,) each.

    Bits above the stored ones may hold an overlay and are masked; signed values are in two's complement.
    """
    codes = np.arange(2**bits, dtype=np.int64)
    stored_bits = min(int(dataset.get("BitsStored", bits)), bits)
    if stored_bits < 1:
        raise UnreadableError("BitsStored is 0")
    shift = max(0, min(int(dataset.get("HighBit", stored_bits - 1)) + 1 - stored_bits, bits - stored_bits))
    signed = int(dataset.get("PixelRepresentation", 0)) == 1
    values = codes >> shift & (1 << stored_bits) - 1
    if signed:
        values = np.where(values >= 1 << stored_bits - 1, values - (1 << stored_bits), values)
    padding = np.zeros(codes.shape, bool)
    if (value := _number(dataset, "PixelPaddingValue")) is not None:
        limit = _number(dataset, "PixelPaddingRangeLimit")
        low, high = sorted((value, value if limit is None else limit))
        # Padding may be a value that the stored bits cannot hold, such as -2000 of 12 bits.
        in_memory = np.where(codes >= 1 << bits - 1, codes - (1 << bits), codes) if signed else codes
        for candidates in (values, in_memory):
            padding |= (candidates >= low) & (candidates <= high)
    return values.astype(np.float64), padding


def _modality(dataset: Dataset) -> Callable[[Values], Values]:
    """Modality LUT or rescaling (C.11.1)."""
    if sequence := dataset.get("ModalityLUTSequence"):
        return _lut(sequence[0])
    slope, intercept = _number(dataset, "RescaleSlope"), _number(dataset, "RescaleIntercept")
    if slope is None or intercept is None or slope == 0:
        return lambda values: values
    return lambda values: values * slope + intercept


def _voi(dataset: Dataset, *, signed: bool) -> Callable[[Values], Values] | None:
    """First VOI LUT or first window (C.11.2), to 0..1; None without either, or with a width that is not defined.

    Args:
        signed: whether modality values may be negative.
    """
    if sequence := dataset.get("VOILUTSequence"):
        lut = _lut(sequence[0], signed=signed)
        return lambda values: lut(values) / lut.largest
    centre, width = _number(dataset, "WindowCenter"), _number(dataset, "WindowWidth")
    if centre is None or width is None:
        return None
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    if width <= 0 or (function not in {"SIGMOID", "LINEAR_EXACT"} and width < 1):
        return None
    if function == "SIGMOID":
        return lambda values: 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700)))
    if function == "LINEAR_EXACT":
        return lambda values: np.clip((values - centre) / width + 0.5, 0, 1)
    # The width counts values, of which the first is black and the last white.
    return lambda values: np.where(
        values <= centre - 0.5 - (width - 1) / 2, 0, np.clip((values - (centre - 0.5)) / max(width - 1, 1e-9) + 0.5, 0, 1)
    )


def _lut(item: Dataset, *, signed: bool = False) -> _Lut:
    """Lookup table of a sequence item (C.11.1.1, C.11.2.1.1).

    In implicit VR the sign of its first value is not told by the element, but by the values that it maps (C.11.2.1.1). Some devices
    declare 16 bits for entries of fewer: the range is that of the largest entry, as whole bits.
    """
    count, first, bits = (int(number) for number in item.LUTDescriptor)
    count = count or _FULL_LUT
    if signed and first >= _FULL_LUT // 2:
        first -= _FULL_LUT
    data = item.LUTData
    if isinstance(data, bytes):
        # Entries of 8 bits are packed two to a word, or lie in a word each.
        itemsize = 1 if bits <= _BITS_8 and len(data) <= count + 1 else 2
        _, little_endian = item.original_encoding
        order = ">" if little_endian is False else "<"
        entries = np.frombuffer(data[: len(data) // itemsize * itemsize], f"{order}u{itemsize}")
    else:
        entries = np.atleast_1d(np.asarray(data, np.int64)) & 0xFFFF
    if entries.size < count or not 1 <= bits <= 16:  # noqa: PLR2004 - bits
        raise UnreadableError("damaged: a lookup table of the header is incomplete")
    entries = entries[:count].astype(np.float64)
    used_bits = min(bits, max(_BITS_8, int(entries.max()).bit_length()))
    return _Lut(first, entries, 2**used_bits - 1)


def _stretched(values: Values, counts: NDArray[np.int64]) -> Grey:
    """Table of grey values, (n,), by the percentile stretch of modality values, (n,), that occur `counts` times, (n,)."""
    used = counts > 0
    if not used.any():
        return np.zeros(values.shape, np.uint8)
    low, high = values[used].min(), values[used].max()
    # Rescaled values need not be integers.
    step = max((high - low) / (_FULL_LUT - 1), np.min(np.diff(np.unique(values[used])), initial=high - low or 1))
    positions = np.clip(np.rint((values - low) / step), 0, _FULL_LUT - 1).astype(np.int64)
    return stretch_table(np.bincount(positions, counts, _FULL_LUT).astype(np.int64))[positions]


def _as_grey(brightness: Values) -> Grey:
    """Grey values, (n,) or (H, W), of brightness in 0..1."""
    return np.rint(brightness * _WHITE).astype(np.uint8)


def _is_plain_8_bit(dataset: Dataset) -> bool:
    """Whether stored values are grey values already."""
    unsigned = int(dataset.get("PixelRepresentation", 0)) == 0
    rescaled = (_number(dataset, "RescaleSlope"), _number(dataset, "RescaleIntercept")) not in {(None, None), (1.0, 0.0)}
    return int(dataset.get("BitsStored", 0)) == _BITS_8 and unsigned and not rescaled and not dataset.get("ModalityLUTSequence")


def _is_inverted(dataset: Dataset) -> bool:
    """Whether high values are dark: MONOCHROME1, or the Presentation LUT Shape INVERSE, which says the same (C.8.11.3).

    MONOCHROME1 with the shape IDENTITY contradicts itself. Viewers then go by the photometric interpretation, as done here.
    """
    shape = str(dataset.get("PresentationLUTShape") or "").upper()
    return dataset.PhotometricInterpretation == "MONOCHROME1" or shape == "INVERSE"


def _number(dataset: Dataset, keyword: str) -> float | None:
    """First value of an element; None where it is absent, empty or no finite number."""
    value = dataset.get(keyword)
    if value is None or value == "":
        return None
    if not isinstance(value, str | int | float):
        value = next(iter(value), None)
    # "nan" and "inf" are decimal strings to Python, and no window to anybody.
    return None if value is None or not math.isfinite(float(value)) else float(value)
