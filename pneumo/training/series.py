"""A series of fits that are compared with one another and do not become models: cross-validation and ablations.

A finished fit is saved as its summary and predictions until the whole series is registered, so an interrupted series resumes with
the fit that it was interrupted in.
"""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pandas as pd
from rich.console import Console

from pneumo.evaluation.scores import HALF, Result
from pneumo.figures.drawing import Picture
from pneumo.files import write_atomically
from pneumo.registry import Registry
from pneumo.results.experiment import Experiment, Scores
from pneumo.results.files import read_predictions
from pneumo.results.formatting import rounded
from pneumo.results.provenance import provenance
from pneumo.training.precision import choose_precision
from pneumo.training.predict import predict
from pneumo.training.resume import History
from pneumo.training.run import TrainingRun
from pneumo.training.train import train

PREDICTIONS = "predictions.csv"
SUMMARY = "fit.json"


class Summary(Result):
    """Learning curves, time and environment of a finished fit, saved with its predictions."""

    history: History
    seconds: float
    parameters: int
    precision: str
    """Dtype policy, with the reason for it."""


@dataclass(frozen=True)
class FinishedFit:
    """One fit of a series."""

    run: TrainingRun
    summary: Summary
    predictions: pd.DataFrame
    """On validation: path, patient, y_true, y_score."""

    @property
    def scores(self) -> Scores:
        """Scores on validation at 0.5."""
        return Scores.of(self.run.dataset.evaluate(self.predictions, HALF))


def fit_each(runs: Sequence[TrainingRun], console: Console, *, keep_state: bool = False) -> list[FinishedFit]:
    """Train the runs one after another and score validation with each; fits that were finished before are loaded.

    Each starts in a clean Keras session from its own seed, so that no fit depends on those before it, nor on an interruption.

    Args:
        keep_state: leave the training's state, from which `train` restores the model without training.

    Raises:
        UserError: as `train`.
    """
    fits = []
    for number, run in enumerate(runs, start=1):
        label = f"{number} of {len(runs)}, {run.name}:"
        training, validation = (len(run.dataset.rows(part)) for part in ("training", "validation"))
        console.print(f"{label} {training} training and {validation} validation radiographs")
        loaded = _load(run)
        fits.append(loaded or _fit(run, console, keep_state))
        scores, summary = fits[-1].scores, fits[-1].summary
        console.print(
            f"{label} accuracy {rounded(scores.accuracy)}, AUROC {rounded(scores.auroc)}, loss {rounded(scores.loss)} "
            f"in {len(summary.history['loss'])} epochs, {summary.seconds:.0f} s{', finished before' if loaded else ''}"
        )
    return fits


def experiment_fields(fits: Sequence[FinishedFit], name: str, settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """The fields that every experiment has."""
    run = fits[0].run
    return provenance(run.dataset.cohort, run.protocol.fingerprint) | {
        "name": name,
        "settings": settings,
        "seed": seed,
        # More than one if the series was resumed on another machine.
        "precision": "; ".join(dict.fromkeys(fit.summary.precision for fit in fits)),
        "seconds": sum(fit.summary.seconds for fit in fits),
    }


def register_experiment(
    result: Experiment, predictions: pd.DataFrame, pictures: Iterable[Picture], fits: Iterable[FinishedFit], registry: Registry
) -> str:
    """Register a result, and only then delete the saved fits.

    Returns:
        The MLflow run id.
    """
    with tempfile.TemporaryDirectory() as folder:
        for picture in pictures:
            (Path(folder) / picture.name).write_bytes(picture.png)
        run_id = registry.add_experiment(result, predictions, sorted(Path(folder).iterdir()))
    for fit in fits:
        # In this order: while the summary is there, `_load` takes the fit for finished, and the state may still be needed.
        for file in (SUMMARY, PREDICTIONS):
            (fit.run.directory / file).unlink()
        fit.run.delete_state()
    return run_id


def _fit(run: TrainingRun, console: Console, keep_state: bool) -> FinishedFit:
    keras.backend.clear_session()
    trained = train(run, console)
    predictions = predict(trained.model, run.dataset, "validation", run.recipe.fit.batch_size)
    precision = choose_precision(run.recipe.fit.precision)
    summary = Summary(
        history=trained.history,
        seconds=trained.seconds,
        parameters=trained.parameters,
        precision=f"{precision.policy} ({precision.reason})",
    )
    write_atomically(run.directory / PREDICTIONS, predictions.to_csv(index=False))
    # Written last: its presence marks the fit as finished.
    write_atomically(run.directory / SUMMARY, summary.model_dump_json())
    if not keep_state:
        run.delete_state()
    return FinishedFit(run, summary, predictions)


def _load(run: TrainingRun) -> FinishedFit | None:
    try:
        summary = Summary.model_validate_json((run.directory / SUMMARY).read_bytes())
    except FileNotFoundError:
        return None
    return FinishedFit(run, summary, read_predictions(run.directory / PREDICTIONS))
