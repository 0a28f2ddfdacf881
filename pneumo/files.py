"""What is derived from a cohort: what its folder is called, and how files are written there."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pneumo.cohort.layout import printable
from pneumo.errors import UserError


def folder_name(path: Path) -> str:
    """Name a folder after a cohort: readable, and different for every place, size and date."""
    status = path.stat()
    identity = [str(path.resolve())] + ([status.st_size, status.st_mtime_ns] if path.is_file() else [])
    readable = "".join(character if character.isascii() and character.isalnum() else "-" for character in path.stem)[:40]
    return f"{readable}-{hashlib.sha256(repr(identity).encode()).hexdigest()[:12]}"


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Tell a full disk or a missing permission plainly."""
    try:
        yield
    except OSError as error:
        where = printable(error.filename or directory)
        raise UserError(
            f"{where}: {error.strerror or error}; give it room and permission, or set another cohort.cache_dir"
        ) from error


@contextmanager
def replacing(file: Path) -> Iterator[BinaryIO]:
    """Write beside, then replace: a reader never sees half a file."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with beside.open("wb") as stream:
            yield stream
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def write_atomically(file: Path, text: str) -> None:
    """Write a text so that a reader never sees half of it."""
    with replacing(file) as stream:
        stream.write(text.encode())
