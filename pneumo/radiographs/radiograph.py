"""One radiograph file, whatever its format: its size, its header and its 8-bit grey pixels."""

import io
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from PIL import Image

from pneumo.radiographs.dicom import DicomRadiograph
from pneumo.radiographs.dicom_file import HEAD_BYTES, BoundedReader, is_dicom
from pneumo.radiographs.dicom_header import DicomHeader
from pneumo.radiographs.errors import UnreadableError, UnsuitableError, as_unreadable_error
from pneumo.radiographs.limits import MAX_FILE_BYTES
from pneumo.radiographs.raster import SUFFIXES as RASTER_SUFFIXES
from pneumo.radiographs.raster import RasterRadiograph

__all__ = [
    "DECODERS",
    "DICOM_SUFFIXES",
    "SUFFIXES",
    "Radiograph",
    "UnreadableError",
    "UnsuitableError",
    "open_content",
    "open_radiograph",
]

DECODERS = ", ".join(
    f"{name} {version(name)}" for name in ("pillow", "simplejpeg", "pydicom", "python-gdcm", "pyjpegls", "pylibjpeg-openjpeg")
)
"""The libraries that decide pixels: part of the identity of everything that is cached of them."""
DICOM_SUFFIXES = frozenset({".dcm", ".dicom", ".dic", ".ima"})
SUFFIXES = RASTER_SUFFIXES | DICOM_SUFFIXES
"""Suffixes of radiograph files; DICOM files often have none."""


class Radiograph(Protocol):
    """An opened radiograph."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels as `grey` returns it in full: upright, with square pixels."""

    @property
    def mode(self) -> str:
        """Pillow's mode of the stored pixels; for DICOM "L" up to 8 bits, "I;16" above, or "RGB"."""

    @property
    def header(self) -> DicomHeader | None:
        """Header of a DICOM file; None for other formats."""

    @property
    def jpeg_quantization(self) -> Sequence[int] | None:
        """Luminance quantization table of a JPEG file; None for other formats."""

    def colourfulness(self) -> float:
        """Difference between the largest and the smallest channel in grey levels, 0..255, on average over a reduced image.

        0 for what is stored as grey.

        Raises:
            UnreadableError: truncated or damaged.
        """

    def grey(self, at_least: tuple[int, int] | None = None, *, known_sound: bool = False) -> Image.Image:
        """Decode to 8-bit grey, Pillow's mode L.

        Args:
            known_sound: whether the file passed before; then damage that decoders do not notice is not looked for again.
            at_least: width and height in pixels below which JPEG and JPEG 2000 are not reduced: larger ones are decoded at 1/2, 1/4
                or 1/8 of their size, in a fraction of the time. None: full size.

        Raises:
            UnreadableError: truncated or damaged.
        """


@contextmanager
def open_radiograph(file: Path) -> Iterator[Radiograph]:
    """Open a radiograph, whose format its content decides, without decoding its pixels.

    Raises:
        UnreadableError: not a regular file, empty, of no supported format, damaged, or too large.
        UnsuitableError: more than one image.
    """
    with as_unreadable_error():
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableError("not a regular file")
        if status.st_size == 0:
            raise UnreadableError("empty file")
        with file.open("rb", buffering=0) as stream:
            head = stream.read(HEAD_BYTES)
            dicom = is_dicom(head)
            if status.st_size > MAX_FILE_BYTES:
                with as_unreadable_error(dicom=dicom):
                    raise UnreadableError(f"a file of more than {MAX_FILE_BYTES // 2**20} MiB")
            if dicom:
                with BoundedReader(stream) as buffered:
                    radiograph: Radiograph = DicomRadiograph(buffered)
            else:
                radiograph = RasterRadiograph(head + stream.read())
    yield radiograph


def open_content(content: bytes) -> Radiograph:
    """Open a radiograph that is in memory, as `open_radiograph` opens a file.

    Raises:
        UnreadableError: empty, of no supported format, damaged, or too large.
        UnsuitableError: more than one image.
    """
    with as_unreadable_error():
        if not content:
            raise UnreadableError("empty file")
        if len(content) > MAX_FILE_BYTES:
            raise UnreadableError(f"a file of more than {MAX_FILE_BYTES // 2**20} MiB")
        return DicomRadiograph(io.BytesIO(content)) if is_dicom(content[:HEAD_BYTES]) else RasterRadiograph(content)
