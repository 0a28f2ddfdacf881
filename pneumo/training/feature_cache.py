"""Arrays on the disk that are dear to compute, within so much room."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from pneumo.files import writing

HEADER_BYTES = 128
"""Of an .npy file."""


@dataclass(frozen=True)
class FeatureCache:
    """A folder of .npy files; those that were not used for the longest time make room for new ones."""

    folder: Path
    room_bytes: int

    def get(self, identity: list[Any], shape: tuple[int, int], compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Map the float32 array of this identity from the disk; compute it first where it is missing or damaged.

        Two processes that need the same array compute it once: the second waits.
        """
        file = self.folder / f"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]}.npy"
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock"):
                array = _mapped(file, shape)
                if array is None:
                    file.unlink(missing_ok=True)
                    array = self._store(file, compute())
                file.touch()
                return array

    def _store(self, file: Path, array: np.ndarray) -> np.ndarray:
        self._make_room(array.nbytes + HEADER_BYTES)
        partly = file.with_suffix(".partial")
        try:
            with partly.open("wb") as stream:  # overwrites what a killed run left
                np.save(stream, array)
            partly.replace(file)
        finally:
            partly.unlink(missing_ok=True)
        return np.load(file, mmap_mode="r")

    def _make_room(self, size_bytes: int) -> None:
        """Delete as many files as must go; a process that has mapped one keeps what it mapped."""
        kept = sorted(self.folder.glob("*.npy"), key=lambda one: one.stat().st_mtime_ns)
        used = sum(one.stat().st_size for one in kept)
        for oldest in kept:
            if used + size_bytes <= self.room_bytes:
                return
            used -= oldest.stat().st_size
            oldest.unlink()


def _mapped(file: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """Map an array, unless it is missing, cut short or something else altogether."""
    try:
        array: np.ndarray = np.load(file, mmap_mode="r")
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return array if array.shape == shape and array.dtype == np.float32 else None
