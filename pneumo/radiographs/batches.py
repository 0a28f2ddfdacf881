"""Input pipelines (tf.data) of training, evaluation and augmented views from the pixel cache."""

import keras
import numpy as np
import tensorflow as tf

from pneumo.config import Augmentation
from pneumo.radiographs.augment import augmentation_layers


def training_batches(
    pixels: np.ndarray,
    rows: np.ndarray,
    y_true: np.ndarray,
    *,
    augmentation: Augmentation,
    batch_size: int,
    epochs: range,
    seed: int,
) -> tf.data.Dataset:
    """Shuffled, augmented batches of consecutive epochs.

    Order and augmentation depend on the seed, the epoch and the step alone, so that training can resume at any epoch with the same
    batches.

    Args:
        pixels: (N, H, W), uint8; may be memory-mapped: only the images of a batch are read.
        rows: (M,), rows of `pixels` to use.
        y_true: (M,), 0 or 1, labels of `rows`.
        epochs: numbers of the epochs, counted from 0.

    Returns:
        Batches of (b, H, W, 1) float32 in 0..255 and (b, 1) float32; ceil(M / batch_size) an epoch.
    """
    layers = augmentation_layers(augmentation)
    labels = tf.constant(y_true, tf.float32)

    def positions(epoch: tf.Tensor) -> tf.data.Dataset:
        batches = tf.data.Dataset.from_tensor_slices(epoch_order(len(rows), seed, epoch)).batch(batch_size)
        return batches.enumerate().map(lambda step, batch: (epoch, step, batch))

    def augmented(epoch: tf.Tensor, step: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images = _augmented(_gather(pixels, rows, batch), layers, seed + (epoch + 1) * 2**20 + step)
        return images, tf.gather(labels, batch)[:, None]

    return tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(positions).map(augmented).prefetch(2)


def epoch_order(count: int, seed: int, epoch: tf.Tensor) -> tf.Tensor:
    """Random permutation of `count` images for an epoch."""
    return tf.random.experimental.stateless_shuffle(tf.range(count), seed=tf.stack([tf.cast(seed, tf.int64), epoch]))


def evaluation_batches(
    pixels: np.ndarray,
    rows: np.ndarray,
    y_true: np.ndarray,
    *,
    batch_size: int,
    class_weight: dict[int, float] | None = None,
) -> tf.data.Dataset:
    """Batches of every image once, in order, without augmentation; shapes as in `training_batches`, and sample weights (b,).

    The weights are those of the classes in the loss; metrics stay unweighted.
    """
    labels = tf.constant(y_true, tf.float32)
    weights = tf.gather(tf.constant([class_weight[0], class_weight[1]]), y_true) if class_weight else tf.ones(len(rows))

    def weighted(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        images = tf.cast(_gather(pixels, rows, batch), tf.float32)
        return images, tf.gather(labels, batch)[:, None], tf.gather(weights, batch)

    return tf.data.Dataset.range(len(rows)).batch(batch_size).map(weighted).prefetch(2)


def view_batches(
    pixels: np.ndarray, rows: np.ndarray, *, augmentation: Augmentation, view: int, seed: int, batch_size: int
) -> tf.data.Dataset:
    """Batches, (b, H, W, 1) float32 in 0..255, of every image once, in order, under random transforms that differ between views."""
    layers = augmentation_layers(augmentation)

    def augmented(step: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
        return _augmented(_gather(pixels, rows, batch), layers, seed + (view + 1) * 2**20 + step)

    return tf.data.Dataset.range(len(rows)).batch(batch_size).enumerate().map(augmented).prefetch(2)


def _augmented(images: tf.Tensor, layers: list[keras.layers.Layer], seed: tf.Tensor) -> tf.Tensor:
    for index, layer in enumerate(layers):
        images = layer(images, seed=tf.stack([seed, tf.constant(index, tf.int64)]))
    return tf.cast(images, tf.float32)


def _gather(pixels: np.ndarray, rows: np.ndarray, batch: tf.Tensor) -> tf.Tensor:
    """Read a batch's images from the memory map; a constant in the graph would hold the whole cohort in memory."""
    images = tf.numpy_function(lambda positions: pixels[rows[positions]], [batch], tf.uint8, stateful=False)
    images.set_shape((None, *pixels.shape[1:]))
    return images[..., None]
