"""The public cohort: download from Kaggle, and unpacking of its zip archive."""

import lzma
import shutil
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from pneumo.cohort.layout import Layout, find_layout
from pneumo.errors import UserError
from pneumo.files import printable, remove_partial, replace_folder, unique_name, writing

KAGGLE_NAME = "paultimothymooney/chest-xray-pneumonia"
# Ratio of unpacked to packed size. Radiographs are compressed already: the public archive has a ratio near 1, bitmaps of a few.
_MAX_EXPANSION = 100
_ENCRYPTED = 0x1
# Exceptions of zipfile for damaged archives: NotImplementedError is its word for an unknown compression method or version; the last
# three came from overwritten names and fields.
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
    """Unpack the radiographs of a zip, and nothing else, into a folder below `directory`, unless that was done before.

    Returns that folder, which holds the splits, and the content of the archive.

    Raises:
        UserError: damaged, encrypted or a decompression bomb, or not enough disk space.
    """
    name = printable(archive)
    with _reading(name), zipfile.ZipFile(archive) as opened:
        _refuse_escapes(opened.namelist(), name)
        layout = find_layout((member.filename for member in opened.infolist() if not member.is_dir()), name)
        prefix = f"{layout.nesting}/" if layout.nesting else ""
        members = {radiograph: opened.getinfo(prefix + radiograph) for radiograph in layout.radiographs}
        folder = directory / "unpacked" / unique_name(archive)
        with writing(directory, "cohort.cache_dir"):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{folder}.lock"):
                if not folder.is_dir():
                    remove_partial(folder.parent, folder.name)
                    _refuse_oversized(members.values(), archive, folder.parent)
                    with replace_folder(folder) as unpacked:
                        for radiograph, member in members.items():
                            member.filename = radiograph  # without the nesting
                            opened.extract(member, unpacked)
    return folder, layout


def download(directory: Path) -> Path:
    """Download the public cohort from Kaggle into `directory`, unless it is there.

    Raises:
        UserError: no internet connection, or kagglehub is not installed; the message says how to place the archive by hand.
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
    # OSError covers network errors (of requests), permissions and a full disk; ValueError is an archive of unknown format.
    failures = (
        OSError,
        ValueError,
        *_DAMAGE,
        exceptions.DataCorruptionError,
        exceptions.NotFoundError,
        exceptions.UnauthenticatedError,
    )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with FileLock(directory / f".{folder.name}.lock"):
            if not folder.is_dir():
                remove_partial(directory, folder.name)
                with replace_folder(folder) as downloaded:
                    kagglehub.dataset_download(KAGGLE_NAME, output_dir=str(downloaded), force_download=True)
    except failures as error:
        raise UserError(f"cannot download the cohort from Kaggle ({printable(error)[:120]}): {by_hand}") from error
    return folder


def _refuse_escapes(names: list[str], archive: str) -> None:
    for name in names:
        if name.startswith("/") or ".." in name.split("/"):
            raise UserError(f"{archive}: {printable(name)} points outside the archive's folder; do not trust this archive")


def _refuse_oversized(members: Collection[zipfile.ZipInfo], archive: Path, directory: Path) -> None:
    """Refuse before anything is written. Declared sizes are reliable: zipfile reads no more, and then compares checksums."""
    name = printable(archive)
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise UserError(f"{name}: is encrypted; unpack it yourself and give the path of the folder")
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


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Turn the errors of a damaged archive, or one that cannot be opened, into a UserError."""
    try:
        yield
    except _DAMAGE as error:
        problem = printable(error)[:120]
        raise UserError(f"{name}: damaged or not a zip ({problem}); give the cohort's folder, or download the zip again") from error
    except OSError as error:
        raise UserError(f"{name}: {error.strerror or error}; make the zip readable") from error
