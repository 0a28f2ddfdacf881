"""Atomic writes of files and folders, safe file names, and one-line errors of the file system."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pneumo.errors import UserError


def printable(text: object) -> str:
    """Text with line breaks and other control characters escaped: an error message stays one line whatever a file is called."""
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode() for character in str(text))


def unique_name(path: Path) -> str:
    """Readable name for data derived from a file or folder; unique to its path and, for a file, to the state of its content."""
    status = path.stat()
    identity: list[str | int] = [str(path.resolve())]
    if path.is_file():
        # The status change time and the inode too: content may be replaced under the same size and date.
        identity += [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    readable = "".join(character if character.isascii() and character.isalnum() else "-" for character in path.stem)[:40]
    return f"{readable}-{hashlib.sha256(repr(identity).encode()).hexdigest()[:12]}"


def file_sha256(file: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def writing(path: Path, setting: str) -> Iterator[None]:
    """Turn an OSError into a UserError that names the file, or else `path`, and the setting that chooses another place.

    Of a partial file, whose name says nothing to the user, `path` is named as well.
    """
    try:
        yield
    except OSError as error:
        place = path if error.filename is None or _is_partial(str(error.filename)) else error.filename
        problem = error.strerror or error
        raise UserError(
            f"{printable(place)}: {problem}; free disk space or grant write permission, or set another {setting}"
        ) from error


@contextmanager
def open_atomically(file: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its place only when complete: readers see the old content or the new, never a part.

    Args:
        private: readable by its owner alone.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(file)
    try:
        if private:
            partial.touch(0o600)
        with partial.open("wb") as stream:
            yield stream
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def write_atomically(file: Path, content: str | bytes, *, private: bool = False) -> None:
    """Write a file, text as UTF-8, so that readers see the old content or the new, never a part; options as `open_atomically`."""
    with open_atomically(file, private=private) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def replace_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to be filled, which takes the place of `folder` when the block ends without an error."""
    partial = _partial(folder)
    older = partial / "older"
    shutil.rmtree(partial, ignore_errors=True)
    complete = partial / "complete"
    complete.mkdir(parents=True)
    try:
        yield complete
        if folder.exists():
            folder.rename(older)
        complete.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def remove_partial(folder: Path, name: str = "*") -> None:
    """Delete partial files and folders of complete ones that match the glob pattern `name`; no process may be writing these."""
    for partial in folder.glob(f".{name}.*.partial"):
        if partial.is_dir():
            shutil.rmtree(partial)
        else:
            partial.unlink()


def _partial(target: Path) -> Path:
    """Where a file or folder is written until it is complete."""
    return target.with_name(f".{target.name}.{os.getpid()}.partial")


def _is_partial(name: str) -> bool:
    """Whether a path is, or lies in, what `_partial` names."""
    return any(part.startswith(".") and part.endswith(f".{os.getpid()}.partial") for part in Path(name).parts)
