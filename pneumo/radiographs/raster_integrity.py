"""Damage of PNG and TIFF files that Pillow does not report: wrong checksums of PNG chunks and of TIFF strips.

BMP, PGM, uncompressed TIFF and most of WebP have no redundancy: damage within their pixels cannot be seen, only missing bytes.
"""

import struct
import zlib
from collections.abc import Iterator

import simplejpeg
from PIL import TiffImagePlugin

from pneumo.radiographs.errors import UnreadableError
from pneumo.radiographs.limits import MAX_DECODED_BYTES

_PNG_SIGNATURE_BYTES = 8
_TIFF_JPEG = 7
_TIFF_DEFLATE = (8, 32946)
_JPEG_TABLES = 347
_SEPARATE_PLANES, _BITS_8 = 2, 8
_INFLATED_AT_ONCE = 2**20


def png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of the ancillary chunks of a PNG file; reading them all checks the CRC of every chunk (ISO/IEC 15948, 5.3).

    Raises:
        UnreadableError: a wrong CRC, or no end.
    """
    at, kind = _PNG_SIGNATURE_BYTES, b""
    view = memoryview(content)
    while kind != b"IEND":
        if at + 12 > len(content):
            raise UnreadableError("PNG file is truncated")
        (length,) = struct.unpack_from(">I", content, at)
        kind, end = content[at + 4 : at + 8], at + 8 + length
        if end + 4 > len(content):
            raise UnreadableError("PNG file is truncated")
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise UnreadableError(f"damaged: wrong CRC of PNG chunk {kind.decode('latin-1')}")
        if kind[:1].islower():
            yield kind, content[at + 8 : end]
        at = end + 4


def check_tiff(tags: TiffImagePlugin.ImageFileDirectory_v2, content: bytes) -> None:
    """Check the strips or tiles of a TIFF.

    Raises:
        UnreadableError: some lie beyond the end of the file, fail the checksum of deflate, or together hold more than the limit,
            whatever size the header states; or 16-bit colour in separate planes, which Pillow reads wrongly.
        ValueError: libjpeg's error or warning.
    """
    if tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == _SEPARATE_PLANES and max(tags[TiffImagePlugin.BITSPERSAMPLE]) > _BITS_8:
        raise UnreadableError("16-bit colour in separate planes is not supported")
    compression = tags.get(TiffImagePlugin.COMPRESSION, 1)
    tables = tags.get(_JPEG_TABLES, b"")
    left = MAX_DECODED_BYTES
    for strip in _tiff_strips(tags, content):
        if compression in _TIFF_DEFLATE:
            left -= _check_deflate(strip, left)
        elif compression == _TIFF_JPEG:
            # The tables are a JPEG stream of their own: joined without the end of the one and the start of the other.
            left -= _check_jpeg(bytes(tables[:-2]) + bytes(strip[2:]) if tables else bytes(strip), left)


def _tiff_strips(tags: TiffImagePlugin.ImageFileDirectory_v2, content: bytes) -> Iterator[memoryview]:
    tiled = TiffImagePlugin.TILEOFFSETS in tags
    offsets = tags.get(TiffImagePlugin.TILEOFFSETS if tiled else TiffImagePlugin.STRIPOFFSETS, ())
    counts = tags.get(TiffImagePlugin.TILEBYTECOUNTS if tiled else TiffImagePlugin.STRIPBYTECOUNTS, ())
    view = memoryview(content)
    for offset, count in zip(offsets, counts, strict=False):
        if offset + count > len(content):
            raise UnreadableError("TIFF file is truncated")
        yield view[offset : offset + count]


def _check_jpeg(jpeg: bytes, limit: int) -> int:
    """Decode a strip of at most `limit` pixels, and return their number."""
    height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
    if height * width > limit:
        raise _too_large()
    simplejpeg.decode_jpeg(jpeg, colorspace="GRAY", strict=True)
    return height * width


def _check_deflate(strip: memoryview, limit: int) -> int:
    """Inflate a strip of at most `limit` bytes, and return their number."""
    inflate = zlib.decompressobj()
    size = len(inflate.decompress(strip, _INFLATED_AT_ONCE))
    while not inflate.eof and inflate.unconsumed_tail and size <= limit:
        size += len(inflate.decompress(inflate.unconsumed_tail, _INFLATED_AT_ONCE))
    if size > limit:
        raise _too_large()
    if not inflate.eof:
        raise UnreadableError("damaged: a deflated block of the TIFF file is incomplete")
    return size


def _too_large() -> UnreadableError:
    return UnreadableError(f"decompression bomb: blocks of the TIFF file hold more than {MAX_DECODED_BYTES // 2**20} MiB")
