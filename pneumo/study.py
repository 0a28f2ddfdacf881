"""One recipe from a cohort to a registered model: what every training stage has in common."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import filelock
import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from rich.console import Console
from sklearn.utils.class_weight import compute_class_weight

from pneumo.cohort.index import Cohort, index
from pneumo.cohort.splits import partition
from pneumo.config import Config, Recipe
from pneumo.errors import UserError
from pneumo.evaluation.operating_point import lock_threshold
from pneumo.evaluation.scores import evaluate
from pneumo.images.batches import evaluation_batches, training_batches
from pneumo.images.cache import pixel_cache
from pneumo.registry import Entry, Record, Registry
from pneumo.report.figures import learning_curves
from pneumo.training.fit import compile_model, fit
from pneumo.training.precision import Precision
from pneumo.training.state import History

CLASS_NAMES = ("NORMAL", "PNEUMONIA")
PREPROCESSING = "grey values 0..255 in one channel, rescaled to 0..1 inside the model"
SOFTWARE = ("tensorflow", "keras", "scikit-learn", "numpy", "pillow", "mlflow")


@dataclass(frozen=True)
class Study:
    """A recipe, and the radiographs it is trained, tuned and tested on."""

    name: str
    recipe: Recipe
    cohort: Cohort
    parts: pd.Series
    pixels: np.memmap
    directory: Path
    """Of this study's training alone."""

    def rows(self, part: str) -> np.ndarray:
        """Rows of the cohort's table that belong to "training", "validation" or "test"."""
        return np.flatnonzero(self.parts == part)

    def y_true(self, part: str) -> np.ndarray:
        """1 where PNEUMONIA, for each row of a part."""
        labels = self.cohort.table["label"].to_numpy(dtype=str)
        return (labels[self.rows(part)] == "PNEUMONIA").astype(np.int64)


@dataclass(frozen=True)
class Trained:
    """A fitted network and how it came about."""

    model: keras.Model
    history: History
    seconds: float


def load(config: Config, name: str, recipe: Recipe, console: Console) -> Study:
    """Index the cohort, divide it and bring its radiographs to the recipe's size."""
    cohort, parts = load_cohort(config, console)
    identity = [recipe.model_dump(mode="json"), cohort.fingerprint, parts.tolist(), _software()]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]
    return Study(
        name=name,
        recipe=recipe,
        cohort=cohort,
        parts=parts,
        pixels=pixel_cache(cohort, recipe.image_size_px, recipe.resize, config.cohort.directory),
        directory=config.registry.directory / "training" / f"{name}-{key}",
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


def train(study: Study, build: Callable[[], keras.Model], console: Console) -> Trained:
    """Fit the network that `build` makes, or go on with a fit of the same study that was killed.

    Raises:
        UserError: the same study is being trained by another process, or the loss is no longer a number.
    """
    settings = study.recipe.fit
    rows, y_true = study.rows("training"), study.y_true("training")
    # Validation weighs the classes as training does, or early stopping would follow another loss than the one that is minimised.
    weights = class_weight(y_true) if settings.class_weights == "balanced" else None
    study.directory.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(study.directory / "lock", timeout=0):
            model = build()
            compile_model(model, settings)
            return Trained(
                *fit(
                    model,
                    lambda epochs: training_batches(
                        study.pixels,
                        rows,
                        y_true,
                        augmentation=study.recipe.augmentation,
                        batch_size=settings.batch_size,
                        epochs=epochs,
                        seed=settings.seed,
                    ),
                    _evaluation_batches(study, "validation", weights),
                    settings,
                    steps_per_epoch=-(-len(rows) // settings.batch_size),
                    class_weight=weights,
                    directory=study.directory,
                    console=console,
                )
            )
    except filelock.Timeout:
        raise UserError(f"Another process is training this very study in {study.directory}: wait for it, or stop it") from None


def class_weight(y_true: np.ndarray) -> dict[int, float]:
    """Balanced weights, N / (2 · count of the class) (King & Zeng 2001)."""
    return dict(enumerate(compute_class_weight("balanced", classes=np.array([0, 1]), y=y_true).tolist()))


def predict(study: Study, model: keras.Model, part: str) -> pd.DataFrame:
    """Score every radiograph of a part: path, patient, y_true, y_score, as the table has them."""
    table = study.cohort.table.iloc[study.rows(part)]
    scores = model.predict(_evaluation_batches(study, part), verbose=0)[:, 0]
    return table[["path", "patient"]].assign(y_true=study.y_true(part), y_score=scores.astype(float)).reset_index(drop=True)


def register(study: Study, trained: Trained, precision: Precision, registry: Registry, console: Console) -> Entry:
    """Lock the threshold on validation, open the test split once, and record it all with the model."""
    validation = predict(study, trained.model, "validation")
    threshold = lock_threshold(validation["y_true"], validation["y_score"], study.recipe.threshold_rule)
    test = predict(study, trained.model, "test")
    subtype = study.cohort.table["subtype"]
    record = Record(
        recipe=study.name,
        created=datetime.now(UTC),
        synthetic=study.cohort.synthetic,
        data_name=study.cohort.root.name,
        data_fingerprint=study.cohort.fingerprint,
        partition=describe_partition(study),
        class_names=CLASS_NAMES,
        image_size_px=study.recipe.image_size_px,
        resize=study.recipe.resize,
        preprocessing=PREPROCESSING,
        threshold=threshold,
        threshold_rule=study.recipe.threshold_rule,
        settings=study.recipe.model_dump(mode="json"),
        history=trained.history,
        validation=evaluate(validation["y_true"], validation["y_score"], subtype[study.rows("validation")], threshold),
        test=evaluate(test["y_true"], test["y_score"], subtype[study.rows("test")], threshold),
        parameters=int(sum(np.prod(weight.shape) for weight in trained.model.trainable_weights)),
        training_seconds=trained.seconds,
        seed=study.recipe.fit.seed,
        precision=precision.policy,
        precision_reason=precision.reason,
        git_commit=_git_commit(),
        software=_software(),
        hardware=f"{platform.machine()}, {os.cpu_count()} cores, {len(tf.config.list_physical_devices('GPU'))} GPUs",
    )
    with tempfile.TemporaryDirectory() as folder:
        curves = _learning_curves(record, Path(folder))
        entry = registry.add(record, trained.model, {"validation": validation, "test": test}, curves)
    # Only now: until the model is listed, its training must be there to go on from.
    shutil.rmtree(study.directory / "state", ignore_errors=True)
    _announce(entry, record, console)
    return entry


def describe_partition(study: Study) -> dict[str, dict[str, dict[str, int]]]:
    """Count images and patients of each part and class."""
    table = study.cohort.table.assign(part=study.parts)
    described: dict[str, dict[str, dict[str, int]]] = {}
    for part in ("training", "validation", "test"):
        for label in CLASS_NAMES:
            patients = table.loc[(table["part"] == part) & (table["label"] == label), "patient"]
            described.setdefault(part, {})[label] = {"images": len(patients), "patients": patients.nunique()}
    return described


def _learning_curves(record: Record, folder: Path) -> list[Path]:
    written = []
    for picture in learning_curves(record.history, record.recipe, "learning", record.synthetic):
        written.append(folder / picture.name)
        written[-1].write_bytes(picture.png)
    return written


def _announce(entry: Entry, record: Record, console: Console) -> None:
    test, locked = record.test, record.test.locked
    of_what = " (made from SYNTHETIC radiographs)" if record.synthetic else ""
    threshold = f"at the threshold {record.threshold:.3f} locked on validation"
    lines = (
        f"Registered {record.recipe} as version {entry.version}{of_what}, {record.training_seconds:.0f} s of training",
        f"  test, {test.images} radiographs: AUROC {_figure(test.auroc)}; {threshold}:",
        f"  accuracy {locked.accuracy:.4f}, sensitivity {_figure(locked.sensitivity)}, specificity {_figure(locked.specificity)}",
        "Next: make report",
    )
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _evaluation_batches(study: Study, part: str, weights: dict[int, float] | None = None) -> tf.data.Dataset:
    rows, y_true = study.rows(part), study.y_true(part)
    return evaluation_batches(study.pixels, rows, y_true, batch_size=study.recipe.fit.batch_size, class_weight=weights)


def _software() -> dict[str, str]:
    return {"python": platform.python_version(), "pneumo": version("pneumo")} | {name: version(name) for name in SOFTWARE}


def _git_commit() -> str | None:
    """Commit of this source tree, marked where files differ from it; None outside a checkout."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()
