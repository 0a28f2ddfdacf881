"""Opening and decoding of raster files (JPEG, PNG, BMP, TIFF) to 8-bit grey, and why a file cannot be read."""

import stat
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from pneumo.errors import UserError
from pneumo.files import printable

READABLE_BEFORE = "it was readable when the cohort was indexed: run again"
"""Remedy for a radiograph of an indexed cohort."""
SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".bmp", ".tif", ".tiff"})
# Only these decoders may open a file, whatever its suffix: others, such as EPS, start external programs.
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF")
# Randomly damaged files raised the first three; the others are what Pillow's parsers may raise besides.
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, EOFError, struct.error, zlib.error)
# `warnings.catch_warnings` changes state of the whole process: one thread at a time.
_warnings_lock = threading.Lock()


class UnreadableError(Exception):
    """Reason why a file cannot be used as a radiograph, in a few words."""


def open_radiograph(file: Path) -> Image.Image:
    """Open a radiograph without decoding it; the caller closes it.

    Raises:
        UnreadableError: not a regular file, empty, not an image, or more pixels than `PIL.Image.MAX_IMAGE_PIXELS`.
    """
    with _as_unreadable_error():
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("not a regular file")
        if status.st_size == 0:
            raise UnreadableError("empty file")
        with _warnings_lock, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(file, formats=_FORMATS)


def grey(radiograph: Image.Image, at_least: tuple[int, int] | None = None) -> Image.Image:
    """Decode an opened radiograph to 8-bit grey (Pillow's mode L).

    Colour becomes luma (ITU-R 601-2). Transparent pixels become black, as air is. Values wider than 8 bits are scaled linearly from
    the radiograph's minimum and maximum to 0..255: such files hold 10 to 16 significant bits and do not say how many.

    Args:
        at_least: minimum width and height in pixels of a decoded JPEG: larger ones are decoded at 1/2, 1/4 or 1/8 of their size, in
            a fraction of the time. None: full size.

    Raises:
        UnreadableError: truncated or damaged.
    """
    radiograph.draft("L", at_least)  # affects JPEG only, which then decodes luma alone
    with _as_unreadable_error():
        radiograph.load()
        if radiograph.mode.startswith(("I", "F")):
            return _scaled(radiograph)
        if radiograph.has_transparency_data:
            black = Image.new("RGBA", radiograph.size, (0, 0, 0, 255))
            radiograph = Image.alpha_composite(black, radiograph.convert("RGBA"))
        return radiograph.convert("L")


def _scaled(radiograph: Image.Image) -> Image.Image:
    """Values scaled linearly from their minimum and maximum to 0..255."""
    values = np.asarray(radiograph, dtype=np.float64)
    low, high = values.min(), values.max()
    if not np.isfinite(high - low):
        raise UnreadableError("holds infinite or undefined values")
    return Image.fromarray(np.rint((values - low) * (255 / max(high - low, 1e-12))).astype(np.uint8))


@contextmanager
def unreadable_as_user_error(file: Path, remedy: str = READABLE_BEFORE) -> Iterator[None]:
    """Turn UnreadableError into a UserError that names the file and what to do."""
    try:
        yield
    except UnreadableError as error:
        raise UserError(f"{printable(file)}: {error}; {remedy}") from error


@contextmanager
def _as_unreadable_error() -> Iterator[None]:
    """Turn exceptions of Pillow and the file system into UnreadableError."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise UnreadableError("not a JPEG, PNG, BMP or TIFF image") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableError(f"decompression bomb: more than {Image.MAX_IMAGE_PIXELS} pixels") from error
    except _DAMAGE as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        raise UnreadableError(reason) from error
