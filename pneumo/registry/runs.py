"""MLflow runs that hold a result: their files and tags, how they are logged, and how they are found."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pneumo.registry.connection import import_mlflow
from pneumo.registry.embedded import EXPERIMENT
from pneumo.results.experiment import Experiment
from pneumo.results.files import save_result
from pneumo.results.provenance import Provenance

RECORD, RESULT, PREDICTIONS, FIGURES = "record.json", "result.json", "predictions.csv", "figures"
# Where `mlflow.keras` writes it, in the folder of the model.
MODEL = "data/model.keras"
KIND_TAG, NAME_TAG, COHORT_TAG = "pneumo.kind", "pneumo.name", "pneumo.data_fingerprint"
# Without it MLflow records the path of the running script.
SOURCE_TAGS = {"mlflow.source.name": "pneumo"}
# The most that MLflow returns at once.
MAX_RESULTS = 50_000


def predictions_file(part: str) -> str:
    """File name of a model's predictions on "validation", "validation_shifted" or "test"."""
    return f"predictions_{part}.csv"


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def start_run(name: str, tags: Mapping[str, str]) -> Any:
    """Start an MLflow run of this project's experiment, as a context manager."""
    mlflow = import_mlflow()
    experiment = mlflow.set_experiment(EXPERIMENT)
    return mlflow.start_run(experiment_id=experiment.experiment_id, run_name=name, tags=SOURCE_TAGS | dict(tags))


def log_record(
    record: Provenance, file: str, parameters: set[str], predictions: Mapping[str, pd.DataFrame], figures: Iterable[Path]
) -> None:
    """Log a record, its predictions by file name, and its figures as artifacts of the active run, and some fields as parameters."""
    mlflow = import_mlflow()
    plain = record.model_dump(mode="json", include=parameters)
    mlflow.log_params({str(name): value for name, value in pd.json_normalize(plain).iloc[0].items()})
    with tempfile.TemporaryDirectory() as folder:
        save_result(Path(folder) / file, record, "TMPDIR")
        for name, table in predictions.items():
            table.to_csv(Path(folder) / name, index=False)
        (Path(folder) / FIGURES).mkdir()
        for figure in figures:
            shutil.copy(figure, Path(folder) / FIGURES)
        mlflow.log_artifacts(folder)


def log_experiment(client: Any, result: Experiment, predictions: pd.DataFrame, figures: Iterable[Path]) -> str:
    """Log the result of an experiment with the predictions it was computed from, and return the id of its run."""
    tags = {NAME_TAG: result.name, COHORT_TAG: result.data_fingerprint}
    with start_run(f"{result.KIND} {result.name}", tags) as run:
        import_mlflow().log_metrics(result.headline())
        log_record(result, RESULT, set(Experiment.model_fields), {PREDICTIONS: predictions}, figures)
    # Last: runs are found by their kind, so an incomplete run of a killed process is not listed.
    client.set_tag(run.info.run_id, KIND_TAG, result.KIND)
    return str(run.info.run_id)


def newest_runs(client: Any, kind: str, data_fingerprint: str) -> list[str]:
    """Return the id of the newest run of each name, among the results of one kind and cohort, sorted by name."""
    newest = {run.data.tags[NAME_TAG]: run.info.run_id for run in find_runs(client, kind, data_fingerprint)}
    return [newest[name] for name in sorted(newest)]


def find_runs(client: Any, kind: str, data_fingerprint: str, *, deleted: bool = False) -> list[Any]:
    """Return the runs of one kind and cohort, the newest last, and where `deleted` is set those that were deleted too."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return []
    view = import_mlflow().entities.ViewType
    condition = f"tags.`{KIND_TAG}` = '{kind}' AND tags.`{COHORT_TAG}` = '{data_fingerprint}'"
    runs = client.search_runs(
        [experiment.experiment_id], condition, view.ALL if deleted else view.ACTIVE_ONLY, MAX_RESULTS, ["attributes.start_time ASC"]
    )
    return list(runs)
