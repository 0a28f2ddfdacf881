"""Where radiographs to predict come from: files, folders, archives, manifests, and lists of paths."""

import stat
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, TextIO

from pneumo import config
from pneumo.cohort.archive_formats import DAMAGE, TAR_SUFFIXES, escapes, open_archive
from pneumo.cohort.layout import list_files, system_file
from pneumo.cohort.manifest_file import HEADER_ROW, find_column, no_column, read_rows
from pneumo.cohort.manifest_file import SUFFIXES as MANIFEST_SUFFIXES
from pneumo.cohort.manifest_paths import find_files, normalize
from pneumo.errors import UserError
from pneumo.files import printable
from pneumo.radiographs.limits import MAX_FILE_BYTES
from pneumo.radiographs.radiograph import SUFFIXES

LIST = "-"
"""Operand that stands for a list of paths on standard input, one on each line."""
_ARCHIVES = (".zip", *TAR_SUFFIXES)


class RadiographSource(NamedTuple):
    """A radiograph by its name and a function that reads its content."""

    name: str
    read: Callable[[], bytes]


def of_file(file: Path) -> RadiographSource:
    """A radiograph file."""
    return RadiographSource(str(file), partial(_read, file))


class RadiographSources:
    """The radiographs of files, folders (recursively, in order of their names), archives and manifests, found once.

    A file that is named is taken whatever its suffix; within folders and archives, files with the suffix of another format are not.
    """

    def __init__(self, paths: Iterable[str], cohort: config.Cohort, standard_input: TextIO) -> None:
        """Look at every path, so that a mistake is reported before the first radiograph is read.

        Raises:
            UserError: a path that does not exist, or a damaged archive or manifest.
        """
        self.skipped = 0
        """Files of other formats in the folders and archives that were listed so far."""
        self._cohort = cohort
        self._parts = [self._of_list(standard_input) if path == LIST else self._of_path(path) for path in paths]

    def __iter__(self) -> Iterator[RadiographSource]:
        """Yield the radiographs; a path on standard input and the rest of an archive that cannot be read are refused when read."""
        return chain.from_iterable(self._parts)

    def _of_path(self, path: str) -> Iterator[RadiographSource]:
        file = Path(path)
        try:
            folder = stat.S_ISDIR(file.stat().st_mode)
        except (OSError, ValueError) as error:
            absent = isinstance(error, FileNotFoundError | NotADirectoryError)
            problem = "no such file or folder" if absent else getattr(error, "strerror", None) or str(error)
            raise UserError(f"{printable(path)}: {problem}; give the path of a radiograph, folder, archive or manifest") from error
        if folder:
            return self._of_folder(file)
        if file.suffix.lower() in MANIFEST_SUFFIXES:
            return _of_manifest(file, self._cohort)
        if file.name.lower().endswith(_ARCHIVES):
            _check_archive(file, self._cohort.cache_dir)
            return self._of_archive(file)
        return iter([of_file(file)])

    def _of_list(self, lines: TextIO) -> Iterator[RadiographSource]:
        for line in lines:
            path = line.rstrip("\r\n")
            if path in ("", LIST):
                continue
            try:
                found = self._of_path(path)
            except UserError as error:
                found = iter([_refused(path, str(error).removeprefix(f"{printable(path)}: "))])
            yield from found

    def _of_folder(self, folder: Path) -> Iterator[RadiographSource]:
        try:
            names = sorted(list_files(folder))
        except OSError as error:
            raise UserError(f"{printable(error.filename)}: {error.strerror}; make the folder readable") from error
        return (of_file(folder / name) for name in self._wanted(names))

    def _of_archive(self, archive: Path) -> Iterator[RadiographSource]:
        try:
            with open_archive(archive, self._cohort.cache_dir) as opened:
                names = [member.name for member in opened.members() if member.link is None and not escapes(member.name)]
                for name, stream in opened.contents(dict.fromkeys(self._wanted(names))):
                    # Read here and not in the threads that decode: the members of an archive share its file.
                    yield _of_member(f"{archive}/{name}", stream)
        except (UserError, OSError, *DAMAGE) as error:
            yield _refused(str(archive), f"the rest of the archive cannot be read ({printable(error)[:120]})")

    def _wanted(self, names: Iterable[str]) -> list[str]:
        """Names of files that may be radiographs; the others are counted, but for those that an operating system leaves behind."""
        files = [name for name in names if system_file(name) is None]
        wanted = [name for name in files if _may_be_radiograph(name)]
        self.skipped += len(files) - len(wanted)
        return wanted


def _check_archive(archive: Path, directory: Path) -> None:
    """Open an archive and read its first entry."""
    try:
        with open_archive(archive, directory) as opened:
            next(opened.members(), None)
    except UserError as error:
        raise UserError(f"{printable(archive)} {error}") from error
    except (OSError, *DAMAGE) as error:
        raise UserError(f"{printable(archive)}: damaged archive ({printable(error)[:120]}); give the folder instead") from error


def _of_member(name: str, stream: IO[bytes]) -> RadiographSource:
    try:
        content = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, *DAMAGE) as error:
        return _refused(name, f"damaged in the archive ({printable(error)[:120]})")
    return RadiographSource(name, partial(_same, content))


def _of_manifest(file: Path, cohort: config.Cohort) -> Iterator[RadiographSource]:
    root = file.parent if cohort.root is None else cohort.root
    rows = read_rows(file, set(cohort.manifest.path))
    column = find_column(list(rows.columns), cohort.manifest.path)
    if column is None:
        problem = no_column(list(rows.columns), cohort.manifest.path[0], "path")
        raise UserError(f"{printable(file)}: row {HEADER_ROW}: {problem}")
    before, after = cohort.manifest.path_template.split("{}")
    paths = normalize(before + rows[column] + after, root, printable(file)).drop_duplicates()
    return (of_file(root / (found or path)) for path, found in zip(paths, find_files(paths, root), strict=True))


def _refused(name: str, reason: str) -> RadiographSource:
    """What stands for a radiograph that cannot be read."""
    return RadiographSource(name, partial(_fail, reason))


def _fail(reason: str) -> bytes:
    raise OSError(0, reason)


def _may_be_radiograph(name: str) -> bool:
    suffix = PurePosixPath(name).suffix.lower()
    # DICOM files have no suffix, or end in a part of their UID.
    return suffix in SUFFIXES or not suffix or suffix[1:].isdecimal()


def _read(file: Path) -> bytes:
    try:
        mode = file.stat().st_mode
    except ValueError as error:
        raise OSError(0, str(error)) from error
    if not stat.S_ISREG(mode):
        raise OSError(0, "a folder" if stat.S_ISDIR(mode) else "not a regular file")
    with file.open("rb") as stream:
        # One byte more than the limit, so that a larger file is refused as such.
        return stream.read(MAX_FILE_BYTES + 1)


def _same(content: bytes) -> bytes:
    return content
