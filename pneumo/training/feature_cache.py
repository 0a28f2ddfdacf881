"""A disk cache of arrays that are expensive to compute, with a size limit."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from pneumo.files import open_atomically, remove_partial, writing

HEADER_BYTES = 128
"""Of an .npy file."""


@dataclass(frozen=True)
class FeatureCache:
    """A folder of .npy files; the least recently used are deleted where the limit is reached."""

    folder: Path
    limit_bytes: int

    def get(self, identity: list[Any], shape: tuple[int, int], compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Memory-map the float32 array of an identity; compute it first where it is missing or damaged.

        If two processes need the same array, the second waits until the first has computed it.
        """
        file = self.folder / f"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]}.npy"
        with writing(self.folder, "cohort.cache_dir"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock"):
                array = _mapped(file, shape)
                if array is None:
                    file.unlink(missing_ok=True)
                    array = self._store(file, compute())
                file.touch()
                return array

    def _store(self, file: Path, array: np.ndarray) -> np.ndarray:
        self._free_space(array.nbytes + HEADER_BYTES)
        remove_partial(self.folder)
        with open_atomically(file) as stream:
            np.save(stream, array)
        return np.load(file, mmap_mode="r")

    def _free_space(self, size_bytes: int) -> None:
        """Delete files until the new one fits; a process that has mapped one keeps its contents."""
        files = sorted(self.folder.glob("*.npy"), key=lambda file: file.stat().st_mtime_ns)
        used = sum(file.stat().st_size for file in files)
        for oldest in files:
            if used + size_bytes <= self.limit_bytes:
                return
            used -= oldest.stat().st_size
            oldest.unlink()


def _mapped(file: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """Memory-map an array; None where the file is missing, truncated or of another shape."""
    try:
        array: np.ndarray = np.load(file, mmap_mode="r")
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return array if array.shape == shape and array.dtype == np.float32 else None
