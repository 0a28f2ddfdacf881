"""Registering a trained network: threshold locked on validation, one test access, and everything recorded with the model."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from pneumo.evaluation.refusal import fit_detector
from pneumo.evaluation.worst_view import worst_views
from pneumo.figures.models import learning_curves
from pneumo.registry import Entry, Registry
from pneumo.registry.runs import FEATURE_REFERENCE, OWN_RADIOGRAPHS, REFUSAL
from pneumo.registry.test_access import AUDIT
from pneumo.results.formatting import rounded
from pneumo.results.model import ModelRecord, SearchResult
from pneumo.results.provenance import provenance
from pneumo.training.dataset import CLASS_NAMES
from pneumo.training.feature_reference import feature_reference, own_features
from pneumo.training.fit import Trained
from pneumo.training.operating_point import LockedOperatingPoint, lock_operating_point
from pneumo.training.precision import choose_precision
from pneumo.training.predict import predict, viral_scores
from pneumo.training.run import TrainingRun


@dataclass(frozen=True)
class Lineage:
    """How a model came from a search or from other models."""

    search: SearchResult | None = None
    """The hyper-parameter search that chose the recipe's settings."""
    figures: Mapping[str, bytes] = field(default_factory=dict)
    """Figures of the search, PNG by file name."""
    seed_group: str | None = None
    """Recipe without the seed, where models of several seeds belong together."""
    members: Sequence[Entry] = ()
    """Models that an ensemble averages."""
    settings: Mapping[str, Any] | None = None
    """Recorded in place of the recipe's, where nothing was trained by them."""

    def fields(self) -> dict[str, Any]:
        """Return the fields of the record that describe the lineage."""
        return {"search": self.search, "seed_group": self.seed_group, "members": tuple(entry.version for entry in self.members)}


NO_LINEAGE = Lineage()


def register(
    run: TrainingRun,
    trained: Trained,
    registry: Registry,
    console: Console,
    *,
    lineage: Lineage = NO_LINEAGE,
    keep_state: bool = False,
) -> Entry:
    """Lock threshold and temperature on validation, log and make one test access, and register the model with its record.

    Args:
        keep_state: leave the training's state, marked with the version, for a command that registers several models.
    """
    locked = lock_operating_point(trained.model, run)
    attachments = _own_radiographs(trained.model, run)
    accesses = _log_test_access(run, registry)
    predictions = _with_viral_scores(trained, run, test_predictions(trained.model, run, locked))
    record = ModelRecord(
        **provenance(run.dataset.cohort, run.protocol.fingerprint),
        **_of_run(run),
        settings=lineage.settings or run.recipe.model_dump(mode="json"),
        **_of_training(run, trained),
        **accesses,
        **{part: run.dataset.evaluate(table, locked.threshold) for part, table in predictions.items()},
        worst_views=run.dataset.evaluate(worst_views(locked.validation_shifted), locked.threshold),
        threshold=locked.threshold,
        thresholds=locked.thresholds,
        temperature=locked.temperature,
        seed=None if lineage.members else run.recipe.fit.seed,
        **lineage.fields(),
    )
    with tempfile.TemporaryDirectory() as folder:
        figures = _write_figures(record, lineage.figures, Path(folder))
        entry = registry.add(record, trained.model, predictions, figures, attachments)
    # Deleted only now: until the model is listed, an interrupted command must be able to resume.
    if keep_state:
        run.mark_registered(entry.version)
    else:
        run.delete_state()
    _announce(entry, record, console)
    return entry


def test_predictions(model: Any, run: TrainingRun, locked: LockedOperatingPoint) -> dict[str, pd.DataFrame]:
    """Score the test split and add the scores on validation: by part, columns path, patient, y_true, y_score."""
    test = predict(model, run.dataset, "test", run.recipe.fit.batch_size)
    return {"validation": locked.validation, "validation_shifted": locked.validation_shifted, "test": test}


def _with_viral_scores(trained: Trained, run: TrainingRun, predictions: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Add the column viral_score, P(viral | PNEUMONIA), on validation and test, where the network was trained on subtypes."""
    if trained.subtype_model is None:
        return predictions
    scores = {
        part: viral_scores(trained.subtype_model, run.dataset, part, run.recipe.fit.batch_size) for part in ("validation", "test")
    }
    return predictions | {part: predictions[part].assign(viral_score=values) for part, values in scores.items()}


def _own_radiographs(model: Any, run: TrainingRun) -> dict[str, bytes]:
    """Files by which other radiographs are compared with those of this cohort: hashes, features, and the detector that refuses."""
    hashes = sorted(set(run.dataset.table["sha256"]))
    reference = feature_reference(own_features(model, run.dataset, run.recipe.fit.batch_size))
    pixels = run.dataset.pixels
    detector = fit_detector(pixels[run.dataset.rows("training")], pixels[run.dataset.rows("validation")])
    files = {OWN_RADIOGRAPHS: "".join(f"{digest}\n" for digest in hashes).encode(), REFUSAL: detector.to_bytes()}
    return files if reference is None else files | {FEATURE_REFERENCE: reference.to_bytes()}


def _log_test_access(run: TrainingRun, registry: Registry) -> dict[str, Any]:
    """Log the access; return its time and the accesses so far that scored a model."""
    cohort = run.dataset.cohort
    logged = registry.log_test_access(run.name, cohort.fingerprint, cohort.content_fingerprint)
    accesses = [access for access in logged if access.recipe != AUDIT]
    return {
        "test_accessed": accesses[-1].time,
        "test_accesses": len(accesses),
        "test_accesses_of_recipe": sum(access.recipe == run.name for access in accesses),
    }


def _of_run(run: TrainingRun) -> dict[str, Any]:
    return {
        "recipe": run.name,
        "partition": run.dataset.counts(),
        "class_names": CLASS_NAMES,
        "image_size_px": run.recipe.image_size_px,
        "resize": run.recipe.resize,
        "preprocessing": f"grey values 0..255 in one channel, {run.recipe.network.preprocessing} inside the model",
        "threshold_rule": run.protocol.threshold_rule,
    }


def _of_training(run: TrainingRun, trained: Trained) -> dict[str, Any]:
    precision = choose_precision(run.recipe.fit.precision)
    return {
        "history": trained.history,
        "phases": trained.phases,
        "parameters": trained.parameters,
        "training_seconds": trained.seconds,
        "precision": precision.policy,
        "precision_reason": precision.reason,
    }


def _write_figures(record: ModelRecord, figures: Mapping[str, bytes], folder: Path) -> list[Path]:
    # An ensemble has no learning curves.
    curves = learning_curves(record.history, record.recipe, "learning", record.synthetic) if record.history else []
    for name, png in ({picture.name: picture.png for picture in curves} | dict(figures)).items():
        (folder / name).write_bytes(png)
    return sorted(folder.iterdir())


def _announce(entry: Entry, record: ModelRecord, console: Console) -> None:
    test, locked = record.test, record.test.locked
    source = " (trained on SYNTHETIC radiographs)" if record.synthetic else ""
    sensitivity, specificity = rounded(locked.sensitivity), rounded(locked.specificity)
    lines = (
        f"Registered {record.recipe} as version {entry.version}{source}, {record.training_seconds:.0f} s of training",
        f"  test, {test.images} radiographs: AUROC {rounded(test.auroc)}; at the threshold {record.threshold:.3f} of validation,",
        f"  accuracy {rounded(locked.accuracy)}, sensitivity {sensitivity}, specificity {specificity}",
        f"  test accesses of this cohort: {record.test_accesses}, of which {record.test_accesses_of_recipe} for {record.recipe}",
        "Next: make report",
    )
    console.print("\n".join(lines))
