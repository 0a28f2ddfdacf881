"""Results that are not models: one MLflow run each, with the result as JSON, its predictions and its figures.

A run is listed by the tag of its kind, which comes after all else: a process killed before it leaves nothing that is listed.
"""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import pandas as pd

from pneumo.registry import files
from pneumo.registry.connection import import_mlflow
from pneumo.registry.embedded import EXPERIMENT
from pneumo.results.experiment import Experiment

KIND_TAG, NAME_TAG, COHORT_TAG = "pneumo.kind", "pneumo.name", "pneumo.data_fingerprint"

AnyExperiment = TypeVar("AnyExperiment", bound=Experiment)


@dataclass(frozen=True)
class Kept(Generic[AnyExperiment]):
    """One result as the registry keeps it."""

    run_id: str
    """MLflow's run that holds it."""
    result: AnyExperiment
    predictions: pd.DataFrame
    """What the result was computed from: path, patient, y_true, y_score, and which fit gave the score."""


def log_experiment(result: Experiment, predictions: pd.DataFrame, figures: Iterable[Path]) -> str:
    """Write a run, then list it.

    Returns:
        MLflow's name of the run.
    """
    mlflow = import_mlflow()
    experiment = mlflow.set_experiment(EXPERIMENT)
    # Otherwise MLflow notes the path of the running script.
    tags = {"mlflow.source.name": "pneumo", NAME_TAG: result.name, COHORT_TAG: result.data_fingerprint}
    with (
        mlflow.start_run(experiment_id=experiment.experiment_id, run_name=f"{result.KIND} {result.name}", tags=tags) as run,
        tempfile.TemporaryDirectory() as folder,
    ):
        mlflow.log_params(_parameters(result))
        mlflow.log_metrics(result.headline())
        mlflow.log_artifacts(str(_lay_out(Path(folder), result, predictions, figures)))
    mlflow.MlflowClient().set_tag(run.info.run_id, KIND_TAG, result.KIND)
    return str(run.info.run_id)


def newest_runs(client: Any, kind: str, data_fingerprint: str) -> list[str]:
    """Name the newest run of each name among results of one kind and cohort, in order of their names."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return []
    condition = f"tags.`{KIND_TAG}` = '{kind}' AND tags.`{COHORT_TAG}` = '{data_fingerprint}'"
    found = client.search_runs([experiment.experiment_id], condition, order_by=["attributes.start_time ASC"])
    newest = {run.data.tags[NAME_TAG]: run.info.run_id for run in found}
    return [newest[name] for name in sorted(newest)]


def read_predictions(path: Path) -> pd.DataFrame:
    """Read predictions; a patient called 007 or NA keeps that name."""
    return pd.read_csv(path, dtype={"path": str, "patient": str}, keep_default_na=False)


def _parameters(result: Experiment) -> dict[str, Any]:
    plain = result.model_dump(mode="json", include=set(Experiment.model_fields))
    return {str(name): value for name, value in pd.json_normalize(plain).iloc[0].items()}


def _lay_out(folder: Path, result: Experiment, predictions: pd.DataFrame, figures: Iterable[Path]) -> Path:
    """Put the files of a result into one folder."""
    laid_out = folder / "files"
    (laid_out / "figures").mkdir(parents=True)
    (laid_out / files.RESULT).write_text(result.model_dump_json(indent=1), encoding="utf-8")
    predictions.to_csv(laid_out / files.PREDICTIONS, index=False)
    for figure in figures:
        shutil.copy(figure, laid_out / "figures")
    return laid_out
