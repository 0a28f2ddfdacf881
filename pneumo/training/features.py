"""Features of radiographs from a frozen backbone: computed once, cached on disk, reused by every epoch and every head."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import track

from pneumo.config import TransferRecipe
from pneumo.errors import UserError
from pneumo.radiographs import decode
from pneumo.radiographs.batches import epoch_order
from pneumo.results.provenance import software
from pneumo.training.dataset import Dataset
from pneumo.training.feature_cache import HEADER_BYTES, FeatureCache
from pneumo.training.predict import augmented_batches, part_batches

VERSION = 1
"""Increment it when the same radiographs, weights and settings give other features, so that cached ones are not used."""
_BYTES = 4
_GIB = 2**30


@dataclass(frozen=True)
class Features:
    """Pooled features, float32, memory-mapped."""

    views: tuple[np.ndarray, ...]
    """(M, width) each: of the training images as `training_batches` augments them in epoch 0, 1, …, in the order of their rows."""
    validation: np.ndarray
    """(V, width), without augmentation."""


def frozen_features(extractor: keras.Model, dataset: Dataset, recipe: TransferRecipe, console: Console) -> Features:
    """Features of the training views and of validation, from the cache where an earlier run computed them.

    Args:
        extractor: from (N, H, W, 1), grey values, to (N, width).

    Raises:
        UserError: so many views exceed `feature_cache_gib`.
    """
    training, validation = dataset.rows("training"), dataset.rows("validation")
    width, seed = extractor.output_shape[-1], recipe.fit.seed
    cache = FeatureCache(dataset.cache_dir / "cache" / "features", int(recipe.feature_cache_gib * _GIB))
    needed = (recipe.views * len(training) + len(validation)) * width * _BYTES + (recipe.views + 1) * HEADER_BYTES
    if needed > cache.limit_bytes:
        raise UserError(
            f"{recipe.views} views of {len(training)} radiographs take {needed / _GIB:.2f} GiB, and `feature_cache_gib` allows "
            f"{recipe.feature_cache_gib:g}: raise it, or lower `views`"
        )
    common = _identity(extractor, dataset.fingerprint, recipe)
    extraction = _Extraction(extractor, dataset, recipe, console)
    augmented = [*common, training.tolist(), recipe.augmentation.model_dump(mode="json"), seed]
    shape = (len(training), width)
    views = [cache.get([*augmented, view], shape, partial(extraction.view, view)) for view in range(recipe.views)]
    identity, shape = [*common, validation.tolist()], (len(validation), width)
    return Features(tuple(views), cache.get(identity, shape, extraction.validation))


def feature_batches(
    views: Sequence[np.ndarray], y_true: np.ndarray, *, batch_size: int, epochs: range, seed: int
) -> tf.data.Dataset:
    """Shuffled batches for the given epochs: epoch e uses view e modulo their number, in the order of `training_batches`.

    Returns:
        Batches of (b, width) and (b, 1), float32.
    """
    labels = tf.constant(y_true, tf.float32)

    def read(epoch: int, rows: np.ndarray) -> np.ndarray:
        return views[epoch % len(views)][rows]

    def positions(epoch: tf.Tensor) -> tf.data.Dataset:
        batches = tf.data.Dataset.from_tensor_slices(epoch_order(len(labels), seed, epoch)).batch(batch_size)
        return batches.map(lambda batch: (epoch, batch))

    def gathered(epoch: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        features = tf.numpy_function(read, [epoch, batch], tf.float32, stateful=False)
        features.set_shape((None, views[0].shape[1]))
        return features, tf.gather(labels, batch)[:, None]

    return tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(positions).map(gathered).prefetch(2)


def weights_digest(model: keras.Model) -> str:
    """SHA-256 of a model's weights."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()


def _identity(extractor: keras.Model, fingerprint: str, recipe: TransferRecipe) -> list[Any]:
    """Everything that the features of an image without augmentation depend on."""
    pixels = [decode.VERSION, fingerprint, recipe.image_size_px, recipe.resize]
    # Rounding depends on how many images are computed at once.
    network = [recipe.network.architecture, weights_digest(extractor), recipe.fit.batch_size, recipe.fit.deterministic]
    return [VERSION, *pixels, *network, keras.config.dtype_policy().name, software()]


class _Extraction:
    """Passes radiographs through an extractor, traced once for all of them."""

    def __init__(self, extractor: keras.Model, dataset: Dataset, recipe: TransferRecipe, console: Console) -> None:
        signature = [tf.TensorSpec(extractor.input_shape, tf.float32)]
        self._extract: Callable[[tf.Tensor], tf.Tensor] = tf.function(extractor, input_signature=signature)
        self._width = extractor.output_shape[-1]
        self._dataset, self._recipe, self._console = dataset, recipe, console

    def view(self, number: int) -> np.ndarray:
        """Features of the training images as one epoch augments them, in the order of their rows."""
        fit, count = self._recipe.fit, len(self._dataset.rows("training"))
        batches = augmented_batches(self._dataset, self._recipe)(range(number, number + 1))
        order = epoch_order(count, fit.seed, tf.constant(number, tf.int64)).numpy()
        return self._compute(batches, order, f"Features of view {number + 1} of {self._recipe.views}")

    def validation(self) -> np.ndarray:
        """Features of the validation images, without augmentation."""
        batches = part_batches(self._dataset, "validation", self._recipe.fit.batch_size)
        return self._compute(batches, np.arange(len(self._dataset.rows("validation"))), "Features of validation")

    def _compute(self, batches: tf.data.Dataset, order: np.ndarray, description: str) -> np.ndarray:
        features, done = np.empty((len(order), self._width), np.float32), 0
        steps = -(-len(order) // self._recipe.fit.batch_size)
        for images, *_ in track(batches, description, total=steps, console=self._console, transient=True):
            batch = self._extract(images).numpy()
            features[order[done : done + len(batch)]] = batch
            done += len(batch)
        return features
