"""What a frozen backbone makes of each radiograph: computed once, kept on the disk, and learnt from as often as one likes."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pneumo.config import Transfer
from pneumo.errors import UserError
from pneumo.radiographs import decode
from pneumo.radiographs.batches import epoch_order, evaluation_batches, training_batches
from pneumo.training.feature_cache import HEADER_BYTES, FeatureCache

VERSION = 1
"""To be raised when the same radiographs, weights and settings would give other features: they are computed again then."""
SOFTWARE = ("tensorflow", "keras", "numpy", "pillow")
_BYTES = 4
_GIB = 2**30


@dataclass(frozen=True)
class Radiographs:
    """Which radiographs are to be described."""

    pixels: np.ndarray
    """(N, H, W), uint8."""
    fingerprint: str
    """Of the cohort that the pixels were decoded from."""
    training: np.ndarray
    """(M,), rows of `pixels`."""
    validation: np.ndarray
    """(V,), rows of `pixels`."""


@dataclass(frozen=True)
class Features:
    """Pooled features, float32, mapped from the disk."""

    views: tuple[np.ndarray, ...]
    """(M, width) each: the training images as epoch 0, 1, … of `training_batches` shows them, in the order of their rows."""
    validation: np.ndarray
    """(V, width), of the images as they are."""


def frozen_features(
    extractor: keras.Model, radiographs: Radiographs, recipe: Transfer, directory: Path, console: Console
) -> Features:
    """Describe every radiograph, or find what an earlier run with the same weights and settings left.

    Args:
        extractor: from (N, H, W, 1), grey values, to (N, width).
        directory: where everything derived from cohorts is kept.

    Raises:
        UserError: there is no room for as many views.
    """
    width, count, seed = extractor.output_shape[-1], len(radiographs.training), recipe.fit.seed
    cache = FeatureCache(directory / "cache" / "features", int(recipe.feature_cache_gib * _GIB))
    wanted = (recipe.views * count + len(radiographs.validation)) * width * _BYTES + (recipe.views + 1) * HEADER_BYTES
    if wanted > cache.room_bytes:
        raise UserError(
            f"{recipe.views} views of {count} radiographs take {wanted / _GIB:.2f} GiB, and `feature_cache_gib` allows "
            f"{recipe.feature_cache_gib:g}: raise it, or lower `views`"
        )
    common = _identity(extractor, radiographs.fingerprint, recipe)
    describer = _Describer(extractor, radiographs, recipe, console)
    augmented = [*common, radiographs.training.tolist(), recipe.augmentation.model_dump(mode="json"), seed]
    views = [cache.get([*augmented, view], (count, width), partial(describer.view, view)) for view in range(recipe.views)]
    rows = radiographs.validation
    return Features(tuple(views), cache.get([*common, rows.tolist()], (len(rows), width), describer.validation))


def feature_batches(
    views: Sequence[np.ndarray], y_true: np.ndarray, *, batch_size: int, epochs: range, seed: int
) -> tf.data.Dataset:
    """Shuffled batches for the given epochs: epoch e learns from view e modulo their number, in the order of `training_batches`.

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
    """Identify a model's weights, whatever file they came from."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()


def _identity(extractor: keras.Model, fingerprint: str, recipe: Transfer) -> list[Any]:
    """What decides the features of an image that is not augmented."""
    pixels = [decode.VERSION, fingerprint, recipe.image_size_px, recipe.resize]
    # Rounding depends on how many images are computed at once.
    network = [recipe.network.architecture, weights_digest(extractor), recipe.fit.batch_size, recipe.fit.deterministic]
    return [VERSION, *pixels, *network, keras.config.dtype_policy().name, [version(name) for name in SOFTWARE]]


class _Describer:
    """Passes radiographs through an extractor, traced once for all of them."""

    def __init__(self, extractor: keras.Model, radiographs: Radiographs, recipe: Transfer, console: Console) -> None:
        signature = [tf.TensorSpec(extractor.input_shape, tf.float32)]
        self._describe: Callable[[tf.Tensor], tf.Tensor] = tf.function(extractor, input_signature=signature)
        self._width = extractor.output_shape[-1]
        self._radiographs, self._recipe, self._console = radiographs, recipe, console

    def view(self, number: int) -> np.ndarray:
        """Describe the training images as one epoch shows them, in the order of their rows."""
        recipe, rows = self._recipe, self._radiographs.training
        batches = training_batches(
            self._radiographs.pixels,
            rows,
            np.zeros(len(rows), np.int64),
            augmentation=recipe.augmentation,
            batch_size=recipe.fit.batch_size,
            epochs=range(number, number + 1),
            seed=recipe.fit.seed,
        )
        order = epoch_order(len(rows), recipe.fit.seed, tf.constant(number, tf.int64)).numpy()
        return self._compute(batches, order, f"Features of view {number + 1} of {recipe.views}")

    def validation(self) -> np.ndarray:
        """Describe the validation images as they are."""
        rows = self._radiographs.validation
        labels = np.zeros(len(rows), np.int64)
        batches = evaluation_batches(self._radiographs.pixels, rows, labels, batch_size=self._recipe.fit.batch_size)
        return self._compute(batches, np.arange(len(rows)), "Features of validation")

    def _compute(self, batches: tf.data.Dataset, order: np.ndarray, description: str) -> np.ndarray:
        features, done = np.empty((len(order), self._width), np.float32), 0
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(description, total=len(order))
            for images, *_ in batches:
                found = self._describe(images).numpy()
                features[order[done : done + len(found)]] = found
                done += len(found)
                progress.update(task, completed=done)
        return features
