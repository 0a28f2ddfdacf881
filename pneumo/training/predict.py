"""Batches of a dataset's parts, and a network's scores on them."""

import logging
from collections.abc import Callable

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from pneumo.config import Protocol, Recipe
from pneumo.nets.subtypes import VIRAL
from pneumo.radiographs.batches import evaluation_batches, training_batches, view_batches
from pneumo.training.dataset import ClassWeight, Dataset

# Several models are scored in one process, each with a graph of its own, which TensorFlow takes for repeated retracing of one.
logging.getLogger("tensorflow").addFilter(lambda record: "tf.function retracing" not in record.getMessage())
# The same for every model, so that all are validated on the same views: random draws depend on the position in a batch.
VIEW_SEED = 0
VIEW_BATCH_SIZE = 32


def predict(model: keras.Model, dataset: Dataset, part: str, batch_size: int) -> pd.DataFrame:
    """Score every radiograph of a part: columns path, patient, y_true, y_score, in the order of the table."""
    scores = model.predict(part_batches(dataset, part, batch_size), verbose=0)[:, 0]
    return _labelled(dataset, part).assign(y_score=scores.astype(float)).reset_index(drop=True)


def viral_scores(model: keras.Model, dataset: Dataset, part: str, batch_size: int) -> np.ndarray:
    """P(viral | PNEUMONIA) of every radiograph of a part, (M,), by a network with subtypes."""
    network = keras.Model(model.inputs[0], model.get_layer(VIRAL).output)
    return network.predict(part_batches(dataset, part, batch_size), verbose=0)[:, 0].astype(float)


def predict_shifted(model: keras.Model, dataset: Dataset, protocol: Protocol) -> pd.DataFrame:
    """Score shifted validation, several views of every validation radiograph: columns as of `predict`, and `view`, from 1.

    Validation is cut from train and shares its shortcuts, so a network that reads the acquisition off a radiograph looks nearly
    perfect there. Where aspect ratio and contrast are drawn at random, they carry no information about the label.
    """
    rows, table = dataset.rows("validation"), _labelled(dataset, "validation")
    views = [
        table.assign(y_score=score_shifted(model, dataset.pixels, rows, protocol, view), view=view + 1)
        for view in range(protocol.shifted_views)
    ]
    return pd.concat(views, ignore_index=True)


def score_shifted(model: keras.Model, pixels: np.ndarray, rows: np.ndarray, protocol: Protocol, view: int) -> np.ndarray:
    """Score one shifted view, counted from 0, of some rows of images (N, H, W): (M,), the same change in the same place."""
    batches = view_batches(
        pixels, rows, augmentation=protocol.acquisition_shift, view=view, seed=VIEW_SEED, batch_size=VIEW_BATCH_SIZE
    )
    return model.predict(batches, verbose=0)[:, 0].astype(float)


def score_images(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Score images (N, H, W), grey values in 0..255: the probability of PNEUMONIA, (N,)."""
    return model.predict(images[..., None].astype(np.float32), batch_size=VIEW_BATCH_SIZE, verbose=0)[:, 0].astype(float)


def augmented_batches(dataset: Dataset, recipe: Recipe, targets: np.ndarray | None = None) -> Callable[[range], tf.data.Dataset]:
    """A function from a range of epochs to their training batches, shuffled and augmented as the recipe says.

    Args:
        targets: (M,), of the training radiographs; None: their labels.
    """
    rows, y_true = dataset.rows("training"), dataset.y_true("training") if targets is None else targets

    def batches(epochs: range) -> tf.data.Dataset:
        return training_batches(
            dataset.pixels,
            rows,
            y_true,
            augmentation=recipe.augmentation,
            batch_size=recipe.fit.batch_size,
            epochs=epochs,
            seed=recipe.fit.seed,
        )

    return batches


def part_batches(dataset: Dataset, part: str, batch_size: int, class_weight: ClassWeight = None) -> tf.data.Dataset:
    """Every radiograph of a part once, in the order of the table, without augmentation."""
    rows, y_true = dataset.rows(part), dataset.y_true(part)
    return evaluation_batches(dataset.pixels, rows, y_true, batch_size=batch_size, class_weight=class_weight)


def _labelled(dataset: Dataset, part: str) -> pd.DataFrame:
    return dataset.table.iloc[dataset.rows(part)][["path", "patient"]].assign(y_true=dataset.y_true(part))
