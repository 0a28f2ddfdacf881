"""The cohort as it is published: fetched from Kaggle, and unpacked from a zip."""

import lzma
import shutil
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from pneumo.cohort.layout import Layout, arrange, printable
from pneumo.errors import UserError
from pneumo.files import folder_name, writing

KAGGLE_NAME = "paultimothymooney/chest-xray-pneumonia"
# Radiographs are compressed already: the public archive unpacks to hardly more than its own size, uncompressed ones to a few times.
_MAX_EXPANSION = 100
_ENCRYPTED = 0x1
# What zipfile has been seen to raise: the last three of names and fields that were overwritten.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    struct.error,
    IndexError,
    UnicodeDecodeError,
)


def unpack(archive: Path, directory: Path) -> tuple[Path, Layout]:
    """Unpack the radiographs of a zip into a folder of their own under `directory`, unless that was done before.

    Everything else stays in the archive. The folder appears under its name only when it is complete.

    Returns:
        That folder, which holds the splits, and what the archive holds.

    Raises:
        UserError: damaged, encrypted or a bomb, or no room to unpack it.
    """
    name = printable(archive)
    with _reading(name), zipfile.ZipFile(archive) as opened:
        _refuse_escapes(opened.namelist(), name)
        layout = arrange((member.filename for member in opened.infolist() if not member.is_dir()), name)
        prefix = f"{layout.nesting}/" if layout.nesting else ""
        members = {radiograph: opened.getinfo(prefix + radiograph) for radiograph in layout.radiographs}
        folder = directory / "unpacked" / folder_name(archive)
        with writing(directory):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{folder}.lock"):
                if not folder.is_dir():
                    _refuse_oversized(members.values(), archive, folder.parent)
                    _extract(opened, members, folder)
    return folder, layout


def download(directory: Path) -> Path:
    """Fetch the public cohort from Kaggle into `directory`, unless it is there.

    Raises:
        UserError: no network, or kagglehub is not installed; says how to place the archive by hand.
    """
    folder = directory / "chest-xray-pneumonia"
    if folder.is_dir():
        return folder
    by_hand = (
        f"download the Kaggle data set {KAGGLE_NAME} in a browser, put its archive.zip into {directory}/ "
        f"and run: make train DATA={directory}/archive.zip"
    )
    try:
        import kagglehub  # noqa: PLC0415 - optional, and half a second to import
        from kagglehub import exceptions  # noqa: PLC0415
    except ImportError as error:
        raise UserError(f"kagglehub is not installed: pip install 'pneumo[download]', or {by_hand}") from error
    partial = directory / ".chest-xray-pneumonia.partial"
    # OSError covers the network (requests' errors), permissions and a full disk; ValueError is an archive of unknown kind.
    failures = (
        OSError,
        ValueError,
        *_DAMAGE,
        exceptions.DataCorruptionError,
        exceptions.NotFoundError,
        exceptions.UnauthenticatedError,
    )
    try:
        kagglehub.dataset_download(KAGGLE_NAME, output_dir=str(partial), force_download=True)
        partial.replace(folder)
    except failures as error:
        raise UserError(f"cannot fetch the cohort from Kaggle ({printable(error)[:120]}): {by_hand}") from error
    return folder


def _refuse_escapes(names: list[str], archive: str) -> None:
    for name in names:
        if name.startswith("/") or ".." in name.split("/"):
            raise UserError(f"{archive}: {printable(name)} leads out of the archive's own folder; do not trust this archive")


def _refuse_oversized(members: Collection[zipfile.ZipInfo], archive: Path, directory: Path) -> None:
    """Stop before anything is written. A declared size can be relied on: zipfile reads no further, and compares checksums there."""
    name = printable(archive)
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise UserError(f"{name}: is encrypted; unpack it yourself and give the folder")
    size = sum(member.file_size for member in members)
    packed = archive.stat().st_size
    if size > _MAX_EXPANSION * packed:
        raise UserError(
            f"{name}: decompression bomb, would unpack to {size / packed:.0f} times its size; do not trust this archive"
        )
    if size > (free := shutil.disk_usage(directory).free):
        raise UserError(
            f"{name}: unpacks to {size / 1e9:.1f} GB, only {free / 1e9:.1f} GB free in {directory}; set cohort.cache_dir"
        )


def _extract(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], folder: Path) -> None:
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        _discard(partial)  # what a killed run left
        for radiograph, member in members.items():
            target = partial / radiograph
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as packed, target.open("wb") as unpacked:
                shutil.copyfileobj(packed, unpacked)
        partial.replace(folder)
    finally:
        _discard(partial)


def _discard(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Tell a damaged archive, or one that cannot be opened, plainly."""
    try:
        yield
    except _DAMAGE as error:
        problem = printable(error)[:120]
        raise UserError(f"{name}: damaged zip, or none ({problem}); name the cohort's folder, or download the zip again") from error
    except OSError as error:
        raise UserError(f"{name}: {error.strerror or error}; make the zip readable") from error
