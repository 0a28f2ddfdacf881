"""A training epoch: ours, the reference way, and the network alone."""

import keras
import numpy as np
import tensorflow as tf

from pneumo.bench.measure import Cost
from pneumo.config import Recipe
from pneumo.nets import cnn
from pneumo.radiographs.batches import training_batches
from pneumo.training.fit import compile_model
from pneumo.training.precision import prepare

MEASURED_EPOCHS = 2


def reference_epoch(recipe: Recipe, folder: str) -> Cost:
    """Measure the way of the reference systems: `flow_from_directory`, RGB, float32, the same network and augmentation.

    Args:
        folder: holds one folder of radiographs for each class.
    """
    from keras.src.legacy.preprocessing.image import ImageDataGenerator  # noqa: PLC0415 - no longer public, still what is used

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
    plain = cnn.build(recipe.network, recipe.image_size_px, recipe.fit.seed)
    model = keras.models.clone_model(plain, input_tensors=keras.Input((recipe.image_size_px, recipe.image_size_px, 3)))
    compile_model(model, recipe.fit)
    model.fit(batches, verbose=0)
    cost = Cost()
    with cost.counting():
        model.fit(batches, epochs=MEASURED_EPOCHS, verbose=0)
    return cost.per(MEASURED_EPOCHS)


def our_epoch(recipe: Recipe, pixels: np.ndarray, y_true: np.ndarray) -> tuple[Cost, Cost]:
    """Measure our epoch, and as many steps on one resident batch: the network's own time, which no input pipeline can beat.

    The two take turns in one process, so that both have the same luck with the machine.
    """
    prepare(recipe.fit)
    model = cnn.build(recipe.network, recipe.image_size_px, recipe.fit.seed)
    compile_model(model, recipe.fit)
    batch_size = recipe.fit.batch_size
    steps = len(y_true) // batch_size
    rows = np.arange(steps * batch_size)

    def epoch(number: int) -> tf.data.Dataset:
        return training_batches(
            pixels,
            rows,
            y_true[rows],
            augmentation=recipe.augmentation,
            batch_size=batch_size,
            epochs=range(number, number + 1),
            seed=recipe.fit.seed,
        )

    resident = tf.data.Dataset.from_tensors(next(iter(epoch(0)))).cache().repeat(steps)
    ours, limit = Cost(), Cost()
    model.fit(epoch(0), steps_per_epoch=steps, shuffle=False, verbose=0)
    for number in range(1, 1 + MEASURED_EPOCHS):
        with limit.counting():
            model.fit(resident, steps_per_epoch=steps, shuffle=False, verbose=0)
        with ours.counting():
            model.fit(epoch(number), steps_per_epoch=steps, shuffle=False, verbose=0)
    return ours.per(MEASURED_EPOCHS), limit.per(MEASURED_EPOCHS)
