"""Zip and tar archives: their files and links, read in one pass."""

import gzip
import lzma
import posixpath
import struct
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pneumo.errors import UserError
from pneumo.files import printable

# Exceptions of zipfile and tarfile for damaged archives: NotImplementedError is zipfile's word for an unknown compression method or
# version; the last three came from overwritten names and fields.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    struct.error,
    IndexError,
    UnicodeDecodeError,
)
TAR_SUFFIXES = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
_ENCRYPTED = 0x1
_IS_LINK = 0o120000
_TYPE_BITS = 0o170000
# Of the path that a link in a zip holds.
_LONGEST_PATH = 4096


@dataclass(frozen=True)
class Member:
    """A file of an archive."""

    name: str
    size: int
    """Of the unpacked file in bytes."""
    link: str | None = None
    """What a link leads to, a path relative to the archive; None for a file of its own."""


class Archive(ABC):
    """What zip and tar have in common."""

    @abstractmethod
    def members(self) -> Iterator[Member]:
        """Files and links, in the archive's order."""

    @abstractmethod
    def contents(self, names: Mapping[str, object]) -> Iterator[tuple[str, IO[bytes]]]:
        """Name and content of some of the files, in the archive's order."""


class _Zip(Archive):
    def __init__(self, opened: zipfile.ZipFile) -> None:
        self._opened = opened
        # Programs for Windows write backslashes.
        self._infos = {_plain(info.filename.replace("\\", "/")): info for info in opened.infolist() if not info.is_dir()}

    def members(self) -> Iterator[Member]:
        if any(info.flag_bits & _ENCRYPTED for info in self._infos.values()):
            raise UserError("is encrypted; unpack it yourself and give the path of the folder")
        for name, info in self._infos.items():
            link = None
            if (info.external_attr >> 16) & _TYPE_BITS == _IS_LINK and info.file_size <= _LONGEST_PATH:
                target = _target(name, self._opened.read(info).decode(errors="replace"))
                link = None if escapes(target) else target  # a file that holds a path, which is harmless
            yield Member(name, info.file_size, link)

    def contents(self, names: Mapping[str, object]) -> Iterator[tuple[str, IO[bytes]]]:
        for name, info in self._infos.items():
            if name in names:
                with self._opened.open(info) as stream:
                    yield name, stream


class _Tar(Archive):
    def __init__(self, opened: tarfile.TarFile, folder: Path) -> None:
        self._opened, self._folder = opened, folder

    def members(self) -> Iterator[Member]:
        for info in self._opened:
            if info.isdir():
                continue
            name = _plain(info.name)
            try:
                # Python's rules for archives that are not trusted (PEP 706): no escapes, no links out, no devices.
                tarfile.data_filter(info, str(self._folder))
            except tarfile.FilterError as error:
                raise UserError(
                    f"{printable(info.name)} points outside the archive's folder, or is no file; do not trust this archive"
                ) from error
            if info.issym():
                yield Member(name, 0, _target(name, info.linkname))
            elif info.islnk():
                yield Member(name, 0, posixpath.normpath(info.linkname))
            else:
                yield Member(name, info.size)
        self._check_sum()

    def _check_sum(self) -> None:
        """Read what is left of a compressed archive: the checksum stands at its end."""
        if self._opened.fileobj is not None:
            while self._opened.fileobj.read(1 << 20):
                pass

    def contents(self, names: Mapping[str, object]) -> Iterator[tuple[str, IO[bytes]]]:
        last = {_plain(info.name): info for info in self._opened.getmembers()}
        for info in self._opened.getmembers():
            if _plain(info.name) not in names:
                continue
            # Of several with one name the last counts, as when a tar is extended.
            if info.isreg() and last[_plain(info.name)] is info and (stream := self._opened.extractfile(info)):
                with stream:
                    yield _plain(info.name), stream


@contextmanager
def open_archive(archive: Path, directory: Path) -> Iterator[Archive]:
    """Open an archive as what it is; one that is neither is opened as a zip, whose error says so."""
    if _is_tar(archive):
        with closing(tarfile.open(archive)) as tar:
            yield _Tar(tar, directory / "unpacked")
    else:
        with zipfile.ZipFile(archive) as zipped:
            yield _Zip(zipped)


def _is_tar(archive: Path) -> bool:
    if archive.name.lower().endswith(TAR_SUFFIXES):
        return True
    return not zipfile.is_zipfile(archive) and tarfile.is_tarfile(archive)


def escapes(name: str) -> bool:
    """Whether a name leads out of the archive's folder."""
    return name.startswith("/") or ".." in name.split("/") or name[1:3] == ":/"


def _target(name: str, link: str) -> str:
    """Path in the archive that a symbolic link leads to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), link))


def _plain(name: str) -> str:
    """A name without `./` and doubled slashes."""
    return "/".join(part for number, part in enumerate(name.split("/")) if part not in ("", ".") or (number == 0 and part == ""))
