"""The frozen phase of transfer learning: ours, and the whole frozen network passed over in every epoch."""

import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console
from sklearn.metrics import roc_auc_score

from pneumo.bench.measure import Cost
from pneumo.config import Transfer
from pneumo.nets import backbone
from pneumo.radiographs.batches import evaluation_batches, training_batches
from pneumo.training.features import Radiographs, feature_batches, frozen_features
from pneumo.training.fit import compile_model, fit
from pneumo.training.precision import prepare


def our_frozen_phase(recipe: Transfer, radiographs: Radiographs, y_true: np.ndarray) -> tuple[Cost, float]:
    """Measure the recipe's first phase from an empty cache, all its epochs, its state written after each.

    Args:
        y_true: (N,), of all rows of the radiographs' pixels.

    Returns:
        The cost, and the AUROC on validation after the last epoch.
    """
    prepare(recipe.fit)
    settings = recipe.fit.model_copy(update={"early_stopping_patience": None})
    model = backbone.build(recipe.network, recipe.image_size_px)
    quiet, cost = Console(quiet=True), Cost()
    training, validation = y_true[radiographs.training], y_true[radiographs.validation]
    with tempfile.TemporaryDirectory() as folder, cost.counting():
        features = frozen_features(backbone.feature_extractor(model), radiographs, recipe, Path(folder), quiet)
        head = backbone.build_head(recipe.network, features.validation.shape[1])
        # From the weights of the plain way's head: the two are to differ in nothing but what is compared.
        for layer in head.layers:
            layer.set_weights(model.get_layer(layer.name).get_weights())
        compile_model(head, settings)
        whole = (features.validation, validation[:, None].astype(np.float32))
        head, _, _ = fit(
            head,
            lambda epochs: feature_batches(
                features.views, training, batch_size=settings.batch_size, epochs=epochs, seed=settings.seed
            ),
            tf.data.Dataset.from_tensor_slices(whole).batch(settings.batch_size),
            settings,
            steps_per_epoch=-(-len(training) // settings.batch_size),
            class_weight=None,
            directory=Path(folder),
            console=quiet,
        )
    return cost, _auroc(validation, head.predict(features.validation, verbose=0))


def plain_frozen_phase(recipe: Transfer, radiographs: Radiographs, y_true: np.ndarray) -> tuple[Cost, float]:
    """Measure the obvious way: `model.fit` of the whole network with its backbone frozen, on the same augmented batches.

    Args and what is returned: as above.
    """
    prepare(recipe.fit)
    model = backbone.build(recipe.network, recipe.image_size_px)
    compile_model(model, recipe.fit)
    settings, rows, cost = recipe.fit, radiographs.training, Cost()
    labels = y_true[radiographs.validation]
    validation = evaluation_batches(radiographs.pixels, radiographs.validation, labels, batch_size=settings.batch_size)
    with cost.counting():
        model.fit(
            training_batches(
                radiographs.pixels,
                rows,
                y_true[rows],
                augmentation=recipe.augmentation,
                batch_size=settings.batch_size,
                epochs=range(settings.epochs),
                seed=settings.seed,
            ),
            validation_data=validation,
            epochs=settings.epochs,
            steps_per_epoch=-(-len(rows) // settings.batch_size),
            shuffle=False,
            verbose=0,
        )
    return cost, _auroc(labels, model.predict(validation, verbose=0))


def _auroc(y_true: np.ndarray, scores: np.ndarray) -> float:
    return float(roc_auc_score(y_true, scores[:, 0]))
