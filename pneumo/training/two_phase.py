"""Two-phase transfer learning: a head on the features of the frozen backbone, then fine-tuning of the backbone's upper layers."""

import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from pneumo.config import TransferRecipe
from pneumo.evaluation.operating_point import youden_threshold
from pneumo.evaluation.scores import evaluate
from pneumo.nets import backbone
from pneumo.nets.subtypes import without_subtypes
from pneumo.results.model import Phase
from pneumo.training.dataset import Dataset
from pneumo.training.features import Features, feature_batches, frozen_features, weights_digest
from pneumo.training.fit import FitData, Trained, as_trained_on, compile_model, fit, pixel_data
from pneumo.training.optimizer import scheduled_optimizer
from pneumo.training.predict import predict
from pneumo.training.run import TrainingRun
from pneumo.training.targets import SubtypeTargets, subtype_codes, trains_subtypes


def train_in_two_phases(run: TrainingRun, recipe: TransferRecipe, console: Console) -> Trained:
    """Train the head, then fine-tune, or resume the phase that was interrupted.

    Raises:
        UserError: the backbone's weights cannot be loaded, its features exceed the cache, or the loss is not finite.
    """
    # Both phases start from here, so that a run resumed in the second has the weights and dropout of an uninterrupted one.
    model = as_trained_on(backbone.build(recipe.network, recipe.image_size_px, recipe.fit.seed), run.dataset, recipe)
    # A weights file of the same name but with other weights belongs to another training.
    directory = run.directory / f"from-{weights_digest(model.get_layer(backbone.BACKBONE))[:12]}"
    head, first = _train_head(run.dataset, recipe, model, directory / "head", console)
    backbone.put_on(head, model)
    model, second = _fine_tune(run.dataset, recipe, model, directory / "fine-tuning", console)
    history = {name: [*values, *second.history[name]] for name, values in first.history.items()}
    return Trained(model, history, first.seconds + second.seconds, (first, second))


def head_data(dataset: Dataset, recipe: TransferRecipe, features: Features) -> FitData:
    """The data of the first phase: views of the training features in turn, and the features of validation."""
    settings, class_weight = recipe.fit, dataset.class_weight(recipe.fit)
    targets = SubtypeTargets(class_weight) if trains_subtypes(dataset, recipe) else None
    training, validation = ((subtype_codes if targets else Dataset.y_true)(dataset, part) for part in ("training", "validation"))

    def batches(epochs: range) -> tf.data.Dataset:
        return feature_batches(features.views, training, batch_size=settings.batch_size, epochs=epochs, seed=settings.seed)

    weights = np.array(
        [class_weight[label] if class_weight else 1.0 for label in dataset.y_true("validation").tolist()], np.float32
    )
    validated = tf.data.Dataset.from_tensor_slices((features.validation, validation[:, None].astype(np.float32), weights))
    validated = validated.batch(settings.batch_size)
    return FitData(
        training=lambda epochs: targets(batches(epochs)) if targets else batches(epochs),
        validation=targets(validated) if targets else validated,
        training_images=len(training),
        class_weight=None if targets else class_weight,
    )


def _train_head(
    dataset: Dataset, recipe: TransferRecipe, model: keras.Model, directory: Path, console: Console
) -> tuple[keras.Model, Phase]:
    extractor = backbone.feature_extractor(model)
    head = backbone.build_head(recipe.network, extractor.output_shape[-1])
    started = time.monotonic()
    features = frozen_features(extractor, dataset, recipe, console)
    feature_seconds = time.monotonic() - started
    head, data = as_trained_on(head, dataset, recipe), head_data(dataset, recipe, features)
    compile_model(head, recipe.fit, scheduled_optimizer(recipe.fit, data.steps_per_epoch(recipe.fit)))
    console.print(f"Phase 1 of 2: the head, on {recipe.views} views of each radiograph")
    fitted = fit(head, data, recipe.fit, directory, console)
    plain = without_subtypes(fitted.model)
    scores = plain.predict(features.validation, batch_size=recipe.fit.batch_size, verbose=0)[:, 0].astype(float)
    return fitted.model, _phase("head", dataset, fitted, scores, feature_seconds)


def _fine_tune(
    dataset: Dataset, recipe: TransferRecipe, model: keras.Model, directory: Path, console: Console
) -> tuple[keras.Model, Phase]:
    rate = recipe.fit.learning_rate * recipe.fine_tuning_rate_factor
    settings = recipe.fit.model_copy(update={"epochs": recipe.fine_tuning_epochs, "learning_rate": rate})
    backbone.unfreeze(model, recipe.network.unfrozen_fraction)
    data = pixel_data(dataset, recipe)
    compile_model(model, settings, scheduled_optimizer(settings, data.steps_per_epoch(settings), recipe.backbone_rate_factor))
    fraction = f"{recipe.network.unfrozen_fraction:.0%}"
    console.print(f"Phase 2 of 2: the upper {fraction} of the layers of {recipe.network.architecture}, and the head")
    fitted = fit(model, data, settings, directory, console)
    scores = predict(without_subtypes(fitted.model), dataset, "validation", settings.batch_size)["y_score"].to_numpy()
    return fitted.model, _phase("fine-tuning", dataset, fitted, scores)


def _phase(name: str, dataset: Dataset, fitted: Trained, scores: np.ndarray, feature_seconds: float = 0.0) -> Phase:
    """The record of a phase, with its scores on validation at Youden's threshold there."""
    y_true, subtype = dataset.y_true("validation"), dataset.table["subtype"].iloc[dataset.rows("validation")]
    return Phase(
        name=name,
        learning_rate=fitted.history["learning_rate"][0],
        epochs=len(fitted.history["loss"]),
        parameters=fitted.parameters,
        seconds=fitted.seconds + feature_seconds,
        history=fitted.history,
        validation=evaluate(y_true, scores, subtype, youden_threshold(y_true, scores)),
    )
