"""Fitting of a Keras model that resumes after an interruption.

After every epoch the whole state of the training is saved: weights, optimizer, history, and the counters of the callbacks. The same
call in another process resumes from there and ends with the same weights.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from pneumo.config import Fit, Recipe
from pneumo.errors import UserError
from pneumo.nets.subtypes import PNEUMONIA, VIRAL, has_subtypes, with_subtypes, without_subtypes
from pneumo.nets.test_time import with_views
from pneumo.radiographs.batches import evaluation_batches
from pneumo.results.model import Phase
from pneumo.training.dataset import ClassWeight, Dataset
from pneumo.training.display import Display
from pneumo.training.optimizer import build_optimizer, learning_rate_of
from pneumo.training.predict import augmented_batches, part_batches
from pneumo.training.resume import History, TrainingState
from pneumo.training.targets import SubtypeTargets, subtype_codes, trains_subtypes


@dataclass(frozen=True)
class FitData:
    """Training and validation data of a fit."""

    training: Callable[[range], tf.data.Dataset]
    """From a range of epochs to their batches."""
    validation: tf.data.Dataset
    """Weighted by class as training is, or early stopping would monitor another loss than the one that is minimised."""
    training_images: int
    class_weight: ClassWeight

    def steps_per_epoch(self, settings: Fit) -> int:
        """Training steps of an epoch; the last one may have fewer images."""
        return -(-self.training_images // settings.batch_size)


@dataclass(frozen=True)
class Trained:
    """A trained network and its learning curves."""

    model: keras.Model
    history: History
    """Metrics after each epoch, of all phases one after another."""
    seconds: float
    phases: tuple[Phase, ...] = ()
    """Where there were several."""
    subtype_model: keras.Model | None = None
    """The same network with the outputs of `with_subtypes`, where it was trained on subtypes."""

    @property
    def parameters(self) -> int:
        """Number of trainable weights."""
        return int(sum(np.prod(weight.shape) for weight in self.model.trainable_weights))


def as_trained_on(model: keras.Model, dataset: Dataset, recipe: Recipe) -> keras.Model:
    """The network with the outputs that the recipe trains on this dataset."""
    return with_subtypes(model, recipe.fit.seed) if trains_subtypes(dataset, recipe) else model


def finished(trained: Trained, recipe: Recipe) -> Trained:
    """The trained network as it is registered: P(PNEUMONIA) as its only output, of the views that the recipe averages."""
    model = with_views(without_subtypes(trained.model), recipe.test_time_views)
    return replace(trained, model=model, subtype_model=trained.model if has_subtypes(trained.model) else None)


def pixel_data(dataset: Dataset, recipe: Recipe) -> FitData:
    """A dataset's radiographs as a recipe trains on them: augmented and, if the recipe says so, weighted by class."""
    class_weight = dataset.class_weight(recipe.fit)
    if trains_subtypes(dataset, recipe):
        return _with_subtypes(dataset, recipe, class_weight)
    return FitData(
        training=augmented_batches(dataset, recipe),
        validation=part_batches(dataset, "validation", recipe.fit.batch_size, class_weight),
        training_images=len(dataset.rows("training")),
        class_weight=class_weight,
    )


def _with_subtypes(dataset: Dataset, recipe: Recipe, class_weight: ClassWeight) -> FitData:
    targets = SubtypeTargets(class_weight)
    batches = augmented_batches(dataset, recipe, subtype_codes(dataset, "training"))
    rows, codes = dataset.rows("validation"), subtype_codes(dataset, "validation")
    return FitData(
        training=lambda epochs: targets(batches(epochs)),
        validation=targets(evaluation_batches(dataset.pixels, rows, codes, batch_size=recipe.fit.batch_size)),
        training_images=len(dataset.rows("training")),
        class_weight=None,
    )


def compile_model(model: keras.Model, settings: Fit, optimizer: keras.optimizers.Optimizer | None = None) -> None:
    """Attach loss, optimizer and the metrics of the learning curves.

    Args:
        optimizer: None: that of the settings, at a constant learning rate.
    """
    loss = keras.losses.BinaryCrossentropy(label_smoothing=settings.label_smoothing)
    metrics = ["accuracy", keras.metrics.AUC(name="auc")]
    subtypes = has_subtypes(model)
    model.compile(
        optimizer=optimizer or build_optimizer(settings),
        loss={PNEUMONIA: loss, VIRAL: loss} if subtypes else loss,
        metrics={PNEUMONIA: metrics} if subtypes else metrics,
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
        steps_per_epoch = data.steps_per_epoch(settings)
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
    if settings.ema_momentum:
        # Keras does so at the end of `fit`, which a training that had ended before does not reach.
        model.optimizer.finalize_variable_values(model.trainable_weights)
    state.restore_best_weights(model)
    return Trained(model, state.history, state.seconds)


def _callbacks(settings: Fit, state: TrainingState, display: Display, directory: Path) -> list[keras.callbacks.Callback]:
    """All callbacks; those that set or monitor anything are also given to the state, which saves their counters."""
    monitors: list[keras.callbacks.Callback] = []
    if settings.early_stopping_patience:
        monitors.append(keras.callbacks.EarlyStopping("val_loss", patience=settings.early_stopping_patience))
    if settings.plateau_patience:
        monitors.append(
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=settings.plateau_factor, patience=settings.plateau_patience)
        )
    state.callbacks = monitors
    tensorboard = keras.callbacks.TensorBoard(directory / "tensorboard", write_graph=False)
    # Validates with the moving average of the weights, then puts back the weights that the next step starts from.
    average = [keras.callbacks.SwapEMAWeights()] if settings.ema_momentum else []
    return [keras.callbacks.TerminateOnNaN(), *average, _Logs(), *monitors, display, tensorboard, state]


def _require_finite(history: History, settings: Fit) -> None:
    if not all(map(math.isfinite, history["loss"] + history["val_loss"])):
        raise UserError(
            f"The loss is not a number in epoch {len(history['loss'])} at learning rate {settings.learning_rate:g}: "
            "nothing was registered; lower `fit.learning_rate`"
        )


class _Logs(keras.callbacks.Callback):
    """Adds the learning rate of the epoch's first step, and names the metrics of P(PNEUMONIA) alike with and without subtypes."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Read the learning rate before anything changes it."""
        self._learning_rate = learning_rate_of(self.model.optimizer)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Change the logs that the callbacks after this one read."""
        if logs is None:
            return
        logs["learning_rate"] = self._learning_rate
        for name in [name for name in logs if f"{PNEUMONIA}_a" in name]:
            logs[name.replace(f"{PNEUMONIA}_", "")] = logs.pop(name)
