"""Datasets of generated pixels, without the image files that they would be decoded from."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pneumo.cohort.index import Cohort
from pneumo.training.dataset import Dataset


def tiny_dataset(folder: Path, pixels: np.ndarray, y_true: np.ndarray, parts: Sequence[str]) -> Dataset:
    """One patient and part for each image of `pixels`, (N, H, W) uint8."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "pixels.npy", pixels)
    names = [f"{number:03}.png" for number in range(len(pixels))]
    table = pd.DataFrame(
        {
            "path": names,
            "split": "train",
            "label": np.where(y_true == 1, "PNEUMONIA", "NORMAL"),
            "subtype": np.where(y_true == 1, "viral", "normal"),
            "patient": names,
            "sha256": [hashlib.sha256(image.tobytes()).hexdigest() for image in pixels],
        }
    )
    nothing = pd.DataFrame(columns=["path", "problem", "detail"])
    cohort = Cohort(folder, table, synthetic=False, foreign={}, left_out=nothing, cache_folder=folder)
    return Dataset(cohort, table.assign(part=list(parts)), folder / "pixels.npy", folder)
