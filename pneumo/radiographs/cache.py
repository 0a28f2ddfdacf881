"""All radiographs of a cohort at one size: decoded once, then mapped into memory."""

import hashlib
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL
from filelock import FileLock

from pneumo.cohort.index import Cohort, cache_folder
from pneumo.cohort.layout import printable
from pneumo.config import Resize
from pneumo.errors import UserError
from pneumo.files import writing
from pneumo.parallel import in_parallel
from pneumo.radiographs.decode import VERSION, decode
from pneumo.radiographs.raster import UnreadableError


def pixel_cache(cohort: Cohort, size_px: int, resize: Resize, directory: Path) -> np.memmap:
    """Map the cohort's pixels into memory, read-only; decode them first where the cache is missing, damaged or out of date.

    The file's name carries a hash of the content and of all that decides the pixels, so a stale cache is never found; building a
    new one removes it. Two processes that need the same cache build it once: the second waits.

    Returns:
        (N, size_px, size_px), uint8; row i belongs to row i of the cohort's table.

    Raises:
        UserError: no room or permission to write, or a radiograph that has become unreadable since it was indexed.
    """
    folder = cache_folder(cohort.root, directory)
    identity = f"{cohort.fingerprint} {VERSION} Pillow {PIL.__version__}"
    stem = f"pixels-{size_px}-{resize}"
    file = folder / f"{stem}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.npy"
    shape = (len(cohort.table), size_px, size_px)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{stem}.lock"):
            pixels = _mapped(file, shape)
            if pixels is not None:
                return pixels
            partly = file.with_suffix(".partial")
            try:
                with partly.open("wb") as stream:  # overwrites what a killed run left
                    _write(cohort, size_px, resize, stream)
                partly.replace(file)
            finally:
                partly.unlink(missing_ok=True)
            for stale in set(folder.glob(f"{stem}-*")) - {file}:
                stale.unlink()
            return np.lib.format.open_memmap(file, mode="r")


def _mapped(file: Path, shape: tuple[int, int, int]) -> np.memmap | None:
    """Map a cache, unless it is missing, cut short or something else altogether."""
    try:
        pixels = np.lib.format.open_memmap(file, mode="r")
    except (FileNotFoundError, ValueError):
        return None
    return pixels if pixels.shape == shape and pixels.dtype == np.uint8 else None


def _write(cohort: Cohort, size_px: int, resize: Resize, stream: BinaryIO) -> None:
    """Write an .npy file radiograph by radiograph: a memory map would turn a full disk into a crash (SIGBUS) in place of an error."""
    shape = (len(cohort.table), size_px, size_px)
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
    work = partial(_decode, cohort.root, size_px, resize)
    for pixels in in_parallel(work, list(cohort.table["path"]), f"Decoding radiographs at {size_px} px"):
        stream.write(pixels.tobytes())


def _decode(root: Path, size_px: int, resize: Resize, path: str) -> np.ndarray:
    try:
        return decode(root / path, size_px, resize)
    except UnreadableError as error:
        raise UserError(f"{printable(root / path)}: {error}; it could be read when the cohort was indexed, run again") from error
