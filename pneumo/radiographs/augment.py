"""Random augmentation of training images: one affine transform with one interpolation, and one photometric transform.

Both are Keras layers that run in the input pipeline, never in the model: a saved model contains only built-in layers, and
validation cannot be augmented by mistake. Draws are stateless: the same seed gives the same transforms, so a resumed training sees
the same images as an uninterrupted one.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from pneumo.config import Augmentation


class RandomAffine(keras.layers.Layer):
    """Random rotation, shift, shear, zoom, aspect ratio and flip, combined into one bilinear resampling."""

    def __init__(self, settings: Augmentation, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings = settings

    def call(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Transform each image, (N, H, W, C), independently; float32 in the range of the input. Seed: two integers."""
        s = self.settings
        shape = tf.shape(images)
        height_px, width_px = tf.cast(shape[1], tf.float32), tf.cast(shape[2], tf.float32)
        draw = tf.random.stateless_uniform((8, shape[0]), seed, minval=-1.0, maxval=1.0)
        stretch = tf.exp(draw[6] * s.aspect_log_range / 2)
        flip = tf.sign(draw[7]) if s.horizontal_flip else 1.0
        transforms = affine_transforms(
            rotation=draw[0] * math.radians(s.rotation_degrees),
            shift_rows=draw[1] * s.shift_fraction * height_px,
            shift_columns=draw[2] * s.shift_fraction * width_px,
            shear=draw[3] * math.radians(s.shear_degrees),
            zoom_rows=(1 + draw[4] * s.zoom_fraction) * stretch,
            zoom_columns=(1 + draw[5] * s.zoom_fraction) / stretch * flip,
            height_px=height_px,
            width_px=width_px,
        )
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=tf.cast(images, tf.float32),
            transforms=transforms,
            output_shape=shape[1:3],
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode=s.fill.upper(),
        )


def affine_transforms(
    *,
    rotation: tf.Tensor,
    shift_rows: tf.Tensor,
    shift_columns: tf.Tensor,
    shear: tf.Tensor,
    zoom_rows: tf.Tensor,
    zoom_columns: tf.Tensor,
    height_px: tf.Tensor,
    width_px: tf.Tensor,
) -> tf.Tensor:
    """Affine maps from output to input pixels: rotation · shift · shear · zoom on (column, row), about the centre.

    Order and axes are those of Keras' `apply_affine_transform`, so that the ranges of the reference systems have the same meaning.

    Args:
        rotation: (N,), radians; `shear` likewise.
        shift_rows: (N,), pixels; `shift_columns` likewise.
        zoom_rows: (N,), above 1 shrinks the content; `zoom_columns` likewise, negative mirrors it.

    Returns:
        (N, 8): a₀ a₁ a₂ b₀ b₁ b₂ 0 0, the input pixel being at column a₀c + a₁r + a₂, row b₀c + b₁r + b₂.
    """
    cos, sin = tf.cos(rotation), tf.sin(rotation)
    column_column, column_row = cos * zoom_columns, -tf.sin(shear + rotation) * zoom_rows
    row_column, row_row = sin * zoom_columns, tf.cos(shear + rotation) * zoom_rows
    centre_row, centre_column = (height_px - 1) / 2, (width_px - 1) / 2
    column = centre_column + cos * shift_columns - sin * shift_rows - column_column * centre_column - column_row * centre_row
    row = centre_row + sin * shift_columns + cos * shift_rows - row_column * centre_column - row_row * centre_row
    zero = tf.zeros_like(row)
    return tf.stack([column_column, column_row, column, row_column, row_row, row, zero, zero], axis=1)


class RandomPhotometry(keras.layers.Layer):
    """Random sharpness, contrast about the image's mean, brightness and gamma."""

    def __init__(self, settings: Augmentation, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings = settings

    def call(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Transform each image, (N, H, W, C) in 0..255, independently; float32 in 0..255. Seed: two integers."""
        s = self.settings
        grey = tf.cast(images, tf.float32) / 255
        draw = tf.random.stateless_uniform((4, tf.shape(grey)[0], 1, 1, 1), seed, minval=-1.0, maxval=1.0)
        if s.sharpness_fraction:
            grey += draw[3] * s.sharpness_fraction * (grey - blurred(grey))
        mean = tf.reduce_mean(grey, axis=(1, 2, 3), keepdims=True)
        grey = mean + (grey - mean) * (1 + draw[0] * s.contrast_fraction) + draw[1] * s.brightness_fraction
        grey = tf.clip_by_value(grey, 0.0, 1.0)
        if s.gamma_log_range:
            grey = tf.pow(grey, tf.exp(draw[2] * s.gamma_log_range))
        return grey * 255


def blurred(images: tf.Tensor) -> tf.Tensor:
    """Images, (N, H, W, C) float32, blurred by the five-tap binomial filter, about a Gaussian of 1 px; edges are mirrored."""
    channels = images.shape[-1]
    taps = tf.constant([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    mirrored = tf.pad(images, [[0, 0], [2, 2], [2, 2], [0, 0]], mode="SYMMETRIC")
    for shape in ((5, 1, 1, 1), (1, 5, 1, 1)):
        kernel = tf.tile(tf.reshape(taps, shape), (1, 1, channels, 1))
        mirrored = tf.nn.depthwise_conv2d(mirrored, kernel, strides=[1, 1, 1, 1], padding="VALID")
    return mirrored


def augmentation_layers(settings: Augmentation) -> list[keras.layers.Layer]:
    """Augmentation layers for these settings; none where every range is zero."""
    layers: list[keras.layers.Layer] = []
    geometric = (
        settings.rotation_degrees,
        settings.shift_fraction,
        settings.shear_degrees,
        settings.zoom_fraction,
        settings.aspect_log_range,
        settings.horizontal_flip,
    )
    # float32 explicitly: under a mixed-precision policy Keras would cast the inputs to bfloat16, which rounds grey values.
    if any(geometric):
        layers.append(RandomAffine(settings, dtype="float32", name="random_affine"))
    photometric = (
        settings.contrast_fraction,
        settings.brightness_fraction,
        settings.gamma_log_range,
        settings.sharpness_fraction,
    )
    if any(photometric):
        layers.append(RandomPhotometry(settings, dtype="float32", name="random_photometry"))
    return layers
