"""The fits of a hyper-parameter search: one compiled network for all, and the result of each finished fit saved on disk.

Tracing dominates short fits, so a process builds and compiles a network once and resets its variables for every fit. An interrupted
search loads the results of the fits that were finished and resumes.
"""

import hashlib
import json
import threading
import time
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from pydantic import ValidationError

from pneumo.config import CnnRecipe
from pneumo.evaluation.scores import Result
from pneumo.files import write_atomically
from pneumo.nets import cnn
from pneumo.results.provenance import software
from pneumo.training.dataset import Dataset
from pneumo.training.fit import compile_model, pixel_data
from pneumo.training.precision import prepare
from pneumo.training.predict import predict

# Increment it when a fit's result changes without a change of settings, so that saved results are not used.
VERSION = 1
NOT_A_NUMBER = "the loss is not a number"
# A cluster worker may run fits in several threads that share the network.
_NETWORK_LOCK = threading.RLock()
# Errors of a single fit that do not end the search: not enough memory, or an impossible shape.
FAILURES = (tf.errors.OpError, ArithmeticError, MemoryError, ValueError)


@dataclass(frozen=True, eq=False)
class SearchTask:
    """Recipe, dataset and results folder that all fits of a search share."""

    recipe: CnnRecipe
    """Its learning rate and dropout rates are replaced by those of a point."""
    dataset: Dataset
    """Fits use its training part."""
    directory: Path
    """Where the results of finished fits are saved; all workers must see it."""

    @cached_property
    def rows(self) -> np.ndarray:
        """Rows of the training part, (M,)."""
        return self.dataset.rows("training")

    @cached_property
    def y_true(self) -> np.ndarray:
        """Labels of the training part, (M,), 0 or 1."""
        return self.dataset.y_true("training")

    @cached_property
    def identity(self) -> list[Any]:
        """Everything that a fit's result depends on besides its point and its rows."""
        return [VERSION, self.dataset.fingerprint, software(), self.recipe.model_dump(mode="json"), self.rows.tolist()]


class FitResult(Result):
    """The saved result of a fit: its scores on the held-out radiographs."""

    y_score: tuple[float, ...] | None
    """Probability of PNEUMONIA of each held-out row, ascending; None where the fit failed."""
    failure: str | None
    seconds: float


class AdjustableDropout(keras.layers.Dropout):
    """Dropout whose rate is a variable, so that another rate does not need another network."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the variable."""
        self.adjustable_rate = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="float32", name="rate")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Apply dropout while training."""
        if not training:
            return inputs
        rate = tf.cast(self.adjustable_rate, inputs.dtype)
        # As keras.layers.Dropout, whose rate must be a number: the same seed drops the same units.
        seed = tf.cast(tf.math.floormod(self.seed_generator.next(), tf.int32.max - 1), tf.int32)
        return tf.nn.experimental.stateless_dropout(inputs, rate, seed)


def shared_network(recipe: CnnRecipe) -> tuple[keras.Model, list[np.ndarray]]:
    """The compiled network of a recipe, built once in a process, and the initial values of its variables."""
    with _NETWORK_LOCK:
        return _built(recipe)


@lru_cache(maxsize=1)
def _built(recipe: CnnRecipe) -> tuple[keras.Model, list[np.ndarray]]:
    prepare(recipe.fit)
    # Any rates but zero, for which the builder adds no dropout layer.
    network = recipe.network.model_copy(update={"dense_dropout": 0.5, "convolution_dropout": 0.5})
    model = cnn.build(network, recipe.image_size_px, recipe.fit.seed, AdjustableDropout)
    compile_model(model, recipe.fit)
    model.optimizer.build(model.trainable_variables)
    return model, [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]


def fit_point(task: SearchTask, rows: np.ndarray, parameters: dict[str, float]) -> FitResult:
    """Train on some rows and score the others, unless that was done before."""
    saved = load_fit(task, rows, parameters)
    # A fit that ran out of memory may succeed this time; one that diverged will diverge again.
    if saved is not None and saved.failure in {None, NOT_A_NUMBER}:
        return saved
    started = time.monotonic()
    scores, failure = None, None
    try:
        with _NETWORK_LOCK:
            scores = _train_and_score(task, np.sort(rows), parameters)
        if not np.isfinite(scores).all():
            scores, failure = None, NOT_A_NUMBER
    except FAILURES as error:
        failure = failure_message(error)
    y_score = None if scores is None else tuple(scores.tolist())
    result = FitResult(y_score=y_score, failure=failure, seconds=time.monotonic() - started)
    write_atomically(_file(task, rows, parameters), result.model_dump_json())
    return result


def load_fit(task: SearchTask, rows: np.ndarray, parameters: dict[str, float]) -> FitResult | None:
    """The saved result of an earlier fit of the same settings, radiographs and software."""
    try:
        return FitResult.model_validate_json(_file(task, rows, parameters).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def failure_message(error: Exception) -> str:
    """An exception in one line of at most 200 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _reset(recipe: CnnRecipe, *, learning_rate: float, dense_dropout: float, convolution_dropout: float) -> keras.Model:
    """Give the shared network the variables of one just built, the optimizer's included, and the rates of a point."""
    model, initial = shared_network(recipe)
    for variable, value in zip((*model.variables, *model.optimizer.variables), initial, strict=True):
        variable.assign(value)
    model.optimizer.learning_rate.assign(learning_rate)
    for layer in model.layers:
        if isinstance(layer, AdjustableDropout):
            layer.adjustable_rate.assign(dense_dropout if layer.name == "dense_dropout" else convolution_dropout)
    return model


def _file(task: SearchTask, rows: np.ndarray, parameters: dict[str, float]) -> Path:
    identity = [task.identity, sorted(parameters.items()), np.sort(rows).tolist()]
    return task.directory / f"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]}.json"


def _train_and_score(task: SearchTask, rows: np.ndarray, parameters: dict[str, float]) -> np.ndarray:
    """Probability of each row of the search that was not trained on; NaN where the training diverged."""
    model, settings, table = _reset(task.recipe, **parameters), task.recipe.fit, task.dataset.table
    part = np.full(len(table), "unused", dtype=object)
    part[task.rows], part[rows] = "validation", "training"
    dataset = replace(task.dataset, table=table.assign(part=part))
    # Points are scored on the labels, whatever the registered network is trained on.
    data = pixel_data(dataset, task.recipe.model_copy(update={"targets": "labels"}))
    model.fit(
        data.training(range(settings.epochs)),
        epochs=settings.epochs,
        steps_per_epoch=data.steps_per_epoch(settings),
        class_weight=data.class_weight,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.TerminateOnNaN()],
    )
    return predict(model, dataset, "validation", settings.batch_size)["y_score"].to_numpy()
