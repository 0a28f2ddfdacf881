"""One fit that continues where it was killed.

After every epoch the whole state of the training lies on disk: weights, optimizer, history, and what the callbacks remember. The
same call made again, in another process, goes on from there and ends with the same weights.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from pneumo.config import Fit
from pneumo.errors import UserError
from pneumo.training.display import Display
from pneumo.training.resume import History, TrainingState

WARM_UP_EPOCHS = 3
WEIGHT_DECAY = 1e-3


def compile_model(model: keras.Model, settings: Fit) -> None:
    """Attach loss, optimizer and the metrics that every learning curve shows."""
    adjusted = {"learning_rate": settings.learning_rate} | ({"weight_decay": WEIGHT_DECAY} if settings.optimizer == "adamw" else {})
    model.compile(
        optimizer=keras.optimizers.get({"class_name": settings.optimizer, "config": adjusted}),
        loss=keras.losses.BinaryCrossentropy(label_smoothing=settings.label_smoothing),
        metrics=["accuracy", keras.metrics.AUC(name="auc")],
    )


def fit(
    model: keras.Model,
    training: Callable[[range], tf.data.Dataset],
    validation: tf.data.Dataset,
    settings: Fit,
    *,
    steps_per_epoch: int,
    class_weight: dict[int, float] | None,
    directory: Path,
    console: Console,
) -> tuple[keras.Model, History, float]:
    """Train a compiled model, or go on with the training whose state lies in `directory`.

    Args:
        training: gives the batches of a range of epochs.
        directory: of this training alone; holds its state, until it is deleted, and its TensorBoard logs.

    Returns:
        The trained model (with early stopping: as of its best epoch), the metrics of each epoch, and the seconds of training.

    Raises:
        UserError: the loss is no longer a number.
    """
    state = TrainingState(directory / "state", early_stopping=settings.early_stopping_patience is not None)
    if state.exists():
        model = state.load_model()
        console.print(f"Continuing after epoch {state.epochs_done} of {settings.epochs}, from {state.directory}")
    if not state.stopped and state.epochs_done < settings.epochs:
        display = Display(console, steps_per_epoch)
        state.callbacks = _schedule(settings)
        with display.progress:
            model.fit(
                training(range(state.epochs_done, settings.epochs)),
                validation_data=validation,
                epochs=settings.epochs,
                initial_epoch=state.epochs_done,
                steps_per_epoch=steps_per_epoch,
                class_weight=class_weight,
                shuffle=False,
                verbose=0,
                callbacks=[
                    keras.callbacks.TerminateOnNaN(),
                    _LearningRate(),
                    *state.callbacks,
                    display,
                    keras.callbacks.TensorBoard(directory / "tensorboard", write_graph=False),
                    state,
                ],
            )
    if not all(map(math.isfinite, state.history["loss"] + state.history["val_loss"])):
        raise UserError(
            f"The loss is no longer a number in epoch {len(state.history['loss'])} at learning rate {settings.learning_rate:g}: "
            "nothing was registered; lower `fit.learning_rate`"
        )
    state.restore_best_weights(model)
    return model, state.history, state.seconds


def cosine_rate(settings: Fit, epoch: int) -> float:
    """Learning rate of an epoch, counted from 0: a linear rise, then half a cosine (Loshchilov & Hutter 2017, equation 5)."""
    rise = min(1.0, (epoch + 1) / WARM_UP_EPOCHS)
    return settings.learning_rate * rise * (1 + math.cos(math.pi * epoch / settings.epochs)) / 2


def _schedule(settings: Fit) -> list[keras.callbacks.Callback]:
    """Callbacks that set the learning rate, and those that watch the validation loss."""
    callbacks: list[keras.callbacks.Callback] = []
    if settings.schedule == "cosine":
        callbacks.append(keras.callbacks.LearningRateScheduler(lambda epoch: cosine_rate(settings, epoch)))
    if settings.early_stopping_patience:
        callbacks.append(keras.callbacks.EarlyStopping("val_loss", patience=settings.early_stopping_patience))
    if settings.plateau_patience:
        callbacks.append(
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=settings.plateau_factor, patience=settings.plateau_patience)
        )
    return callbacks


class _LearningRate(keras.callbacks.Callback):
    """Records the learning rate that the epoch was trained with, before a schedule changes it."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)
