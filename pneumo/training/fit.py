"""Fitting of a Keras model that resumes after an interruption.

After every epoch the whole state of the training is saved: weights, optimizer, history, and the counters of the callbacks. The same
call in another process resumes from there and ends with the same weights.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from pneumo.config import Fit, Recipe
from pneumo.errors import UserError
from pneumo.results.model import Phase
from pneumo.training.dataset import ClassWeight, Dataset
from pneumo.training.display import Display
from pneumo.training.predict import augmented_batches, part_batches
from pneumo.training.resume import History, TrainingState

WARM_UP_EPOCHS = 3
WEIGHT_DECAY = 1e-3


@dataclass(frozen=True)
class FitData:
    """Training and validation data of a fit."""

    training: Callable[[range], tf.data.Dataset]
    """From a range of epochs to their batches."""
    validation: tf.data.Dataset
    """Weighted by class as training is, or early stopping would monitor another loss than the one that is minimised."""
    training_images: int
    class_weight: ClassWeight


@dataclass(frozen=True)
class Trained:
    """A trained network and its learning curves."""

    model: keras.Model
    history: History
    """Metrics after each epoch, of all phases one after another."""
    seconds: float
    phases: tuple[Phase, ...] = ()
    """Where there were several."""

    @property
    def parameters(self) -> int:
        """Number of trainable weights."""
        return int(sum(np.prod(weight.shape) for weight in self.model.trainable_weights))


def pixel_data(dataset: Dataset, recipe: Recipe) -> FitData:
    """A dataset's radiographs as a recipe trains on them: augmented and, if the recipe says so, weighted by class."""
    class_weight = dataset.class_weight(recipe.fit)
    return FitData(
        training=augmented_batches(dataset, recipe),
        validation=part_batches(dataset, "validation", recipe.fit.batch_size, class_weight),
        training_images=len(dataset.rows("training")),
        class_weight=class_weight,
    )


def build_optimizer(settings: Fit) -> keras.optimizers.Optimizer:
    """The optimizer of the settings, at its initial learning rate."""
    options = {"learning_rate": settings.learning_rate} | ({"weight_decay": WEIGHT_DECAY} if settings.optimizer == "adamw" else {})
    return keras.optimizers.get({"class_name": settings.optimizer, "config": options})


def compile_model(model: keras.Model, settings: Fit) -> None:
    """Attach loss, optimizer and the metrics of the learning curves."""
    model.compile(
        optimizer=build_optimizer(settings),
        loss=keras.losses.BinaryCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=["accuracy", keras.metrics.AUC(name="auc")],
    )


def fit(model: keras.Model, data: FitData, settings: Fit, directory: Path, console: Console) -> Trained:
    """Train a compiled model, or resume the training whose state is in `directory`.

    Args:
        directory: of this fit alone; holds its state and its TensorBoard logs.

    Returns:
        With early stopping, the model has the weights of its best epoch.

    Raises:
        UserError: the loss is not finite.
    """
    state = TrainingState(directory / "state", early_stopping=settings.early_stopping_patience is not None)
    if state.exists():
        model = state.load_model()
        console.print(f"Resuming after epoch {state.epochs_done} of {settings.epochs}, from {state.directory}")
    if not state.stopped and state.epochs_done < settings.epochs:
        steps_per_epoch = -(-data.training_images // settings.batch_size)
        display = Display(console, steps_per_epoch)
        with display.progress:
            model.fit(
                data.training(range(state.epochs_done, settings.epochs)),
                validation_data=data.validation,
                epochs=settings.epochs,
                initial_epoch=state.epochs_done,
                steps_per_epoch=steps_per_epoch,
                class_weight=data.class_weight,
                shuffle=False,
                verbose=0,
                callbacks=_callbacks(settings, state, display, directory),
            )
    _require_finite(state.history, settings)
    state.restore_best_weights(model)
    return Trained(model, state.history, state.seconds)


def cosine_rate(settings: Fit, epoch: int) -> float:
    """Learning rate of an epoch, from 0: linear warm-up, then cosine decay (Loshchilov & Hutter 2017, equation 5)."""
    warm_up = min(1.0, (epoch + 1) / WARM_UP_EPOCHS)
    return settings.learning_rate * warm_up * (1 + math.cos(math.pi * epoch / settings.epochs)) / 2


def _callbacks(settings: Fit, state: TrainingState, display: Display, directory: Path) -> list[keras.callbacks.Callback]:
    """All callbacks; those that set or monitor anything are also given to the state, which saves their counters."""
    monitors: list[keras.callbacks.Callback] = []
    if settings.schedule == "cosine":
        monitors.append(keras.callbacks.LearningRateScheduler(lambda epoch: cosine_rate(settings, epoch)))
    if settings.early_stopping_patience:
        monitors.append(keras.callbacks.EarlyStopping("val_loss", patience=settings.early_stopping_patience))
    if settings.plateau_patience:
        monitors.append(
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=settings.plateau_factor, patience=settings.plateau_patience)
        )
    state.callbacks = monitors
    tensorboard = keras.callbacks.TensorBoard(directory / "tensorboard", write_graph=False)
    return [keras.callbacks.TerminateOnNaN(), _LearningRate(), *monitors, display, tensorboard, state]


def _require_finite(history: History, settings: Fit) -> None:
    if not all(map(math.isfinite, history["loss"] + history["val_loss"])):
        raise UserError(
            f"The loss is not a number in epoch {len(history['loss'])} at learning rate {settings.learning_rate:g}: "
            "nothing was registered; lower `fit.learning_rate`"
        )


class _LearningRate(keras.callbacks.Callback):
    """Logs the learning rate of the epoch, before a schedule changes it."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)
