"""A recipe, and the radiographs it is trained, tuned and tested on."""

import hashlib
import json
import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from pneumo.cohort.index import Cohort, index
from pneumo.cohort.splits import partition
from pneumo.config import Config, Training
from pneumo.radiographs.cache import pixel_cache

SOFTWARE = ("tensorflow", "keras", "scikit-learn", "numpy", "pillow", "mlflow")


@dataclass(frozen=True)
class Study:
    """A recipe, and the radiographs it is trained, tuned and tested on."""

    name: str
    recipe: Training
    cohort: Cohort
    parts: pd.Series
    pixels: np.memmap
    directory: Path
    """Of this study's training alone."""
    derived: Path
    """Where everything derived from cohorts is kept."""

    def rows(self, part: str) -> np.ndarray:
        """Rows of the cohort's table that belong to "training", "validation" or "test"."""
        return np.flatnonzero(self.parts == part)

    def y_true(self, part: str) -> np.ndarray:
        """1 where PNEUMONIA, for each row of a part."""
        labels = self.cohort.table["label"].to_numpy(dtype=str)
        return (labels[self.rows(part)] == "PNEUMONIA").astype(np.int64)


def load(config: Config, name: str, recipe: Training, console: Console) -> Study:
    """Index the cohort, divide it and bring its radiographs to the recipe's size."""
    return define(config, name, recipe, *load_cohort(config, console))


def define(config: Config, name: str, recipe: Training, cohort: Cohort, parts: pd.Series) -> Study:
    """Put a recipe and a division of the cohort together; with another of either it is another training."""
    identity = [recipe.model_dump(mode="json"), cohort.fingerprint, parts.tolist(), software()]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]
    return Study(
        name=name,
        recipe=recipe,
        cohort=cohort,
        parts=parts,
        pixels=pixel_cache(cohort, recipe.image_size_px, recipe.resize, config.cohort.cache_dir),
        directory=config.registry.directory / "training" / f"{name}-{key}",
        derived=config.cohort.cache_dir,
    )


def load_cohort(config: Config, console: Console) -> tuple[Cohort, pd.Series]:
    """Index the cohort, divide it, and say plainly what it is."""
    cohort = index(config)
    parts = partition(cohort, config.cohort)
    what = f"{'SYNTHETIC phantom cohort' if cohort.synthetic else 'Cohort'} {cohort.root}"
    counts = ", ".join(f"{part} {count}" for part, count in parts.value_counts().items())
    console.print(f"{what}: {len(cohort.table)} radiographs ({counts})", highlight=False, soft_wrap=True)
    if cohort.foreign or len(cohort.left_out):
        console.print(f"Ignored {sum(cohort.foreign.values())} foreign entries, left out {len(cohort.left_out)} radiographs")
    return cohort, parts


def software() -> dict[str, str]:
    """Versions that a result may depend on, and whether TensorFlow computes with oneDNN."""
    versions = {"python": platform.python_version(), "pneumo": version("pneumo")} | {name: version(name) for name in SOFTWARE}
    return versions | {"oneDNN": "off" if os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0" else "on"}
