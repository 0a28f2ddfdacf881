"""Where radiographs to predict come from: files, folders, archives, manifests, and lists of paths."""

import stat
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TextIO

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


def radiographs(paths: Iterable[str], cohort: config.Cohort, standard_input: TextIO) -> Iterator[RadiographSource]:
    """Find the radiographs of files, folders (recursively, in order of their names), archives and manifests.

    A file that is named is taken whatever its suffix; within folders and archives, files with the suffix of another format are not.

    Raises:
        UserError: a path that does not exist, or a damaged archive or manifest.
    """
    for path in paths:
        if path == LIST:
            lines = (line.rstrip("\r\n") for line in standard_input)
            yield from radiographs((line for line in lines if line and line != LIST), cohort, standard_input)
            continue
        file = Path(path)
        if file.is_dir():
            yield from _of_folder(file)
        elif not file.exists():
            raise UserError(
                f"{printable(path)}: no such file or folder; give the path of a radiograph, folder, archive or manifest"
            )
        elif file.suffix.lower() in MANIFEST_SUFFIXES:
            yield from _of_manifest(file, cohort)
        elif file.name.lower().endswith(_ARCHIVES):
            yield from _of_archive(file, cohort)
        else:
            yield of_file(file)


def _of_folder(folder: Path) -> Iterator[RadiographSource]:
    try:
        names = sorted(list_files(folder))
    except OSError as error:
        raise UserError(f"{printable(error.filename)}: {error.strerror}; make the folder readable") from error
    for name in names:
        if _may_be_radiograph(name):
            yield of_file(folder / name)


def _of_archive(archive: Path, cohort: config.Cohort) -> Iterator[RadiographSource]:
    try:
        with open_archive(archive, cohort.cache_dir) as opened:
            wanted = {
                member.name: member
                for member in opened.members()
                if member.link is None and not escapes(member.name) and _may_be_radiograph(member.name)
            }
            for name, stream in opened.contents(wanted):
                # Read here and not in the threads that decode: the members of an archive share its file.
                content = stream.read(MAX_FILE_BYTES + 1)
                yield RadiographSource(f"{archive}/{name}", partial(_same, content))
    except (OSError, *DAMAGE) as error:
        raise UserError(f"{printable(archive)}: damaged archive ({printable(error)[:120]}); give the folder instead") from error


def _of_manifest(file: Path, cohort: config.Cohort) -> Iterator[RadiographSource]:
    root = file.parent if cohort.root is None else cohort.root
    rows = read_rows(file, set(cohort.manifest.path))
    column = find_column(list(rows.columns), cohort.manifest.path)
    if column is None:
        problem = no_column(list(rows.columns), cohort.manifest.path[0], "path")
        raise UserError(f"{printable(file)}: row {HEADER_ROW}: {problem}")
    before, after = cohort.manifest.path_template.split("{}")
    paths = normalize(before + rows[column] + after, root, printable(file)).drop_duplicates()
    for path, found in zip(paths, find_files(paths, root), strict=True):
        yield of_file(root / (found or path))


def _may_be_radiograph(name: str) -> bool:
    suffix = PurePosixPath(name).suffix.lower()
    # DICOM files have no suffix, or end in a part of their UID.
    return system_file(name) is None and (suffix in SUFFIXES or not suffix or suffix[1:].isdecimal())


def _read(file: Path) -> bytes:
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError(0, "not a regular file")
    with file.open("rb") as stream:
        # One byte more than the limit, so that a larger file is refused as such.
        return stream.read(MAX_FILE_BYTES + 1)


def _same(content: bytes) -> bytes:
    return content
