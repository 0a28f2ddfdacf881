"""Damage of JPEG files that libjpeg does not even warn of: missing scans, and block means that no encoder writes.

JPEG has no checksum: damage that leaves a valid stream of as many blocks with plausible means cannot be seen.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import simplejpeg

from pneumo.radiographs.errors import UnreadableError
from pneumo.radiographs.grey import Grey

# Within entropy-coded data, FF is followed by 00 or by a restart marker.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_DEFINE_QUANTIZATION = 0xDB
_PROGRESSIVE_FRAME = 0xC2
_FRAMES = frozenset({0xC0, 0xC1, _PROGRESSIVE_FRAME})
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
_COEFFICIENTS = 64
_BLOCK_PX = 8
_VISIBLE_SHARE = 0.005
_ABRUPT_LEVELS = 16
_MIDDLE_GREY, _WHITE = 128, 255


@dataclass(frozen=True)
class Segment:
    """A marker segment of a JPEG file."""

    marker: int
    start: int
    """Offset in the file, behind marker and length."""
    data: bytes


def check_progressive(content: bytes) -> None:
    """Refuse a progressive JPEG without its last scans, which decoders show blurred without a word (ITU-T T.81, G.1.1.1).

    Raises:
        UnreadableError: a coefficient of a component has not been sent to its last bit.
    """
    missing: dict[int, list[int]] = {}
    for segment in segments(content):
        data = segment.data
        if segment.marker == _PROGRESSIVE_FRAME:
            missing = {data[6 + 3 * number]: [1] * _COEFFICIENTS for number in range(data[5])}
        elif segment.marker == _START_OF_SCAN and missing:
            first, last, precision = data[1 + 2 * data[0] :][:3]
            for component in data[1 : 1 + 2 * data[0] : 2]:
                missing[component][first : last + 1] = [precision & 15] * (last + 1 - first)
    if any(any(bits) for bits in missing.values()):
        raise UnreadableError("damaged: scans of the progressive JPEG are missing")


def check_block_means(content: bytes, size: tuple[int, int], grey: Grey, factor: int) -> None:
    """Refuse a JPEG with blocks whose mean luma is far below 0 or above 255: an earlier difference of means was damaged.

    Each mean is stored as the difference from that of the block before, so an error is carried on to the end. Encoders compute
    means of samples in 0..255. Decoders clip them, so the file is decoded again, at one pixel a block, as if means had been
    quantized in the finest steps; this is done only where some may have been.

    Args:
        content: the JPEG file.
        size: its width and height in pixels.
        grey: (h, w), its luma, decoded at 1/factor of the size.
        factor: 1, 2, 4 or 8.

    Raises:
        UnreadableError: some block is too dark or too bright.
    """
    if not _may_be_clipped(grey, _BLOCK_PX // factor):
        return
    finest, step = _with_finest_means(content)
    width, height = size
    smallest = {"min_height": -(-height // _BLOCK_PX), "min_width": -(-width // _BLOCK_PX)}
    means = simplejpeg.decode_jpeg(finest, colorspace="GRAY", **smallest).astype(np.int32)
    means = (means - _MIDDLE_GREY) * step + _MIDDLE_GREY
    if means.min() < -step or means.max() > _WHITE + step:
        raise UnreadableError("damaged: blocks of the JPEG are darker than black or brighter than white")


def _may_be_clipped(grey: Grey, block_px: int) -> bool:
    """Whether a visible part of the blocks is black or white, and one row of blocks much darker or brighter than the row above.

    True of 9 in 10 damaged files that have impossible means, and of 1 in 6 sound radiographs.
    """
    samples = grey[block_px // 2 :: block_px, block_px // 2 :: block_px].astype(np.int16)
    clipped = np.count_nonzero((samples == 0) | (samples == _WHITE))
    if clipped < _VISIBLE_SHARE * samples.size:
        return False
    changes = np.sort(samples[1:] - samples[:-1], axis=1)
    median = changes[:, changes.shape[1] // 2]
    return bool(np.abs(median).max() > _ABRUPT_LEVELS)


def _with_finest_means(content: bytes) -> tuple[bytes, int]:
    """The file with all quantization steps of block means set to 1, and the step that luma had, in eighths of a grey level."""
    changed, steps, table_of_luma = bytearray(content), dict[int, int](), 0
    for segment in segments(content):
        if segment.marker == _START_OF_SCAN:
            break
        if segment.marker in _FRAMES:
            table_of_luma = segment.data[8]
        at = 0
        while segment.marker == _DEFINE_QUANTIZATION and at < len(segment.data):
            width, table = 1 + (segment.data[at] >> 4), segment.data[at] & 15
            step = slice(at + 1, at + 1 + width)
            steps[table] = int.from_bytes(segment.data[step], "big")
            changed[segment.start + step.start : segment.start + step.stop] = (1).to_bytes(width, "big")
            at += 1 + _COEFFICIENTS * width
    return bytes(changed), steps[table_of_luma]


def segments(content: bytes) -> Iterator[Segment]:
    """Marker segments of a JPEG file; entropy-coded data are skipped."""
    at = 2
    while match := _MARKER.search(content, at):
        marker, start = content[match.start() + 1], match.end() + 2
        if marker == _END_OF_IMAGE:
            return
        (length,) = struct.unpack_from(">H", content, match.end())
        at = match.end() + max(2, length)
        yield Segment(marker, start, content[start:at])
