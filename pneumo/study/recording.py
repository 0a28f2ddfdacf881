"""What becomes of a trained network: scored, described and registered."""

import os
import platform
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console

from pneumo.evaluation.operating_point import lock_threshold
from pneumo.evaluation.scores import evaluate
from pneumo.registry import Entry, Record, Registry
from pneumo.report.figures import learning_curves
from pneumo.study.definition import Study, software
from pneumo.study.fitting import Trained, predict
from pneumo.training.precision import Precision

CLASS_NAMES = ("NORMAL", "PNEUMONIA")
PREPROCESSING = "grey values 0..255 in one channel, rescaled to 0..1 inside the model"


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
        software=software(),
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
