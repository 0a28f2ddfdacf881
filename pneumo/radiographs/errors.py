"""Why a file cannot be used as a radiograph, as an exception and as one line for the user."""

import re
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from pydicom.errors import BytesLengthException, InvalidDicomError

from pneumo.errors import UserError
from pneumo.files import printable

READABLE_BEFORE = "it was readable when the cohort was indexed: run again"
"""Remedy for a radiograph of an indexed cohort."""
# Randomly damaged files raised the first three; the others are what parsers of Pillow and pydicom may raise besides.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    EOFError,
    AttributeError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    BytesLengthException,
    InvalidDicomError,
)
_QUOTED = re.compile(r"b?'[^']*'|b?\"[^\"]*\"")
# `warnings.catch_warnings` changes state of the whole process: one thread at a time.
_warnings_lock = threading.Lock()


class UnreadableError(Exception):
    """Reason why a file cannot be used as a radiograph, in a few words on one line, whatever text of the file it quotes."""

    dicom = False
    """Whether the file is DICOM by its content; the names of such files may identify a patient."""

    def __init__(self, reason: str) -> None:
        super().__init__(printable(" ".join(reason.split())))


class UnsuitableError(UnreadableError):
    """Reason why a sound file is no single frontal radiograph: its modality, its view, or more than one image in it."""


@contextmanager
def unreadable_as_user_error(file: Path, remedy: str = READABLE_BEFORE) -> Iterator[None]:
    """Turn UnreadableError into a UserError that names the file and what to do."""
    try:
        yield
    except UnreadableError as error:
        raise UserError(f"{printable(file)}: {error}; {remedy}") from error


@contextmanager
def as_unreadable_error(*, dicom: bool = False) -> Iterator[None]:
    """Turn exceptions of decoders and the file system into UnreadableError with a reason of one line, marked as of a DICOM file."""
    try:
        with _one_line(_without_quotes if dicom else str):
            yield
    except UnreadableError as error:
        error.dicom = error.dicom or dicom
        raise


def _without_quotes(text: str) -> str:
    """A message without the text of a header that it quotes, which may identify the patient."""
    return _QUOTED.sub("its text", text)


@contextmanager
def _one_line(shown: Callable[[str], str]) -> Iterator[None]:
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableError(f"decompression bomb: more than {Image.MAX_IMAGE_PIXELS} pixels") from error
    except DAMAGE as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        if not reason or not isinstance(error, OSError | SyntaxError | ValueError | RuntimeError | zlib.error):
            # The text of the others says nothing without the line of code.
            reason = f"damaged ({type(error).__name__} {reason})"
        raise UnreadableError(shown(reason)) from error


@contextmanager
def warnings_of_decoders() -> Iterator[list[warnings.WarningMessage]]:
    """Collect the warnings of decoders instead of printing them; Pillow's about decompression bombs are errors."""
    with _warnings_lock, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield caught
