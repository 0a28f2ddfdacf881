"""Recognizing and reading of DICOM files, with and without preamble, within limits."""

import io
import logging
import os
import zlib
from collections import Counter
from typing import Any, BinaryIO

from pydicom import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pydicom.valuerep import VR

from pneumo.radiographs.errors import UnreadableError
from pneumo.radiographs.limits import MAX_DECODED_BYTES

# Whatever pydicom logs it also raises or warns of; where a library has configured logging, it would appear a second time, as a
# traceback.
logging.getLogger("pydicom").propagate = False
HEAD_BYTES = 256
"""Of a file's beginning, as much as `is_dicom` looks at."""
_PREAMBLE_BYTES = 128
_MAGIC = b"DICM"
_FIRST_GROUPS = frozenset({0x0002, 0x0008})
# Identifying groups begin with one of the elements up to Image Type; text that looks like a tag names higher ones.
_LAST_FIRST_ELEMENT = 0x0018
_VALUE_REPRESENTATIONS = frozenset(str(value).encode() for value in VR)
_FILE_META_BYTES = 2**16
_LONG = frozenset({b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC", b"UR"})
"""Value representations whose length has 4 bytes (PS3.5, 7.1.2)."""
_HEADER_BYTES = 16 * 2**20


def is_dicom(head: bytes) -> bool:
    """Whether a file that begins so is DICOM: by its magic number (PS3.10, 7.1), or by a plausible first element."""
    if head[_PREAMBLE_BYTES : _PREAMBLE_BYTES + len(_MAGIC)] == _MAGIC:
        return True
    return any(_begins_with_element(head, order) for order in ("little", "big"))


def _begins_with_element(head: bytes, order: str) -> bool:
    little = order == "little"
    group, element = (int.from_bytes(head[at : at + 2], "little" if little else "big") for at in (0, 2))
    if group not in _FIRST_GROUPS or element > _LAST_FIRST_ELEMENT:
        return False
    if head[4:6] in _VALUE_REPRESENTATIONS:
        return True
    return little and int.from_bytes(head[4:8], "little") <= HEAD_BYTES


class BoundedReader(io.BufferedReader):
    """A file that is never asked for more than it holds: a damaged length of 4 GiB would be allocated before anything is read."""

    def read(self, size: int | None = -1, /) -> bytes:
        """As many bytes as there are, up to `size`."""
        if size is None or size < io.DEFAULT_BUFFER_SIZE:
            return super().read(size)
        return super().read(min(size, os.fstat(self.fileno()).st_size))


def read_dataset(stream: BinaryIO) -> Dataset:
    """Read a DICOM file whose transfer syntax may be missing, with its pixel data but without decoding it.

    Raises:
        UnreadableError: more data than the limit when inflated.
    """
    stream.seek(0)
    _check_deflated(stream)
    stream.seek(0)
    repeated: Counter[BaseTag] = Counter()

    def refuse_repeated(tag: BaseTag, *_: Any) -> bool:
        """A block of zeros would be read as millions of empty elements, in minutes."""
        repeated[tag] += 1
        # pydicom asks twice about the first element where its encoding is not as the transfer syntax says.
        if repeated[tag] > 2:  # noqa: PLR2004
            raise UnreadableError(f"damaged header: the element {tag} is repeated")
        return False

    return read_partial(stream, refuse_repeated, force=True)


def transfer_syntax(dataset: Dataset) -> UID:
    """Transfer syntax of a dataset; where the file does not name it, as it was found to be encoded."""
    stated = dataset.file_meta.get("TransferSyntaxUID") if hasattr(dataset, "file_meta") else None
    if stated:
        return UID(stated)
    implicit, little_endian = dataset.original_encoding
    if not little_endian:
        return ExplicitVRBigEndian
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def _check_deflated(stream: BinaryIO) -> None:
    """Refuse a deflated file that would inflate to more than the limit: pydicom inflates all of it at once."""
    start = _PREAMBLE_BYTES + len(_MAGIC)
    head = stream.read(start + _FILE_META_BYTES)
    if head[_PREAMBLE_BYTES:start] != _MAGIC or DeflatedExplicitVRLittleEndian.encode() not in head:
        return
    stream.seek(_end_of_file_meta(head, start))
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    while not inflate.eof and (block := stream.read(2**16)):
        while block and not inflate.eof:
            size += len(inflate.decompress(block, 2**20))
            block = inflate.unconsumed_tail
            if size > MAX_DECODED_BYTES + _HEADER_BYTES:
                raise UnreadableError(f"decompression bomb: inflates to more than {MAX_DECODED_BYTES // 2**20} MiB")


def _end_of_file_meta(head: bytes, start: int) -> int:
    """Where the file meta elements end: by the elements, as pydicom goes, because the group length may be wrong."""
    at = start
    while head[at : at + 2] == b"\x02\x00":
        if head[at + 4 : at + 6] in _LONG:
            at += 12 + int.from_bytes(head[at + 8 : at + 12], "little")
        else:
            at += 8 + int.from_bytes(head[at + 6 : at + 8], "little")
    return at
