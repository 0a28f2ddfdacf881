"""The radiographs that a network is trained, selected and tested on."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from sklearn.utils.class_weight import compute_class_weight

from pneumo import config
from pneumo.cohort.index import Cohort, index
from pneumo.cohort.splits import partition
from pneumo.evaluation.scores import Evaluation, evaluate

CLASS_NAMES = ("NORMAL", "PNEUMONIA")
ClassWeight = dict[int, float] | None


@dataclass(frozen=True, eq=False)
class Dataset:
    """Table, pixels and labels of a cohort at one image size. Cheap to pickle: each process maps the pixels from disk."""

    cohort: Cohort
    table: pd.DataFrame
    """The cohort's table, one row per radiograph, with the column `part`: training, validation, test or unused."""
    pixels_file: Path
    """(N, H, W) uint8, .npy; row i belongs to row i of the table."""
    cache_dir: Path
    """Folder of all data derived from cohorts."""

    @cached_property
    def pixels(self) -> np.memmap:
        """Grey values in 0..255, (N, H, W) uint8, memory-mapped."""
        return np.lib.format.open_memmap(self.pixels_file, mode="r")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the cohort's paths, labels, patients and pixels."""
        return self.cohort.fingerprint

    def rows(self, part: str) -> np.ndarray:
        """Positions in the table of the radiographs of a part."""
        return np.flatnonzero(self.table["part"] == part)

    def y_true(self, part: str) -> np.ndarray:
        """Labels of a part, (M,) int64, 1 where PNEUMONIA."""
        labels = self.table["label"].to_numpy(dtype=str)
        return (labels[self.rows(part)] == "PNEUMONIA").astype(np.int64)

    def class_weight(self, fit: config.Fit) -> ClassWeight:
        """Class weights of the training loss; None where the settings ask for none."""
        return balanced_class_weight(self.y_true("training")) if fit.class_weights == "balanced" else None

    def evaluate(self, predictions: pd.DataFrame, threshold: float) -> Evaluation:
        """Scores of predictions on any of the radiographs, at a threshold chosen elsewhere and at 0.5."""
        subtypes = self.table.set_index("path")["subtype"]
        return evaluate(predictions["y_true"], predictions["y_score"], subtypes[predictions["path"]], threshold)

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Images and patients by part and class."""
        counts: dict[str, dict[str, dict[str, int]]] = {}
        for part in ("training", "validation", "test"):
            for label in CLASS_NAMES:
                patients = self.table.loc[(self.table["part"] == part) & (self.table["label"] == label), "patient"]
                counts.setdefault(part, {})[label] = {"images": len(patients), "patients": patients.nunique()}
        return counts

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the mapped pixels, which pickle and deepcopy would read into memory."""
        return {name: value for name, value in vars(self).items() if name != "pixels"}


def balanced_class_weight(y_true: np.ndarray) -> dict[int, float]:
    """Balanced class weights, N / (2 · count of the class) (King & Zeng 2001)."""
    return dict(enumerate(compute_class_weight("balanced", classes=np.array([0, 1]), y=y_true).tolist()))


def load_cohort(data: Path | None, cohort: config.Cohort, protocol: config.Protocol, console: Console) -> tuple[Cohort, pd.Series]:
    """Index the cohort and assign each radiograph to a part; print its size."""
    indexed = index(data, cohort)
    parts = partition(indexed, protocol)
    counts = ", ".join(f"{part} {count}" for part, count in parts.value_counts().items())
    console.print(f"{indexed.title}: {len(indexed.table)} radiographs ({counts})")
    if not indexed.patients_known:
        console.print(f"Patients: {indexed.patients_from}", style="bold", markup=False)
    if indexed.foreign or len(indexed.left_out):
        console.print(f"Ignored {sum(indexed.foreign.values())} foreign entries, left out {len(indexed.left_out)} radiographs")
    return indexed, parts


def at_size(cohort: Cohort, parts: pd.Series, recipe: config.Recipe, cache_dir: Path) -> Dataset:
    """The dataset of a cohort at a recipe's image size; decodes it where the pixel cache does not hold it."""
    pixels = cohort.pixels(recipe.image_size_px, recipe.resize)
    return Dataset(cohort, cohort.table.assign(part=parts), Path(str(pixels.filename)), cache_dir)
