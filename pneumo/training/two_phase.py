"""Two phases: the head alone on a frozen backbone's features, then the backbone's upper layers with it."""

import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from pneumo.config import Transfer
from pneumo.evaluation.operating_point import youden_threshold
from pneumo.evaluation.scores import Evaluation, evaluate
from pneumo.nets import backbone
from pneumo.results.model import Phase
from pneumo.training.dataset import Study
from pneumo.training.features import Features, Radiographs, feature_batches, frozen_features, weights_digest
from pneumo.training.fit import compile_model, fit
from pneumo.training.predict import augmented_batches, batches_of, predict, trainable_parameters

Weights = dict[int, float] | None


def train_in_phases(study: Study, recipe: Transfer, weights: Weights, console: Console) -> tuple[keras.Model, tuple[Phase, Phase]]:
    """Train the head, then fine-tune, or go on with whichever of the two was killed.

    Args:
        weights: what each class weighs in the loss.

    Returns:
        The whole network, and what each phase came to.

    Raises:
        UserError: the backbone's weights cannot be had, its features find no room, or the loss is no longer a number.
    """
    # Both phases are built from here, so that a run which goes on in the second has the weights and dropout of one left alone.
    keras.utils.set_random_seed(recipe.fit.seed)
    model = backbone.build(recipe.network, recipe.image_size_px)
    # Another file of weights under the same name is another training.
    directory = study.directory / f"from-{weights_digest(model.get_layer(backbone.BACKBONE))[:12]}"
    head, first = _train_head(study, recipe, model, weights=weights, directory=directory / "head", console=console)
    backbone.put_on(head, model)
    model, second = _fine_tune(study, recipe, model, weights=weights, directory=directory / "fine-tuning", console=console)
    return model, (first, second)


def study_features(study: Study, recipe: Transfer, extractor: keras.Model, console: Console) -> Features:
    """The features of a study's training and validation radiographs."""
    radiographs = Radiographs(study.pixels, study.cohort.fingerprint, study.rows("training"), study.rows("validation"))
    return frozen_features(extractor, radiographs, recipe, study.derived, console)


def _train_head(
    study: Study, recipe: Transfer, model: keras.Model, *, weights: Weights, directory: Path, console: Console
) -> tuple[keras.Model, Phase]:
    extractor, settings, y_true = backbone.feature_extractor(model), recipe.fit, study.y_true("training")
    head = backbone.build_head(recipe.network, extractor.output_shape[-1])
    began = time.monotonic()
    features = study_features(study, recipe, extractor, console)
    seconds = time.monotonic() - began
    compile_model(head, settings)
    console.print(f"Phase 1 of 2: the head alone, on {recipe.views} views of each radiograph", highlight=False)
    head, history, fitting_seconds = fit(
        head,
        lambda epochs: feature_batches(features.views, y_true, batch_size=settings.batch_size, epochs=epochs, seed=settings.seed),
        _validation_batches(study, features, weights),
        settings,
        steps_per_epoch=-(-len(y_true) // settings.batch_size),
        class_weight=weights,
        directory=directory,
        console=console,
    )
    scores = head.predict(features.validation, batch_size=settings.batch_size, verbose=0)[:, 0].astype(float)
    return head, _phase(study, "head", head, history=history, seconds=seconds + fitting_seconds, scores=scores)


def _validation_batches(study: Study, features: Features, weights: Weights) -> tf.data.Dataset:
    y_true = study.y_true("validation")
    weighed = np.array([weights[label] if weights else 1.0 for label in y_true.tolist()], np.float32)
    whole = (features.validation, y_true[:, None].astype(np.float32), weighed)
    return tf.data.Dataset.from_tensor_slices(whole).batch(study.recipe.fit.batch_size)


def _fine_tune(
    study: Study, recipe: Transfer, model: keras.Model, *, weights: Weights, directory: Path, console: Console
) -> tuple[keras.Model, Phase]:
    rate = recipe.fit.learning_rate * recipe.fine_tuning_rate_factor
    settings = recipe.fit.model_copy(update={"epochs": recipe.fine_tuning_epochs, "learning_rate": rate})
    backbone.unfreeze(model, recipe.network.unfrozen_fraction)
    compile_model(model, settings)
    share = f"{recipe.network.unfrozen_fraction:.0%}"
    console.print(f"Phase 2 of 2: the upper {share} of the layers of {recipe.network.architecture} with the head", highlight=False)
    model, history, seconds = fit(
        model,
        augmented_batches(study),
        batches_of(study, "validation", weights),
        settings,
        steps_per_epoch=-(-len(study.rows("training")) // settings.batch_size),
        class_weight=weights,
        directory=directory,
        console=console,
    )
    scores = predict(study, model, "validation")["y_score"].to_numpy()
    return model, _phase(study, "fine-tuning", model, history=history, seconds=seconds, scores=scores)


def _phase(
    study: Study, name: str, model: keras.Model, *, history: dict[str, list[float]], seconds: float, scores: np.ndarray
) -> Phase:
    return Phase(
        name=name,
        learning_rate=history["learning_rate"][0],
        epochs=len(history["loss"]),
        parameters=trainable_parameters(model),
        seconds=seconds,
        history=history,
        validation=_evaluation(study, scores),
    )


def _evaluation(study: Study, scores: np.ndarray) -> Evaluation:
    """Scores on validation, at the threshold with the largest sensitivity + specificity there."""
    y_true, subtype = study.y_true("validation"), study.cohort.table["subtype"][study.rows("validation")]
    return evaluate(y_true, scores, subtype, youden_threshold(y_true, scores))
