"""MLflow runs that hold a result: their files and tags, how they are logged, and how they are found."""

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from pneumo.registry.connection import import_mlflow
from pneumo.registry.embedded import EXPERIMENT
from pneumo.results.adaptation import Adaptation
from pneumo.results.experiment import Experiment
from pneumo.results.external import ExternalEvaluation
from pneumo.results.files import save_result
from pneumo.results.provenance import Provenance

RECORD, RESULT, PREDICTIONS, FIGURES = "record.json", "result.json", "predictions.csv", "figures"
FEATURE_REFERENCE = "feature_reference.npz"
"""Of a model: distribution of its features on training radiographs."""
REFUSAL = "refusal.npz"
"""Of a model: detector of what is no upright frontal chest radiograph."""
OWN_RADIOGRAPHS = "own_radiographs.txt"
"""Of a model: SHA-256 of the pixels of each radiograph of the cohort that it was trained on, sorted, one on each line."""
# Where `mlflow.keras` writes it, in the folder of the model.
MODEL = "data/model.keras"
KIND_TAG, NAME_TAG, COHORT_TAG = "pneumo.kind", "pneumo.name", "pneumo.data_fingerprint"
CONTENT_TAG = "pneumo.content_fingerprint"
VERSION_TAG, SHA256_TAG = "pneumo.model_version", "pneumo.model_sha256"
# Without it MLflow records the path of the running script.
SOURCE_TAGS = {"mlflow.source.name": "pneumo"}
# The most that MLflow returns at once.
MAX_RESULTS = 50_000


def predictions_file(part: str) -> str:
    """File name of a model's predictions on "validation", "validation_shifted", "test" or "out_of_fold"."""
    return f"predictions_{part}.csv"


def start_run(name: str, tags: Mapping[str, str]) -> Any:
    """Start an MLflow run of this project's experiment, as a context manager."""
    mlflow = import_mlflow()
    experiment = mlflow.set_experiment(EXPERIMENT)
    return mlflow.start_run(experiment_id=experiment.experiment_id, run_name=name, tags=SOURCE_TAGS | dict(tags))


def log_record(
    record: Provenance,
    file: str,
    *,
    parameters: set[str],
    predictions: Mapping[str, pd.DataFrame],
    figures: Iterable[Path],
    attachments: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Log a record, tables and other files by name, and figures as artifacts of the active run, and some fields as parameters."""
    mlflow = import_mlflow()
    plain = record.model_dump(mode="json", include=parameters)
    mlflow.log_params({str(name): value for name, value in pd.json_normalize(plain).iloc[0].items()})
    with tempfile.TemporaryDirectory() as folder:
        save_result(Path(folder) / file, record, "TMPDIR")
        for name, table in predictions.items():
            table.to_csv(Path(folder) / name, index=False)
        for name, content in attachments.items():
            (Path(folder) / name).write_bytes(content)
        (Path(folder) / FIGURES).mkdir()
        for figure in figures:
            shutil.copy(figure, Path(folder) / FIGURES)
        mlflow.log_artifacts(folder)


def log_experiment(client: Any, result: Experiment, predictions: pd.DataFrame, figures: Iterable[Path]) -> str:
    """Log the result of an experiment with the predictions it was computed from, and return the id of its run."""
    return _log_result(
        client,
        result,
        tags={NAME_TAG: result.name},
        parameters=set(Experiment.model_fields),
        predictions=predictions,
        figures=figures,
    )


def log_external_evaluation(client: Any, result: ExternalEvaluation, predictions: pd.DataFrame) -> str:
    """Log the evaluation of a model on another cohort with its predictions, and return the id of its run."""
    tags = {NAME_TAG: result.name, VERSION_TAG: str(result.version), SHA256_TAG: result.model_sha256}
    # Kinds of foreign entries may have characters that MLflow refuses in names of parameters.
    parameters = set(ExternalEvaluation.model_fields) - {"statistics", "foreign", "problems"}
    return _log_result(client, result, tags=tags, parameters=parameters, predictions=predictions, figures=())


def log_adaptation(client: Any, result: Adaptation, predictions: pd.DataFrame) -> str:
    """Log the learning curve of a model on another cohort with its predictions, and return the id of its run."""
    tags = {NAME_TAG: result.name, VERSION_TAG: str(result.version), SHA256_TAG: result.model_sha256}
    parameters = set(Adaptation.model_fields) - {"curve", "acquisition", "foreign", "problems"}
    return _log_result(client, result, tags=tags, parameters=parameters, predictions=predictions, figures=())


def _log_result(
    client: Any,
    result: Experiment | ExternalEvaluation | Adaptation,
    *,
    tags: dict[str, str],
    parameters: set[str],
    predictions: pd.DataFrame,
    figures: Iterable[Path],
) -> str:
    with start_run(f"{result.KIND} {result.name}", {COHORT_TAG: result.data_fingerprint} | tags) as run:
        import_mlflow().log_metrics(result.headline())
        log_record(result, RESULT, parameters=parameters, predictions={PREDICTIONS: predictions}, figures=figures)
    # Last: runs are found by their kind, so an incomplete run of a killed process is not listed.
    client.set_tag(run.info.run_id, KIND_TAG, result.KIND)
    return str(run.info.run_id)


def newest_runs(client: Any, kind: str, data_fingerprint: str) -> list[str]:
    """Return the id of the newest run of each name, among the results of one kind and cohort, sorted by name."""
    return _newest(find_runs(client, kind, {COHORT_TAG: data_fingerprint}), NAME_TAG)


def newest_on_other_cohorts(client: Any, kind: str, version: int, model_sha256: str) -> list[str]:
    """Return the id of a model's newest run of a kind on each other cohort, sorted by fingerprint."""
    tags = {VERSION_TAG: str(version), SHA256_TAG: model_sha256}
    return _newest(find_runs(client, kind, tags), COHORT_TAG)


def _newest(stored: Iterable[Any], tag: str) -> list[str]:
    newest = {run.data.tags[tag]: str(run.info.run_id) for run in stored}
    return [newest[value] for value in sorted(newest)]


def find_runs(client: Any, kind: str, tags: Mapping[str, str], *, deleted: bool = False) -> list[Any]:
    """Return the runs of one kind with these tags, the newest last, and where `deleted` is set those that were deleted too."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return []
    view = import_mlflow().entities.ViewType
    condition = " AND ".join(f"tags.`{tag}` = '{value}'" for tag, value in ({KIND_TAG: kind} | dict(tags)).items())
    runs = client.search_runs(
        [experiment.experiment_id], condition, view.ALL if deleted else view.ACTIVE_ONLY, MAX_RESULTS, ["attributes.start_time ASC"]
    )
    return list(runs)
