"""Training a study's network, and scoring radiographs with it."""

from dataclasses import dataclass

import filelock
import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from rich.console import Console
from sklearn.utils.class_weight import compute_class_weight

from pneumo.errors import UserError
from pneumo.images.batches import evaluation_batches, training_batches
from pneumo.nets import cnn
from pneumo.study.definition import Study
from pneumo.training.fit import compile_model, fit
from pneumo.training.state import History


@dataclass(frozen=True)
class Trained:
    """A fitted network and how it came about."""

    model: keras.Model
    history: History
    seconds: float


def train(study: Study, console: Console) -> Trained:
    """Fit the network of the study's recipe, or go on with a fit of the same study that was killed.

    Raises:
        UserError: the same study is being trained by another process, or the loss is no longer a number.
    """
    settings = study.recipe.fit
    rows, y_true = study.rows("training"), study.y_true("training")
    # Validation weighs the classes as training does, or early stopping would follow another loss than the one that is minimised.
    weights = class_weight(y_true) if settings.class_weights == "balanced" else None
    study.directory.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(study.directory / "lock", timeout=0):
            model = cnn.build(study.recipe.network, study.recipe.image_size_px)
            compile_model(model, settings)
            return Trained(
                *fit(
                    model,
                    lambda epochs: training_batches(
                        study.pixels,
                        rows,
                        y_true,
                        augmentation=study.recipe.augmentation,
                        batch_size=settings.batch_size,
                        epochs=epochs,
                        seed=settings.seed,
                    ),
                    _evaluation_batches(study, "validation", weights),
                    settings,
                    steps_per_epoch=-(-len(rows) // settings.batch_size),
                    class_weight=weights,
                    directory=study.directory,
                    console=console,
                )
            )
    except filelock.Timeout:
        raise UserError(f"Another process is training this very study in {study.directory}: wait for it, or stop it") from None


def class_weight(y_true: np.ndarray) -> dict[int, float]:
    """Balanced weights, N / (2 · count of the class) (King & Zeng 2001)."""
    return dict(enumerate(compute_class_weight("balanced", classes=np.array([0, 1]), y=y_true).tolist()))


def predict(study: Study, model: keras.Model, part: str) -> pd.DataFrame:
    """Score every radiograph of a part: path, patient, y_true, y_score, as the table has them."""
    table = study.cohort.table.iloc[study.rows(part)]
    scores = model.predict(_evaluation_batches(study, part), verbose=0)[:, 0]
    return table[["path", "patient"]].assign(y_true=study.y_true(part), y_score=scores.astype(float)).reset_index(drop=True)


def _evaluation_batches(study: Study, part: str, weights: dict[int, float] | None = None) -> tf.data.Dataset:
    rows, y_true = study.rows(part), study.y_true(part)
    return evaluation_batches(study.pixels, rows, y_true, batch_size=study.recipe.fit.batch_size, class_weight=weights)
