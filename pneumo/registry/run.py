"""What is written of one finished training: an MLflow run with its files and its model, not listed yet.

Importing this module imports MLflow and Keras.
"""

import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
from mlflow.types import Schema, TensorSpec

from pneumo.registry import files
from pneumo.registry.embedded import EXPERIMENT
from pneumo.results.model import ModelRecord

NEEDED_TO_PREDICT = ("keras", "tensorflow", "numpy")


@dataclass(frozen=True)
class Logged:
    """Where MLflow put a model."""

    run_id: str
    model_id: str
    sha256: str
    """Of the model file as it is stored."""


def log_run(record: ModelRecord, model: keras.Model, predictions: Mapping[str, pd.DataFrame], figures: Iterable[Path]) -> Logged:
    """Write a run: parameters, learning curves, scores, files, and the model with its signature."""
    experiment = mlflow.set_experiment(EXPERIMENT)
    # Otherwise MLflow notes the path of the running script.
    tags = {"mlflow.source.name": "pneumo"}
    with (
        mlflow.start_run(experiment_id=experiment.experiment_id, run_name=record.recipe, tags=tags) as run,
        tempfile.TemporaryDirectory() as folder,
    ):
        mlflow.log_params(_parameters(record))
        mlflow.MlflowClient().log_batch(run.info.run_id, metrics=_metrics(record))
        mlflow.log_artifacts(str(_lay_out(Path(folder), record, predictions, figures)))
        logged = mlflow.keras.log_model(
            # The same layers without an optimizer, whose moments would make the file two to three times as large.
            keras.Model(model.inputs, model.outputs, name=model.name),
            name=record.recipe,
            tags=tags,
            signature=_signature(model),
            # Left to itself MLflow spends a quarter of a minute on a guess.
            pip_requirements=[f"{package}=={version(package)}" for package in NEEDED_TO_PREDICT],
        )
        stored = mlflow.artifacts.download_artifacts(artifact_uri=f"{logged.artifact_path}/{files.MODEL}", dst_path=folder)
        return Logged(run.info.run_id, logged.model_id, files.sha256(Path(stored)))


def _parameters(record: ModelRecord) -> dict[str, Any]:
    plain = record.model_dump(mode="json", exclude={"history", "phases", "validation", "validation_shifted", "test"})
    return {str(name): value for name, value in pd.json_normalize(plain).iloc[0].items()}


def _metrics(record: ModelRecord) -> list[Metric]:
    """Collect the learning curves, from step 1 on, and at step 0 the final scores: that step MLflow shows with the model."""
    now = int(time.time() * 1000)
    curves = [Metric(name, value, now, epoch) for name, values in record.history.items() for epoch, value in enumerate(values, 1)]
    nested = {part: getattr(record, part).model_dump() for part in ("validation", "validation_shifted", "test")}
    scores = pd.json_normalize(nested, sep="_").to_dict("records")[0]
    return curves + [Metric(name, float(value), now, 0) for name, value in scores.items() if value is not None]


def _lay_out(folder: Path, record: ModelRecord, predictions: Mapping[str, pd.DataFrame], figures: Iterable[Path]) -> Path:
    """Put the files that go with a model into one folder."""
    laid_out = folder / "files"
    (laid_out / files.FIGURES).mkdir(parents=True)
    (laid_out / files.RECORD).write_text(record.model_dump_json(indent=1), encoding="utf-8")
    for split, table in predictions.items():
        table.to_csv(laid_out / files.predictions(split), index=False)
    for figure in figures:
        shutil.copy(figure, laid_out / files.FIGURES)
    return laid_out


def _signature(model: keras.Model) -> ModelSignature:
    def schema(tensor: keras.KerasTensor) -> Schema:
        return Schema([TensorSpec(np.dtype(tensor.dtype), (-1, *tensor.shape[1:]))])

    return ModelSignature(inputs=schema(model.inputs[0]), outputs=schema(model.outputs[0]))
