"""All radiographs of a cohort at one size: decoded once, then memory-mapped."""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock

from pneumo.config import Resize
from pneumo.files import open_atomically, remove_partial, writing
from pneumo.parallel import in_parallel
from pneumo.radiographs.decode import VERSION, decode_indexed
from pneumo.radiographs.radiograph import DECODERS


def pixel_cache(folder: Path, files: Sequence[Path], fingerprint: str, *, size_px: int, resize: Resize) -> np.memmap:
    """Memory-mapped pixels, (N, size_px, size_px) uint8, read-only, of radiograph files; cached in `folder`.

    A missing or damaged cache is built first. Its name holds a hash of everything that decides the pixels, such as the fingerprint
    of the radiographs' content, so an outdated cache is never read; it is deleted when a new one is built. Two processes that need
    the same cache build it once: the second waits.

    Raises:
        UserError: full disk or missing permission, or a radiograph that has become unreadable since the cohort was indexed.
    """
    identity = f"{fingerprint} {VERSION} {DECODERS}"
    stem = f"pixels-{size_px}-{resize}"
    file = folder / f"{stem}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.npy"
    shape = (len(files), size_px, size_px)
    with writing(folder, "cohort.cache_dir"):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f"{stem}.lock"):
            pixels = _memory_map(file, shape)
            if pixels is None:
                remove_partial(folder, f"{stem}-*")
                for outdated in set(folder.glob(f"{stem}-*")) - {file}:
                    outdated.unlink()
                _write(file, shape, files, resize)
                pixels = np.lib.format.open_memmap(file, mode="r")
            return pixels


def _memory_map(file: Path, shape: tuple[int, int, int]) -> np.memmap | None:
    """The cached array; None where the file is missing, truncated or something else."""
    try:
        pixels = np.lib.format.open_memmap(file, mode="r")
    except (FileNotFoundError, ValueError):
        return None
    return pixels if pixels.shape == shape and pixels.dtype == np.uint8 else None


def _write(file: Path, shape: tuple[int, int, int], files: Sequence[Path], resize: Resize) -> None:
    """Write an .npy file radiograph by radiograph: on a full disk a memory map would crash (SIGBUS) instead of raising an error."""
    size_px = shape[-1]
    with open_atomically(file) as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for pixels in in_parallel(partial(decode_indexed, size_px, resize), files, f"Decoding radiographs at {size_px} px"):
            stream.write(pixels.tobytes())
