"""The fits of a hyper-parameter search: one compiled network for all, and each finished fit kept on disk.

Tracing dominates short fits, so a process builds and compiles a network once and resets its variables for every fit. A search that
was killed finds the fits that were finished and goes on from there.
"""

import hashlib
import json
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel, ConfigDict, ValidationError
from sklearn.utils.class_weight import compute_class_weight

from pneumo.config import Recipe
from pneumo.files import write_atomically
from pneumo.nets import cnn
from pneumo.radiographs.batches import evaluation_batches, training_batches
from pneumo.training.fit import compile_model
from pneumo.training.precision import prepare

# To be raised when a fit's result changes for a reason that is in no setting: finished fits are then made again.
VERSION = 1
NOT_A_NUMBER = "the loss was no longer a number"
# A cluster's worker may run fits in several threads, and the network is one for all: they take turns.
_ONE_AT_A_TIME = threading.RLock()
# What a fit may die of that leaves the search alive: no room for the network, or a shape that cannot be.
FAILURES = (tf.errors.OpError, ArithmeticError, MemoryError, ValueError)


@dataclass(frozen=True)
class SearchData:
    """What all fits of a search have in common; the radiographs by name, for worker processes map the pixels themselves."""

    recipe: Recipe
    """Its learning rate and dropout rates are the search's to set."""
    pixels: Path
    """(N, H, W) uint8, as .npy."""
    rows: np.ndarray
    """(M,), rows of `pixels` that take part."""
    y_true: np.ndarray
    """(M,), 0 or 1."""
    directory: Path
    """Where finished fits are kept; to be seen by all workers."""
    identity: str
    """Of the radiographs and the software: fits under another identity are not these."""


class FinishedFit(BaseModel):
    """A fit as it is kept: a search needs nothing of it but what it says of the radiographs that it was not trained on."""

    model_config = ConfigDict(frozen=True)

    y_score: tuple[float, ...] | None
    """For each held-out row, ascending; none: the fit failed."""
    failure: str | None
    seconds: float


class AdjustableDropout(keras.layers.Dropout):
    """Dropout whose rate is a variable, so that another rate needs no new network."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the variable."""
        self.adjustable_rate = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="float32", name="rate")
        super().build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Drop out while training."""
        if not training:
            return inputs
        rate = tf.cast(self.adjustable_rate, inputs.dtype)
        # As Keras' own does, whose rate must be a number: the same seed drops the same units.
        seed = tf.cast(tf.math.floormod(self.seed_generator.next(), tf.int32.max - 1), tf.int32)
        return tf.nn.experimental.stateless_dropout(inputs, rate, seed)


def shared_network(recipe: Recipe) -> tuple[keras.Model, list[np.ndarray]]:
    """Build and compile a recipe's network once in a process, with the values that its variables start from."""
    with _ONE_AT_A_TIME:
        return _built(recipe)


@lru_cache(maxsize=1)
def _built(recipe: Recipe) -> tuple[keras.Model, list[np.ndarray]]:
    prepare(recipe.fit)
    # Any rates but zero, at which the builder leaves dropout out.
    network = recipe.network.model_copy(update={"dense_dropout": 0.5, "convolution_dropout": 0.5})
    model = cnn.build(network, recipe.image_size_px, recipe.fit.seed, AdjustableDropout)
    compile_model(model, recipe.fit)
    model.optimizer.build(model.trainable_variables)
    return model, [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]


def finished_fit(data: SearchData, rows: np.ndarray, parameters: dict[str, float]) -> FinishedFit:
    """Train on some rows and score the others, unless that was done before."""
    kept = kept_fit(data, rows, parameters)
    # What failed for want of memory may do better this time; what diverged will diverge again.
    if kept is not None and kept.failure in {None, NOT_A_NUMBER}:
        return kept
    started = time.monotonic()
    scores, failure = None, None
    try:
        with _ONE_AT_A_TIME:
            scores = _train_and_score(data, np.sort(rows), parameters)
        if not np.isfinite(scores).all():
            scores, failure = None, NOT_A_NUMBER
    except FAILURES as error:
        failure = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    finished = FinishedFit(
        y_score=None if scores is None else tuple(scores.tolist()), failure=failure, seconds=time.monotonic() - started
    )
    data.directory.mkdir(parents=True, exist_ok=True)
    write_atomically(_file(data, rows, parameters), finished.model_dump_json())
    return finished


def kept_fit(data: SearchData, rows: np.ndarray, parameters: dict[str, float]) -> FinishedFit | None:
    """Read what an earlier fit of the same settings, radiographs and software left."""
    try:
        kept = FinishedFit.model_validate_json(_file(data, rows, parameters).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return kept


def _reset(recipe: Recipe, *, learning_rate: float, dense_dropout: float, convolution_dropout: float) -> keras.Model:
    """Give the shared network the variables of one just built, the optimizer's included, and the rates of a point."""
    model, initial = shared_network(recipe)
    for variable, value in zip((*model.variables, *model.optimizer.variables), initial, strict=True):
        variable.assign(value)
    model.optimizer.learning_rate.assign(learning_rate)
    for layer in model.layers:
        if isinstance(layer, AdjustableDropout):
            layer.adjustable_rate.assign(dense_dropout if layer.name == "dense_dropout" else convolution_dropout)
    return model


def _file(data: SearchData, rows: np.ndarray, parameters: dict[str, float]) -> Path:
    identity: list[Any] = [VERSION, data.identity, data.recipe.model_dump(mode="json"), sorted(parameters.items())]
    identity += [np.sort(rows).tolist(), data.rows.tolist()]
    return data.directory / f"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]}.json"


def _train_and_score(data: SearchData, rows: np.ndarray, parameters: dict[str, float]) -> np.ndarray:
    """Return the probability of each row of the search that was not trained on; not a number where the training left its path."""
    model = _reset(data.recipe, **parameters)
    pixels = np.load(data.pixels, mmap_mode="r")
    labels = dict(zip(data.rows.tolist(), data.y_true.tolist(), strict=True))
    y_true = np.array([labels[row] for row in rows.tolist()])
    settings = data.recipe.fit
    weights = compute_class_weight("balanced", classes=np.array([0, 1]), y=y_true) if settings.class_weights == "balanced" else None
    model.fit(
        training_batches(
            pixels,
            rows,
            y_true,
            augmentation=data.recipe.augmentation,
            batch_size=settings.batch_size,
            epochs=range(settings.epochs),
            seed=settings.seed,
        ),
        epochs=settings.epochs,
        steps_per_epoch=-(-len(rows) // settings.batch_size),
        class_weight=None if weights is None else dict(enumerate(weights.tolist())),
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.TerminateOnNaN()],
    )
    held_out = np.setdiff1d(data.rows, rows)
    batches = evaluation_batches(pixels, held_out, np.zeros(len(held_out), np.int64), batch_size=settings.batch_size)
    scores: np.ndarray = model.predict(batches, verbose=0)[:, 0].astype(float)
    return scores
