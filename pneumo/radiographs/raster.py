"""One file of a radiograph as 8-bit grey pixels, or the plain reason why it has none."""

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

SUFFIXES = frozenset({".jpeg", ".jpg", ".png", ".bmp", ".tif", ".tiff"})
# Only these decoders may see a file, whatever its name says: others (EPS for one) start programs.
_FORMATS = ("JPEG", "PNG", "BMP", "TIFF")
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# Files damaged at random were seen to raise the first three; the others are what Pillow's parsers may let through.
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, EOFError, struct.error, zlib.error)
# `warnings.catch_warnings` changes the process, so only one thread at a time may be inside.
_opening = threading.Lock()


class UnreadableError(Exception):
    """Why a file cannot be used as a radiograph, in a few words."""


def open_radiograph(file: Path) -> Image.Image:
    """Open a radiograph without decoding it; to be closed by the caller.

    Raises:
        UnreadableError: no regular file, empty, not a picture, or more pixels than `PIL.Image.MAX_IMAGE_PIXELS`.
    """
    with _as_unreadable_error():
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("not a regular file")
        if status.st_size == 0:
            raise UnreadableError("empty file")
        with _opening, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(file, formats=_FORMATS)


def grey(radiograph: Image.Image, at_least: tuple[int, int] | None = None) -> Image.Image:
    """Decode an opened radiograph to 8-bit grey (Pillow's mode L).

    Colour becomes luma (ITU-R 601-2). Transparent pixels show black, the colour of air. Values wider than 8 bits are stretched
    from the radiograph's own minimum and maximum to 0..255: such files hold 10 to 16 significant bits and do not say how many.

    Args:
        at_least: width and height in pixels below which a JPEG may not be decoded; larger ones then come out at 1/2, 1/4 or 1/8
            of their size, which costs a fraction of the time. None: full size.

    Raises:
        UnreadableError: truncated or damaged.
    """
    radiograph.draft("L", at_least)  # only JPEG listens: it then decodes nothing but the luma
    with _as_unreadable_error():
        radiograph.load()
        if radiograph.mode.startswith(("I", "F")):
            return _stretched(radiograph)
        if radiograph.has_transparency_data:
            black = Image.new("RGBA", radiograph.size, (0, 0, 0, 255))
            radiograph = Image.alpha_composite(black, radiograph.convert("RGBA"))
        return radiograph.convert("L")


def _stretched(radiograph: Image.Image) -> Image.Image:
    values = np.asarray(radiograph, dtype=np.float64)
    low, high = values.min(), values.max()
    if not np.isfinite(high - low):
        raise UnreadableError("holds infinite or undefined values")
    return Image.fromarray(np.rint((values - low) * (255 / max(high - low, 1e-12))).astype(np.uint8))


@contextmanager
def _as_unreadable_error() -> Iterator[None]:
    """Turn what Pillow and the file system raise into UnreadableError."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise UnreadableError("not a JPEG, PNG, BMP or TIFF picture") from error
    except _BOMB as error:
        raise UnreadableError(f"decompression bomb: more than {Image.MAX_IMAGE_PIXELS} pixels") from error
    except _DAMAGE as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        raise UnreadableError(reason) from error
