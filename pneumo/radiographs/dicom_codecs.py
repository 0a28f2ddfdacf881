"""Decoding of DICOM pixel data: stored values of one frame, by the decoders that pydicom finds, and JPEG 2000 at reduced size.

JPEG 2000, RLE and uncompressed data have no checksum: damage that leaves as many values as there should be cannot be seen.
"""

import io
import os
import struct
from typing import Any, cast

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Jpeg2KImagePlugin
from pydicom import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder
from pydicom.pixels.utils import get_j2k_parameters
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from pneumo.radiographs import jpeg
from pneumo.radiographs.errors import UnreadableError
from pneumo.radiographs.jpeg_integrity import check_progressive, segments

# OpenJPEG in Pillow decodes the blocks of one image in as many threads; it holds the interpreter's lock meanwhile, so that threads
# of our own would wait for one another. It reads the variable whenever it opens an image.
os.environ.setdefault("OPJ_NUM_THREADS", str(os.cpu_count() or 1))
_JPEG_2000 = frozenset({JPEG2000, JPEG2000Lossless})
_JPEG = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1})
_JPEG_LS = frozenset({JPEGLSLossless, JPEGLSNearLossless})
_END_OF_IMAGE = b"\xff\xd9"
_LOSSLESS_FRAME = 0xC3
# Where pydicom would prefer another decoder: GDCM prints libjpeg's warnings, and pylibjpeg's RLE ends the process on damaged data.
_PLUGINS = {
    JPEGBaseline8Bit: "pillow",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    RLELossless: "pydicom",
}
_JPEG_START, _JPEG_2000_START = b"\xff\xd8", b"\xff\x4f\xff\x51"
# Start of frame: JPEG of all kinds (C4, C8 and CC are others), and JPEG-LS.
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_CODING_STYLE = b"\xff\x52"
_DECOMPOSITION_LEVELS = 9
"""Offset of the number of decomposition levels from the marker of the coding style."""
_BITS_8, _BITS_16 = 8, 16


def check_decodable(dataset: Dataset, syntax: UID) -> None:
    """Refuse a transfer syntax without a decoder, and JPEG of 12 bits, for which the only one is under the GPL.

    Raises:
        UnreadableError: no decoder, or the syntax is unknown.
    """
    if syntax == JPEGExtended12Bit and dataset.get("BitsStored") != _BITS_8:
        raise UnreadableError(f"no decoder for {syntax.name} of more than 8 bits")
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        raise UnreadableError(f"no decoder for the transfer syntax {syntax.name}")


def stored_values(dataset: Dataset, syntax: UID, at_least: tuple[int, int] | None = None) -> NDArray[Any]:
    """Values of the one frame, (H, W) or (H, W, 3) with YBR converted to RGB.

    Args:
        dataset: with its pixel data.
        syntax: its transfer syntax.
        at_least: width and height below which monochrome JPEG 2000 is not reduced by 2, 4 or 8; None: full size.

    Raises:
        UnreadableError: truncated.
        ValueError: or another error of a decoder.
    """
    if syntax.is_encapsulated:
        codestream = next(generate_frames(dataset.PixelData, number_of_frames=1), b"")
        _check_size(codestream, dataset)
        _check_end(codestream, syntax)
        if syntax in _JPEG:
            _check_jpeg(codestream)
        if syntax in _JPEG_2000 and _is_monochrome(dataset):
            levels = _skipped_levels(codestream, (dataset.Columns, dataset.Rows), at_least)
            if levels:
                return _reduced(codestream, levels, dataset)
    try:
        values, _ = get_decoder(syntax).as_array(
            dataset,
            index=0,
            view_only=True,
            as_rgb=True,
            decoding_plugin=_plugin(dataset, syntax),
            # It takes the lowest bits for the stored ones, whatever HighBit says; `dicom_lut` looks.
            correct_unused_bits=int(dataset.get("SamplesPerPixel") or 1) > 1,
        )
    except RuntimeError as error:
        # pydicom lists the errors of its decoders, a line each.
        reason = str(error).splitlines()[-1].partition(": ")[2]
        raise UnreadableError(f"{syntax.name} cannot be decoded: {reason}") from error
    return values


def _plugin(dataset: Dataset, syntax: UID) -> str:
    """Name of the decoder in pydicom; "" for the first that is able to."""
    if syntax in _JPEG_2000:
        # Pillow's uses several threads, but reduces colour to 8 bits.
        return "pillow" if _is_monochrome(dataset) else "pylibjpeg"
    return _PLUGINS.get(syntax, "")


def _is_monochrome(dataset: Dataset) -> bool:
    return int(dataset.get("SamplesPerPixel") or 1) == 1


def _check_jpeg(codestream: bytes) -> None:
    """Refuse a damaged JPEG by the warnings of libjpeg, which pydicom's decoders do not report.

    The entropy-coded differences of lossless JPEG are read alike whatever the precision (ITU-T T.81, H.1.2), of which the checking
    decoder knows 8 bits alone.
    """
    for segment in segments(codestream):
        if segment.marker == _LOSSLESS_FRAME:
            at = segment.start
            codestream = codestream[:at] + bytes([_BITS_8]) + codestream[at + 1 :]
            break
    _, _, colour_space, _ = simplejpeg.decode_jpeg_header(codestream)
    simplejpeg.decode_jpeg(codestream, colorspace="GRAY" if colour_space == "Gray" else "RGB", strict=True)
    check_progressive(codestream)


def _check_size(codestream: bytes, dataset: Dataset) -> None:
    """Refuse a codestream of another size than the header's, by which the memory of decoding was limited.

    Raises:
        UnreadableError: the sizes differ.
    """
    size = None
    if codestream.startswith(_JPEG_2000_START):
        # SIZ follows at once (ITU-T T.800, A.5.1): right and lower edge, left and upper edge.
        right, lower, left, upper = struct.unpack_from(">4I", codestream, 8)
        size = (right - left, lower - upper)
    elif codestream.startswith(_JPEG_START):
        for segment in segments(codestream):
            if segment.marker in _FRAME_HEADERS:
                size = struct.unpack_from(">HH", segment.data, 1)[::-1]
                break
    if size is not None and size != (dataset.Columns, dataset.Rows):
        raise UnreadableError(f"damaged: the image is {size[0]} x {size[1]}, the header says {dataset.Columns} x {dataset.Rows}")


def _check_end(codestream: bytes, syntax: UID) -> None:
    """Refuse JPEG-LS without its end marker, for which its decoder searches through noise for seconds (ITU-T T.87, C.1.1).

    Raises:
        UnreadableError: there is none.
    """
    if syntax in _JPEG_LS and not codestream.rstrip(b"\0").endswith(_END_OF_IMAGE):
        raise UnreadableError("damaged: the JPEG-LS image has no end")


def _skipped_levels(codestream: bytes, size: tuple[int, int], at_least: tuple[int, int] | None) -> int:
    """Number of resolution levels that need not be decoded."""
    factor = jpeg.reduction(size, at_least)
    at = codestream.find(_CODING_STYLE)
    levels = codestream[at + _DECOMPOSITION_LEVELS] if at >= 0 else 0
    return min(factor.bit_length() - 1, levels)


class _Jpeg2000(Jpeg2KImagePlugin.Jpeg2KImageFile):
    """A JPEG 2000 image whose size after reduction is rounded up, as the standard has it (B.5); Pillow rounds to the nearest."""

    def skip_levels(self, levels: int) -> None:
        """Decode at 1/2**levels of the size."""
        self._size = -(-self.width >> levels), -(-self.height >> levels)
        tile = self.tile[0]
        kind, _, *others = cast("tuple[Any, ...]", tile.args)
        self.tile = [tile._replace(extents=(0, 0, *self.size), args=(kind, levels, *others))]


def _reduced(codestream: bytes, levels: int, dataset: Dataset) -> NDArray[Any]:
    """Stored values of monochrome JPEG 2000 at 1/2, 1/4 or 1/8 of its size, (h, w)."""
    with _Jpeg2000(io.BytesIO(codestream)) as image:
        image.skip_levels(levels)
        scaled = np.asarray(image)
    parameters = get_j2k_parameters(codestream)
    precision = parameters.get("precision", dataset.BitsStored)
    bits = _BITS_8 if precision <= _BITS_8 else _BITS_16
    # Pillow moves values up to fill its 8 or 16 bits, and signed ones to begin at 0.
    values = scaled.astype(np.float32) / (1 << bits - precision)
    if parameters.get("is_signed", False):
        values -= 1 << precision - 1
    # Values of the lowest subband lie at the first of the pixels that they stand for, and not in their middle.
    offset = (1 - 0.5**levels) / 2
    for axis in (0, 1):
        values += (
            np.concatenate([values.take(range(1, values.shape[axis]), axis), values.take([-1], axis)], axis) - values
        ) * offset
    return np.rint(values).astype(np.int16 if int(dataset.get("PixelRepresentation", 0)) else np.uint16)
