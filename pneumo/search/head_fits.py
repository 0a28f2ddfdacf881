"""One head of a head search: trained on cached features, scored on validation."""

import math
import time
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from pneumo.config import TransferRecipe
from pneumo.evaluation.scores import Result
from pneumo.nets import backbone
from pneumo.search.fits import FAILURES, NOT_A_NUMBER, failure_message
from pneumo.training.dataset import Dataset
from pneumo.training.features import Features
from pneumo.training.optimizer import build_optimizer
from pneumo.training.two_phase import head_data

PATIENCE = 5
LAST_EPOCHS = 5


class Head(Result):
    """The hyper-parameters of a head."""

    units: tuple[int, ...]
    dropout: float
    learning_rate: float
    batch_size: int
    loss: Literal["binary_crossentropy", "kl_divergence"]


class EvaluatedHead(Result):
    """A head and its validation accuracy."""

    head: Head
    accuracy: float
    """On validation, the mean over the last epochs; 0 where the fit failed."""
    failure: str | None
    seconds: float


def evaluate_head(head: Head, recipe: TransferRecipe, features: Features, dataset: Dataset, epochs: int) -> EvaluatedHead:
    """Train a head from the recipe's seed and score it; a fit that fails has accuracy 0 and does not end the search.

    Args:
        recipe: gives the hyper-parameters that are not searched.
    """
    started, accuracy, failure = time.monotonic(), 0.0, None
    try:
        history = _train(head, recipe, features, dataset, epochs)
        if all(map(math.isfinite, history["loss"] + history["val_loss"])):
            accuracy = float(np.mean(history["val_accuracy"][-LAST_EPOCHS:]))
        else:
            failure = NOT_A_NUMBER
    except FAILURES as error:
        failure = failure_message(error)
    return EvaluatedHead(head=head, accuracy=accuracy, failure=failure, seconds=time.monotonic() - started)


def both_classes_divergence(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Kullback-Leibler divergence of the predicted distribution over both classes from the true one.

    For labels of exactly 0 and 1 it equals binary cross-entropy.
    """
    distributions = [tf.concat([1 - p, p], axis=-1) for p in (y_true, y_pred)]
    return keras.losses.kl_divergence(*distributions)


def _train(head: Head, recipe: TransferRecipe, features: Features, dataset: Dataset, epochs: int) -> dict[str, list[float]]:
    keras.utils.set_random_seed(recipe.fit.seed)
    network = recipe.network.model_copy(update={"head_units": head.units, "head_dropout": head.dropout})
    fit = recipe.fit.model_copy(update={"batch_size": head.batch_size, "learning_rate": head.learning_rate})
    data = head_data(dataset, recipe.model_copy(update={"network": network, "fit": fit, "targets": "labels"}), features)
    model = backbone.build_head(network, features.validation.shape[1])
    steps = data.steps_per_epoch(fit)
    model.compile(
        optimizer=build_optimizer(fit),
        loss=both_classes_divergence if head.loss == "kl_divergence" else head.loss,
        metrics=["accuracy"],
        # Steps this small cost less than returning to Python after each.
        steps_per_execution=steps,
    )
    fitted = model.fit(
        data.training(range(epochs)),
        # In one batch, and as arrays: Keras warns where a dataset of unknown length ends within `steps_per_execution`.
        validation_data=next(iter(data.validation.unbatch().batch(len(features.validation)))),
        validation_batch_size=len(features.validation),
        epochs=epochs,
        steps_per_epoch=steps,
        class_weight=data.class_weight,
        shuffle=False,
        verbose=0,
        callbacks=[keras.callbacks.TerminateOnNaN(), keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE)],
    )
    history: dict[str, list[float]] = fitted.history
    return history
