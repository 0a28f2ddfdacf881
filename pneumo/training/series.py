"""A series of fits that are compared with one another, and of which none becomes a model.

A finished fit lies on the disk as its predictions and its history until the whole series is registered, so a series that was killed
goes on with the fit that it was killed in.
"""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pandas as pd
from pydantic import BaseModel, ConfigDict
from rich.console import Console

from pneumo.evaluation.scores import HALF, Evaluation, evaluate
from pneumo.figures.drawing import Picture, rounded
from pneumo.files import write_atomically
from pneumo.registry import Registry
from pneumo.registry.experiments import read_predictions
from pneumo.results.experiment import Experiment, Scores
from pneumo.training.dataset import Study
from pneumo.training.precision import prepare
from pneumo.training.predict import predict
from pneumo.training.provenance import experiment_facts
from pneumo.training.resume import History
from pneumo.training.train import delete_state, train

PREDICTIONS = "predictions.csv"
SUMMARY = "fit.json"


class Summary(BaseModel):
    """What is kept of a fit beside its predictions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    history: History
    seconds: float
    parameters: int
    precision: str


@dataclass(frozen=True)
class Finished:
    """One fit of a series."""

    study: Study
    summary: Summary
    predictions: pd.DataFrame
    """Of the study's validation: path, patient, y_true, y_score."""

    @property
    def scores(self) -> Scores:
        """Score it as the fits of a series are compared."""
        return Scores.of(evaluation_of(self.study, self.predictions))


def fit_each(studies: Sequence[Study], console: Console) -> list[Finished]:
    """Train one study after the other and score its validation; those that were finished before are taken from the disk.

    Each begins in a clean session from its own seed, so that no fit depends on those before it, nor on whether they were trained
    just now or before a kill.

    Raises:
        UserError: as `train`.
    """
    fits = []
    for number, study in enumerate(studies, start=1):
        say = f"{number} of {len(studies)}, {study.name}:"
        console.print(
            f"{say} {len(study.rows('training'))} radiographs to train on, {len(study.rows('validation'))} to score",
            highlight=False,
        )
        found = _kept(study)
        fits.append(_fit(study, console) if found is None else found)
        scores, epochs = fits[-1].scores, len(fits[-1].summary.history["loss"])
        console.print(
            f"{say} accuracy {rounded(scores.accuracy)}, AUROC {rounded(scores.auroc)}, loss {rounded(scores.loss)} "
            f"in {epochs} epochs, {fits[-1].summary.seconds:.0f} s{'' if found is None else ', finished before'}",
            highlight=False,
            soft_wrap=True,
        )
    return fits


def evaluation_of(study: Study, predictions: pd.DataFrame) -> Evaluation:
    """Score predictions on any of a cohort's radiographs at 0.5, which nobody chose on them."""
    subtypes = study.cohort.table.set_index("path")["subtype"]
    return evaluate(predictions["y_true"], predictions["y_score"], subtypes[predictions["path"]], HALF)


def facts(fits: Sequence[Finished], name: str, settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Gather what the result of a series says of itself, whatever it found."""
    # More than one precision, where a series went on on another machine.
    precision = "; ".join(dict.fromkeys(fit.summary.precision for fit in fits))
    cohort, seconds = fits[0].study.cohort, sum(fit.summary.seconds for fit in fits)
    return experiment_facts(cohort, name, settings, seed=seed, precision=precision, seconds=seconds)


def register_experiment(
    result: Experiment, predictions: pd.DataFrame, pictures: Iterable[Picture], fits: Iterable[Finished], registry: Registry
) -> str:
    """Keep a result for good, and only then delete what was kept of its fits.

    Returns:
        MLflow's name of the run that holds it.
    """
    with tempfile.TemporaryDirectory() as folder:
        for picture in pictures:
            (Path(folder) / picture.name).write_bytes(picture.png)
        run_id = registry.add_experiment(result, predictions, sorted(Path(folder).iterdir()))
    for fit in fits:
        # Again, for a fit that was killed between its last file and its state.
        delete_state(fit.study)
        for file in (SUMMARY, PREDICTIONS):
            (fit.study.directory / file).unlink()
    return run_id


def _fit(study: Study, console: Console) -> Finished:
    keras.backend.clear_session()
    precision = prepare(study.recipe.fit)
    trained = train(study, console)
    predictions = predict(study, trained.model, "validation")
    summary = Summary(
        history=trained.history,
        seconds=trained.seconds,
        parameters=trained.parameters,
        precision=f"{precision.policy} ({precision.reason})",
    )
    write_atomically(study.directory / PREDICTIONS, predictions.to_csv(index=False))
    # Last: where it lies, the fit is finished.
    write_atomically(study.directory / SUMMARY, summary.model_dump_json())
    delete_state(study)
    return Finished(study, summary, predictions)


def _kept(study: Study) -> Finished | None:
    try:
        summary = Summary.model_validate_json((study.directory / SUMMARY).read_bytes())
    except FileNotFoundError:
        return None
    return Finished(study, summary, read_predictions(study.directory / PREDICTIONS))
