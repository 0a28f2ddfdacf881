"""The MLflow run of a finished training: the model with its record, predictions and figures, not listed yet.

Importing this module imports MLflow and Keras.
"""

import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import mlflow
import mlflow.keras
import numpy as np
import pandas as pd
from mlflow.entities import Metric
from mlflow.models import ModelSignature
from mlflow.models.model import ModelInfo
from mlflow.types import Schema, TensorSpec

from pneumo.files import file_sha256
from pneumo.registry import runs
from pneumo.results.registered import RegisteredRecord

REQUIREMENTS = ("keras", "tensorflow", "numpy")
"""Packages that predicting with a model needs."""


def log_model(
    record: RegisteredRecord,
    model: keras.Model,
    predictions: Mapping[str, pd.DataFrame],
    figures: Iterable[Path],
    attachments: Mapping[str, bytes],
) -> tuple[ModelInfo, str]:
    """Log a run with parameters, learning curves, scores, files and the model, and return also the SHA-256 of the model file."""
    parameters = set(type(record).model_fields) - {"history", "phases", "expected", *record.evaluations}
    tables = {runs.predictions_file(part): table for part, table in predictions.items()}
    nested: dict[str, Any] = {part: scores.model_dump() for part, scores in record.evaluations.items()}
    scores = pd.json_normalize(nested, sep="_").to_dict("records")[0]
    with runs.start_run(record.recipe, {}) as run:
        runs.log_record(record, runs.RECORD, parameters=parameters, predictions=tables, figures=figures, attachments=attachments)
        log_metrics(run.info.run_id, record.history, {str(name): value for name, value in scores.items()})
        return log_network(model, record.recipe)


def log_metrics(run_id: str, history: Mapping[str, Sequence[float]], scores: Mapping[str, float | None]) -> None:
    """Log learning curves, from step 1 on, and the final scores at step 0, which MLflow shows with the model."""
    now = int(time.time() * 1000)
    curves = [Metric(name, value, now, epoch) for name, values in history.items() for epoch, value in enumerate(values, 1)]
    final = [Metric(name, float(value), now, 0) for name, value in scores.items() if value is not None]
    mlflow.MlflowClient().log_batch(run_id, metrics=curves + final)


def log_network(model: keras.Model, name: str) -> tuple[ModelInfo, str]:
    """Log a network to the active run, and return also the SHA-256 of its file."""
    logged = mlflow.keras.log_model(
        # The same layers without an optimizer, whose moments would make the file two to three times as large.
        keras.Model(model.inputs, model.outputs, name=model.name),
        name=name,
        tags=runs.SOURCE_TAGS,
        signature=_signature(model),
        # Without this MLflow infers them, which takes a quarter of a minute.
        pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
    )
    with tempfile.TemporaryDirectory() as folder:
        stored = mlflow.artifacts.download_artifacts(artifact_uri=f"{logged.artifact_path}/{runs.MODEL}", dst_path=folder)
        return logged, file_sha256(Path(stored))


def _signature(model: keras.Model) -> ModelSignature:
    def schema(tensor: keras.KerasTensor) -> Schema:
        return Schema([TensorSpec(np.dtype(tensor.dtype), (-1, *tensor.shape[1:]))])

    return ModelSignature(inputs=schema(model.inputs[0]), outputs=schema(model.outputs[0]))
