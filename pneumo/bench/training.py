"""Benchmarks of training: an epoch (this package, ImageDataGenerator as in the reference systems, and the network alone), and the
frozen phase of transfer learning (on cached features, and with the whole frozen network in every epoch).
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from sklearn.metrics import roc_auc_score

from pneumo.bench.measure import Cost
from pneumo.config import CnnRecipe, TransferRecipe
from pneumo.nets import backbone, build_network
from pneumo.training.dataset import Dataset
from pneumo.training.features import frozen_features
from pneumo.training.fit import compile_model, fit
from pneumo.training.precision import prepare
from pneumo.training.predict import augmented_batches, part_batches
from pneumo.training.two_phase import head_data

MEASURED_EPOCHS = 2


def reference_epoch(recipe: CnnRecipe, folder: str) -> Cost:
    """Cost of an epoch as in the reference systems: `flow_from_directory`, RGB, float32, the same network and augmentation.

    Args:
        folder: contains one folder of radiographs for each class.
    """
    from keras.src.legacy.preprocessing.image import ImageDataGenerator  # noqa: PLC0415 - private now, but still widely used

    prepare(recipe.fit.model_copy(update={"precision": "float32"}))
    augmentation = recipe.augmentation
    batches = ImageDataGenerator(
        rotation_range=augmentation.rotation_degrees,
        width_shift_range=augmentation.shift_fraction,
        height_shift_range=augmentation.shift_fraction,
        shear_range=augmentation.shear_degrees,
        zoom_range=augmentation.zoom_fraction,
        horizontal_flip=augmentation.horizontal_flip,
        fill_mode="nearest",
    ).flow_from_directory(
        folder,
        target_size=(recipe.image_size_px, recipe.image_size_px),
        batch_size=recipe.fit.batch_size,
        class_mode="binary",
        seed=recipe.fit.seed,
    )
    plain = build_network(recipe.network, recipe.image_size_px, recipe.fit.seed)
    model = keras.models.clone_model(plain, input_tensors=keras.Input((recipe.image_size_px, recipe.image_size_px, 3)))
    compile_model(model, recipe.fit)
    model.fit(batches, verbose=0)
    with Cost().counting() as cost:
        model.fit(batches, epochs=MEASURED_EPOCHS, verbose=0)
    return cost.per(MEASURED_EPOCHS)


def our_epoch(recipe: CnnRecipe, dataset: Dataset) -> tuple[Cost, Cost]:
    """Cost of an epoch, and of as many steps on one resident batch: the network alone, which no input pipeline can beat.

    The two alternate in one process, so that both see the same state of the machine.
    """
    prepare(recipe.fit)
    model = build_network(recipe.network, recipe.image_size_px, recipe.fit.seed)
    compile_model(model, recipe.fit)
    batches = augmented_batches(dataset, recipe)
    steps = len(dataset.rows("training")) // recipe.fit.batch_size
    resident = tf.data.Dataset.from_tensors(next(iter(batches(range(1))))).cache().repeat(steps)
    ours, limit = Cost(), Cost()
    model.fit(batches(range(1)), steps_per_epoch=steps, shuffle=False, verbose=0)
    for number in range(1, 1 + MEASURED_EPOCHS):
        with limit.counting():
            model.fit(resident, steps_per_epoch=steps, shuffle=False, verbose=0)
        with ours.counting():
            model.fit(batches(range(number, number + 1)), steps_per_epoch=steps, shuffle=False, verbose=0)
    return ours.per(MEASURED_EPOCHS), limit.per(MEASURED_EPOCHS)


def our_frozen_phase(recipe: TransferRecipe, dataset: Dataset) -> tuple[Cost, float]:
    """Cost of the recipe's first phase from an empty feature cache, its state saved after each epoch, and the AUROC reached."""
    prepare(recipe.fit)
    model = backbone.build(recipe.network, recipe.image_size_px)
    quiet = Console(quiet=True)
    with tempfile.TemporaryDirectory() as folder, Cost().counting() as cost:
        uncached = replace(dataset, cache_dir=Path(folder))
        features = frozen_features(backbone.feature_extractor(model), uncached, recipe, quiet)
        head = backbone.build_head(recipe.network, features.validation.shape[1])
        # The initial weights of the other head, so that nothing differs but what is compared.
        for layer in head.layers:
            layer.set_weights(model.get_layer(layer.name).get_weights())
        compile_model(head, recipe.fit)
        head = fit(head, head_data(dataset, recipe, features), recipe.fit, Path(folder), quiet).model
    return cost, _auroc(dataset, head.predict(features.validation, verbose=0))


def plain_frozen_phase(recipe: TransferRecipe, dataset: Dataset) -> tuple[Cost, float]:
    """Cost of `model.fit` of the whole network with its backbone frozen, on the same augmented batches, and the AUROC reached."""
    prepare(recipe.fit)
    model = backbone.build(recipe.network, recipe.image_size_px)
    compile_model(model, recipe.fit)
    settings, validation = recipe.fit, part_batches(dataset, "validation", recipe.fit.batch_size)
    with Cost().counting() as cost:
        model.fit(
            augmented_batches(dataset, recipe)(range(settings.epochs)),
            validation_data=validation,
            epochs=settings.epochs,
            steps_per_epoch=-(-len(dataset.rows("training")) // settings.batch_size),
            class_weight=dataset.class_weight(settings),
            shuffle=False,
            verbose=0,
        )
    return cost, _auroc(dataset, model.predict(validation, verbose=0))


def _auroc(dataset: Dataset, scores: np.ndarray) -> float:
    return float(roc_auc_score(dataset.y_true("validation"), scores[:, 0]))
