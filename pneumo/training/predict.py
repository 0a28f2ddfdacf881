"""A part of a study as batches, and a network's scores of it."""

from collections.abc import Callable

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from pneumo.radiographs.batches import evaluation_batches, training_batches, view_batches
from pneumo.training.dataset import Study

# The same for every model, so that all are tuned on the same views: a draw belongs to a place in a batch.
VIEW_SEED = 0
VIEW_BATCH_SIZE = 32


def class_weight(y_true: np.ndarray) -> dict[int, float]:
    """Balanced weights, N / (2 · count of the class) (King & Zeng 2001)."""
    return dict(enumerate(compute_class_weight("balanced", classes=np.array([0, 1]), y=y_true).tolist()))


def predict(study: Study, model: keras.Model, part: str) -> pd.DataFrame:
    """Score every radiograph of a part: path, patient, y_true, y_score, as the table has them."""
    table = study.cohort.table.iloc[study.rows(part)]
    scores = model.predict(batches_of(study, part), verbose=0)[:, 0]
    return table[["path", "patient"]].assign(y_true=study.y_true(part), y_score=scores.astype(float)).reset_index(drop=True)


def predict_shifted(study: Study, model: keras.Model) -> pd.DataFrame:
    """Score every validation radiograph under acquisition shift: columns as of `predict`, and `view`, counted from 1.

    Validation is cut from train and shares its shortcuts: a network that reads the acquisition off a radiograph looks nearly perfect
    there. Where aspect ratio and contrast are drawn anew for every radiograph, they tell it nothing.
    """
    recipe, rows = study.recipe, study.rows("validation")
    table = study.cohort.table.iloc[rows][["path", "patient"]].assign(y_true=study.y_true("validation"))
    views = []
    for view in range(recipe.acquisition_views):
        batches = view_batches(
            study.pixels, rows, changes=recipe.acquisition, view=view, seed=VIEW_SEED, batch_size=VIEW_BATCH_SIZE
        )
        scores = model.predict(batches, verbose=0)[:, 0].astype(float)
        views.append(table.assign(y_score=scores, view=view + 1))
    return pd.concat(views, ignore_index=True)


def trainable_parameters(model: keras.Model) -> int:
    """Count the weights that training may change."""
    return int(sum(np.prod(weight.shape) for weight in model.trainable_weights))


def augmented_batches(study: Study) -> Callable[[range], tf.data.Dataset]:
    """What gives the training radiographs of a range of epochs, shuffled and augmented as the recipe says."""
    recipe, rows, y_true = study.recipe, study.rows("training"), study.y_true("training")

    def batches(epochs: range) -> tf.data.Dataset:
        return training_batches(
            study.pixels,
            rows,
            y_true,
            augmentation=recipe.augmentation,
            batch_size=recipe.fit.batch_size,
            epochs=epochs,
            seed=recipe.fit.seed,
        )

    return batches


def batches_of(study: Study, part: str, weights: dict[int, float] | None = None) -> tf.data.Dataset:
    """Every radiograph of a part once, in order, unchanged."""
    rows, y_true = study.rows(part), study.y_true(part)
    return evaluation_batches(study.pixels, rows, y_true, batch_size=study.recipe.fit.batch_size, class_weight=weights)
