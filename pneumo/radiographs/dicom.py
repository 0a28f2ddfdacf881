"""DICOM radiographs: opening, and decoding to 8-bit grey."""

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels import apply_color_lut

from pneumo.radiographs.dicom_codecs import check_decodable, stored_values
from pneumo.radiographs.dicom_file import read_dataset, transfer_syntax
from pneumo.radiographs.dicom_header import read_header
from pneumo.radiographs.dicom_lut import to_grey
from pneumo.radiographs.errors import UnreadableError, UnsuitableError, as_unreadable_error, warnings_of_decoders
from pneumo.radiographs.limits import check_shape

_PIXEL_DATA = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_NEEDED = ("Rows", "Columns", "BitsAllocated", "PhotometricInterpretation")
_MONOCHROME = frozenset({"MONOCHROME1", "MONOCHROME2"})
_COLOUR = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR"})
_RETIRED = frozenset({"ARGB", "CMYK", "HSV", "YBR_PARTIAL_420", "YBR_PARTIAL_422"})
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio")
_SQUARE_TOLERANCE = 0.01
"""Relative difference of a pixel's sides up to which it counts as square."""
_BITS_8 = 8
_COLOUR_PX = 128
"""Longer side at most of the image that colour is measured on."""


class DicomRadiograph:
    """An opened DICOM file of one frame."""

    jpeg_quantization = None

    def __init__(self, stream: BinaryIO) -> None:
        """Read the header and the encoded pixel data.

        Raises:
            UnreadableError: no pixel data, no decoder, a damaged header, or too large.
            UnsuitableError: more than one frame.
        """
        with as_unreadable_error(dicom=True), warnings_of_decoders() as caught:
            dataset = read_dataset(stream)
            if any("End of file" in str(warning.message) for warning in caught):
                raise UnreadableError("DICOM file is truncated")
            self.header = read_header(dataset)
            _check_image(dataset)
            self._syntax = transfer_syntax(dataset)
            check_decodable(dataset, self._syntax)
            self._dataset = dataset
            self.size = _square_size(dataset)
            check_shape(self.size, _bytes_per_pixel(dataset))
        colour = dataset.PhotometricInterpretation in _COLOUR
        self.mode = "RGB" if colour else "L" if int(dataset.get("BitsStored", 0)) <= _BITS_8 else "I;16"

    def grey(self, at_least: tuple[int, int] | None = None, *, known_sound: bool = False) -> Image.Image:
        """Decode to 8-bit grey with square pixels; see `pneumo.radiographs.radiograph.Radiograph.grey`."""
        with as_unreadable_error(dicom=True), warnings_of_decoders():
            values = stored_values(self._dataset, self._syntax, at_least)
            image = Image.fromarray(np.ascontiguousarray(self._grey_values(values)))
        columns, rows = self._dataset.Columns, self._dataset.Rows
        if self.size == (columns, rows):
            return image
        return image.resize(
            (round(image.width * self.size[0] / columns), round(image.height * self.size[1] / rows)), Image.Resampling.BICUBIC
        )

    def colourfulness(self) -> float:
        """Mean difference between the channels in grey levels; see `pneumo.radiographs.radiograph.Radiograph.colourfulness`."""
        if self._dataset.PhotometricInterpretation in _MONOCHROME:
            return 0.0
        with as_unreadable_error(dicom=True), warnings_of_decoders():
            values = stored_values(self._dataset, self._syntax)
            step = -(-max(values.shape[:2]) // _COLOUR_PX)
            colour = self._colour_values(values[::step, ::step])
        return float(np.ptp(colour, axis=2).mean())

    def _grey_values(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        if self._dataset.PhotometricInterpretation in _MONOCHROME:
            return to_grey(values, self._dataset)
        return np.asarray(Image.fromarray(self._colour_values(values)).convert("L"))

    def _colour_values(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """The high 8 bits of red, green and blue, (H, W, 3)."""
        bits = int(self._dataset.BitsStored)
        if self._dataset.PhotometricInterpretation == "PALETTE COLOR":
            values = apply_color_lut(values, self._dataset)
            bits = values.dtype.itemsize * _BITS_8
        high = values >> max(0, bits - _BITS_8)
        return np.ascontiguousarray(high[..., :3].astype(np.uint8))


def _check_image(dataset: Dataset) -> None:
    """Refuse what is no single image that can be decoded."""
    if not any(keyword in dataset for keyword in _PIXEL_DATA):
        raise UnreadableError("no pixel data")
    missing = [keyword for keyword in _NEEDED if dataset.get(keyword) in {None, ""}]
    if missing:
        raise UnreadableError(f"damaged header: no {missing[0]}")
    frames = _frames(dataset)
    if frames > 1:
        raise UnsuitableError(f"{frames} frames in one file")
    if dataset.PhotometricInterpretation not in _MONOCHROME | _COLOUR:
        # What is no defined term may be anything.
        named = f" {dataset.PhotometricInterpretation}" if dataset.PhotometricInterpretation in _RETIRED else ""
        raise UnreadableError(f"photometric interpretation{named} is not supported")


def _frames(dataset: Dataset) -> int:
    try:
        return int(dataset.get("NumberOfFrames") or 1)
    except (ValueError, TypeError) as error:
        raise UnreadableError("damaged header: NumberOfFrames is not a number") from error


def _bytes_per_pixel(dataset: Dataset) -> int:
    """Memory that decoding takes for each pixel; values of 32 bits and more are converted to 64 and sorted."""
    stored = max(1, int(dataset.BitsAllocated) // 8)
    return stored * int(dataset.get("SamplesPerPixel") or 1) * (1 if stored <= 2 else 4)  # noqa: PLR2004 - bytes


def _square_size(dataset: Dataset) -> tuple[int, int]:
    """Width and height in pixels after the shorter sides of pixels that are not square are made as long as the others."""
    columns, rows = int(dataset.Columns), int(dataset.Rows)
    for keyword in _SPACINGS:
        spacing = dataset.get(keyword)
        if isinstance(spacing, MultiValue) and len(spacing) == 2:  # noqa: PLR2004 - vertical and horizontal
            vertical, horizontal = (float(side) for side in spacing)
            break
    else:
        return columns, rows
    if vertical <= 0 or horizontal <= 0 or abs(vertical / horizontal - 1) <= _SQUARE_TOLERANCE:
        return columns, rows
    ratio = vertical / horizontal
    return (columns, round(rows * ratio)) if ratio > 1 else (round(columns / ratio), rows)
