"""What a frozen backbone makes of each radiograph: computed once, kept on the disk, and learnt from as often as one likes."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from filelock import FileLock
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pneumo.cohort.derived import writing
from pneumo.config import Transfer
from pneumo.errors import UserError
from pneumo.images import decode
from pneumo.images.batches import epoch_order, evaluation_batches, training_batches

VERSION = 1
"""To be raised when the same radiographs, weights and settings would give other features: they are computed again then."""
SOFTWARE = ("tensorflow", "keras", "numpy", "pillow")
_BYTES = 4
_HEADER_BYTES = 128  # of an .npy file
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
    cache = _Cache(directory / "cache" / "features", int(recipe.feature_cache_gib * _GIB), console)
    width, count = extractor.output_shape[-1], len(radiographs.training)
    wanted = (recipe.views * count + len(radiographs.validation)) * width * _BYTES + (recipe.views + 1) * _HEADER_BYTES
    if wanted > cache.room_bytes:
        raise UserError(
            f"{recipe.views} views of {count} radiographs take {wanted / _GIB:.2f} GiB, and `feature_cache_gib` allows "
            f"{recipe.feature_cache_gib:g}: raise it, or lower `views`"
        )
    common: list[Any] = [VERSION, decode.VERSION, radiographs.fingerprint, recipe.image_size_px, recipe.resize]
    common += [recipe.network.architecture, weights_digest(extractor), recipe.fit.batch_size, recipe.fit.deterministic]
    common += [keras.config.dtype_policy().name, [version(name) for name in SOFTWARE]]
    augmented = [radiographs.training.tolist(), recipe.augmentation.model_dump(mode="json"), recipe.fit.seed]
    views = []
    for view in range(recipe.views):
        batches = training_batches(
            radiographs.pixels,
            radiographs.training,
            np.zeros(count, np.int64),
            augmentation=recipe.augmentation,
            batch_size=recipe.fit.batch_size,
            epochs=range(view, view + 1),
            seed=recipe.fit.seed,
        )
        order = epoch_order(count, recipe.fit.seed, tf.constant(view, tf.int64)).numpy()
        says = f"Features of view {view + 1} of {recipe.views}"
        views.append(cache.get([*common, *augmented, view], extractor, batches, order, says))
    rows = radiographs.validation
    batches = evaluation_batches(radiographs.pixels, rows, np.zeros(len(rows), np.int64), batch_size=recipe.fit.batch_size)
    return Features(
        tuple(views), cache.get([*common, rows.tolist()], extractor, batches, np.arange(len(rows)), "Features of validation")
    )


def feature_batches(
    views: Sequence[np.ndarray], y_true: np.ndarray, *, batch_size: int, epochs: range, seed: int
) -> tf.data.Dataset:
    """Shuffled batches for the given epochs: epoch e learns from view e modulo their number, in the order of `training_batches`.

    Returns:
        Batches of (b, width) and (b, 1), float32.
    """
    labels = tf.constant(y_true, tf.float32)

    def positions(epoch: tf.Tensor) -> tf.data.Dataset:
        batches = tf.data.Dataset.from_tensor_slices(epoch_order(len(labels), seed, epoch)).batch(batch_size)
        return batches.map(lambda batch: (epoch, batch))

    def gathered(epoch: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        read: Callable[..., np.ndarray] = lambda epoch, rows: views[epoch % len(views)][rows]  # noqa: E731
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


@dataclass(frozen=True)
class _Cache:
    """A folder of .npy files with room for so many bytes; those that were not used for the longest time make room for new ones."""

    folder: Path
    room_bytes: int
    console: Console

    def get(
        self, identity: list[Any], extractor: keras.Model, batches: tf.data.Dataset, order: np.ndarray, description: str
    ) -> np.ndarray:
        """Map the features of this identity; compute them first where they are missing or damaged.

        Two processes that need the same features compute them once: the second waits.

        Args:
            order: (N,), the row that each image of `batches` belongs to.
        """
        file = self.folder / f"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:24]}.npy"
        shape = (len(order), extractor.output_shape[-1])
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "lock"):
                if (features := _mapped(file, shape)) is None:
                    computed = _compute(extractor, batches, order, self._progress(), description)
                    self._store(file, computed)
                    features = np.load(file, mmap_mode="r")
                file.touch()
                return features

    def _store(self, file: Path, features: np.ndarray) -> None:
        """Make room, write beside, then replace."""
        file.unlink(missing_ok=True)
        kept = sorted(self.folder.glob("*.npy"), key=lambda one: one.stat().st_mtime_ns)
        used = sum(one.stat().st_size for one in kept)
        for oldest in kept:
            if used + features.nbytes + _HEADER_BYTES <= self.room_bytes:
                break
            used -= oldest.stat().st_size
            oldest.unlink()
        partly = file.with_suffix(".partial")
        try:
            with partly.open("wb") as stream:  # overwrites what a killed run left
                np.save(stream, features)
            partly.replace(file)
        finally:
            partly.unlink(missing_ok=True)

    def _progress(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        return Progress(*columns, console=self.console, transient=True)


def _mapped(file: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """Map features, unless they are missing, cut short or something else altogether."""
    try:
        features: np.ndarray = np.load(file, mmap_mode="r")
    except (FileNotFoundError, ValueError, EOFError):
        return None
    return features if features.shape == shape and features.dtype == np.float32 else None


def _compute(
    extractor: keras.Model, batches: tf.data.Dataset, order: np.ndarray, progress: Progress, description: str
) -> np.ndarray:
    features, done = np.empty((len(order), extractor.output_shape[-1]), np.float32), 0
    # One trace for all batches: `predict` makes another for the last, smaller one.
    describe = tf.function(extractor, input_signature=[tf.TensorSpec(extractor.input_shape, tf.float32)])
    with progress:
        task = progress.add_task(description, total=len(order))
        for images, *_ in batches:
            found = describe(images).numpy()
            features[order[done : done + len(found)]] = found
            done += len(found)
            progress.update(task, completed=done)
    return features
