"""Random augmentation of images with masks, to train a segmentation: an affine transform of both, photometry of the image alone.

Draws are stateless, as in `augment`.
"""

import math

import tensorflow as tf

from pneumo.config import LungAugmentation
from pneumo.radiographs.augment import RandomAffine, RandomPhotometry, blurred

WHITE = 255.0
_HALF = 0.5
_BLURS = 4
"""Passes of the binomial filter of 1 px: together about a Gaussian of 2 px."""
_AFFINE, _PHOTOMETRY, _APPEARANCE, _NOISE = range(4)


class MaskAugmentation:
    """Augments batches of images and masks by the settings."""

    def __init__(self, settings: LungAugmentation) -> None:
        self.settings = settings
        # float32 explicitly: under a mixed-precision policy Keras would cast grey values to bfloat16.
        self._affine = RandomAffine(settings, dtype="float32")
        self._photometry = RandomPhotometry(settings, dtype="float32")

    def __call__(self, images: tf.Tensor, masks: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Transform each image and its mask, (N, H, W, 1) each, independently of the others.

        Args:
            images: grey values in 0..255.
            masks: 0 or 1.
            seed: one integer.

        Returns:
            Images, float32 in 0..255, and masks, float32 0 or 1.
        """
        shape = images.shape
        seeds = [tf.stack([tf.cast(seed, tf.int64), tf.constant(index, tf.int64)]) for index in range(4)]
        pair = tf.concat([tf.cast(images, tf.float32), WHITE * tf.cast(masks, tf.float32)], axis=-1)
        pair = self._affine(pair, seed=seeds[_AFFINE])
        images, masks = pair[..., :1], tf.cast(pair[..., 1:] > _HALF * WHITE, tf.float32)
        images = self._photometry(images, seed=seeds[_PHOTOMETRY])
        draw = tf.random.stateless_uniform((8, tf.shape(images)[0], 1, 1, 1), seeds[_APPEARANCE])
        images = images + draw[0] * self.settings.blur_fraction * (_strongly_blurred(images) - images)
        images += WHITE * self.settings.gradient_fraction * draw[1] * _gradient(images, 2 * math.pi * draw[2])
        deviation = WHITE * self.settings.noise_fraction * draw[3]
        images += deviation * tf.random.stateless_normal(tf.shape(images), seeds[_NOISE])
        field = _field(images, self.settings.border_fraction * draw[4:])
        images = tf.clip_by_value(images, 0.0, WHITE) * field
        # The affine transform forgets the shape, which upsampling needs.
        return tf.ensure_shape(images, shape), tf.ensure_shape(masks * field, shape)


def _strongly_blurred(images: tf.Tensor) -> tf.Tensor:
    for _ in range(_BLURS):
        images = blurred(images)
    return images


def _gradient(images: tf.Tensor, angle: tf.Tensor) -> tf.Tensor:
    """Linear gradient in the direction of each angle (N, 1, 1, 1): 0 at the centre, at most 1 in a corner; (N, H, W, 1)."""
    rows, columns = _positions(images)
    return (tf.cos(angle) * (2 * columns - 1) + tf.sin(angle) * (2 * rows - 1)) / math.sqrt(2)


def _field(images: tf.Tensor, borders: tf.Tensor) -> tf.Tensor:
    """1 inside and 0 in the borders: top, bottom, left and right of each image, as fractions of the side, (4, N, 1, 1, 1)."""
    rows, columns = _positions(images)
    inside = (rows >= borders[0]) & (rows <= 1 - borders[1]) & (columns >= borders[2]) & (columns <= 1 - borders[3])
    return tf.cast(inside, tf.float32)


def _positions(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Row and column of each pixel's centre as fractions of the side, (1, H, 1, 1) and (1, 1, W, 1)."""
    height, width = (tf.cast(tf.shape(images)[axis], tf.float32) for axis in (1, 2))
    rows = (tf.range(height) + _HALF) / height
    columns = (tf.range(width) + _HALF) / width
    return rows[None, :, None, None], columns[None, None, :, None]
