"""One head of a search: trained on cached features, and scored on validation."""

import math
import time
from typing import Literal

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel, ConfigDict

from pneumo.config import Transfer
from pneumo.nets import backbone
from pneumo.search.fits import FAILURES, NOT_A_NUMBER
from pneumo.training.features import Features, feature_batches

PATIENCE = 5
LAST_EPOCHS = 5


class Head(BaseModel):
    """What a search decides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    units: tuple[int, ...]
    dropout: float
    learning_rate: float
    batch_size: int
    loss: Literal["binary_crossentropy", "kl_divergence"]


class TriedHead(BaseModel):
    """A head, and how well it did."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    head: Head
    accuracy: float
    """On validation, the mean over the last epochs; 0 where the fit failed."""
    failure: str | None
    seconds: float


def try_head(
    head: Head,
    recipe: Transfer,
    features: Features,
    y_true: tuple[np.ndarray, np.ndarray],
    *,
    epochs: int,
    class_weight: dict[int, float] | None,
) -> TriedHead:
    """Train a head from the recipe's seed; a fit that fails is a bad head, and not the end of a search.

    Args:
        recipe: gives whatever the head leaves open.
        y_true: of training and of validation.
    """
    began, accuracy, failure = time.monotonic(), 0.0, None
    try:
        history = _train(head, recipe, features, y_true, epochs=epochs, class_weight=class_weight)
        if all(map(math.isfinite, history["loss"] + history["val_loss"])):
            accuracy = float(np.mean(history["val_accuracy"][-LAST_EPOCHS:]))
        else:
            failure = NOT_A_NUMBER
    except FAILURES as error:
        failure = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return TriedHead(head=head, accuracy=accuracy, failure=failure, seconds=time.monotonic() - began)


def both_classes_divergence(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Kullback-Leibler divergence of the predicted distribution over both classes from the true one.

    For labels 0 and 1, which leave nothing uncertain, this is binary cross-entropy under another name.
    """
    both = [tf.concat([1 - p, p], axis=-1) for p in (y_true, y_pred)]
    return keras.losses.kl_divergence(*both)


def _train(
    head: Head,
    recipe: Transfer,
    features: Features,
    y_true: tuple[np.ndarray, np.ndarray],
    *,
    epochs: int,
    class_weight: dict[int, float] | None,
) -> dict[str, list[float]]:
    training, validation = y_true
    keras.utils.set_random_seed(recipe.fit.seed)
    network = recipe.network.model_copy(update={"head_units": head.units, "head_dropout": head.dropout})
    model = backbone.build_head(network, features.validation.shape[1])
    steps = -(-len(training) // head.batch_size)
    model.compile(
        optimizer=keras.optimizers.get({"class_name": recipe.fit.optimizer, "config": {"learning_rate": head.learning_rate}}),
        loss=both_classes_divergence if head.loss == "kl_divergence" else head.loss,
        metrics=["accuracy"],
        # Steps this small cost less than going back to Python after each.
        steps_per_execution=steps,
    )
    weights = np.array([class_weight[label] if class_weight else 1.0 for label in validation.tolist()], np.float32)
    fitted = model.fit(
        feature_batches(features.views, training, batch_size=head.batch_size, epochs=range(epochs), seed=recipe.fit.seed),
        validation_data=(features.validation, validation[:, None].astype(np.float32), weights),
        validation_batch_size=len(validation),
        epochs=epochs,
        steps_per_epoch=steps,
        class_weight=class_weight,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.TerminateOnNaN(), keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE)],
    )
    history: dict[str, list[float]] = fitted.history
    return history
