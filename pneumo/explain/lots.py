"""LOTS, layerwise origin-target synthesis (Rozsa et al. 2017), as an explanation method (Weber 2023).

The image is changed, in small steps along the gradient, until its deep feature is that of a target. The map shows where it had to
change. With the zero vector as target it shows all that the network responds to; with the mean feature of a class or the feature of
an example, what distinguishes the image from these.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from pneumo.explain.activations import BATCH_SIZE
from pneumo.nets.ensemble import members

Pixels = npt.NDArray[np.float32]

WHITE = 255.0
KERNEL_SHARE = 49 / 224
"""Side of the Gaussian kernel, as a fraction of the image's: 49 of 224 px (Weber 2023)."""


class Lots:
    """LOTS of one model, for batches: each image stops when it has reached its target."""

    def __init__(self, model: keras.Model, *, tolerance: float = 0.1, step_grey: float = 1.0, steps: int = 500) -> None:
        """Take the model and the parameters of the algorithm.

        Args:
            model: has a layer named `logit`, as every registered model.
            tolerance: distance of features at which an image has reached its target, τ in the algorithm.
            step_grey: largest change of a pixel in a step, in grey values of 0..255; α in the algorithm.
            steps: maximum number of steps.
        """
        self._model = deep_features(model)
        self._tolerance, self._step_grey, self._steps = tolerance, step_grey, steps

    @cached_property
    def _compiled(self) -> Callable[..., tuple[tf.Tensor, ...]]:
        """One graph for batches of any size; a concrete function for the reason given in `activations`."""
        specifications = [tf.TensorSpec((None, *self._model.inputs[0].shape[1:])), tf.TensorSpec((None, self.feature_size))]
        return tf.function(self._approach, input_signature=specifications).get_concrete_function()

    @property
    def feature_size(self) -> int:
        """Number of components of a deep feature."""
        return int(self._model.outputs[0].shape[1])

    def synthesize(self, images: npt.NDArray[Any], target: npt.ArrayLike = 0.0) -> tuple[Pixels, npt.NDArray[np.float32]]:
        """Change images until their features are the target's (Weber 2023, algorithm 1).

        Args:
            images: (N, H, W, 1), grey values in 0..255.
            target: feature, (feature_size,) for all images or (N, feature_size). At zero, the default, the logit is its bias.

        Returns:
            Images (N, H, W, 1), in 0..255, and their Euclidean distances to the target's feature at the last gradient, (N,).
        """
        targets = np.broadcast_to(np.asarray(target, np.float32), (len(images), self.feature_size))
        inputs = (np.asarray(images, np.float32), targets)
        batches = [
            self._compiled(*(tf.constant(array[start : start + BATCH_SIZE]) for array in inputs))
            for start in range(0, len(images), BATCH_SIZE)
        ]
        synthesized, distances = (np.concatenate([part.numpy() for part in parts]) for parts in zip(*batches, strict=True))
        return synthesized, distances

    def maps(self, images: npt.NDArray[Any], target: npt.ArrayLike = 0.0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Return the `perturbation_maps` of synthesized images, (N, H, W), and which images reached the target, (N,)."""
        synthesized, distances = self.synthesize(images, target)
        return perturbation_maps(np.asarray(images, np.float32), synthesized), distances <= self._tolerance

    def _approach(self, images: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Take steps until every image has stopped; only those that have not pass through the network."""
        count = tf.shape(images)[0]

        def any_active(step: tf.Tensor, active: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
            return (step < self._steps) & (tf.size(active) > 0)

        def advance(step: tf.Tensor, active: tf.Tensor, current: tf.Tensor, distances: tf.Tensor) -> tuple[tf.Tensor, ...]:
            pixels = tf.gather(current, active)
            distance, gradient = self._distance_and_gradient(pixels, tf.gather(targets, active))
            peak = tf.reduce_max(tf.abs(gradient), axis=(1, 2, 3))
            distances = tf.tensor_scatter_nd_update(distances, active[:, None], distance)
            # A gradient of zeros, as of an image that activates no unit, never changes anything.
            moving = (distance > self._tolerance) & (peak > 0)
            active, pixels, gradient, peak = (tf.boolean_mask(tensor, moving) for tensor in (active, pixels, gradient, peak))
            changed = tf.clip_by_value(pixels - gradient * (self._step_grey / peak)[:, None, None, None], 0, WHITE)
            current = tf.tensor_scatter_nd_update(current, active[:, None], changed)
            return step + 1, active, current, distances

        start = (0, tf.range(count), images, tf.zeros(count))
        shapes = (tf.TensorShape([]), tf.TensorShape([None]), images.shape, tf.TensorShape([None]))
        return tuple(tf.while_loop(any_active, advance, start, shape_invariants=shapes)[2:])

    def _distance_and_gradient(self, pixels: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return each image's distance to its target, and the gradient of half its square (Weber 2023, equations 3.1 and 3.2)."""
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            difference = targets - tf.cast(self._model(pixels, training=False), tf.float32)
            # Each term of the sum depends on its own image alone, so its gradient holds those of all images.
            loss = tf.reduce_sum(difference**2) / 2
        return tf.norm(difference, axis=1), tape.gradient(loss, pixels)


def deep_features(model: keras.Model) -> keras.Model:
    """Return a model of the input of the logit layer, (N, feature_size); for an ensemble, its members' inputs concatenated."""
    extractors = [keras.Model(member.inputs[0], member.get_layer("logit").input) for member in members(model)]
    if len(extractors) == 1:
        return extractors[0]
    images = keras.Input(model.inputs[0].shape[1:])
    return keras.Model(images, keras.layers.Concatenate()([extractor(images) for extractor in extractors]))


def perturbation_maps(before: Pixels, after: Pixels) -> npt.NDArray[np.float32]:
    """Return how much each pixel changed, scaled to 0..1, blurred, and scaled again (Weber 2023, algorithm 2).

    Args:
        before: (N, H, W, 1), as `after`.

    Returns:
        (N, H, W), values in 0..1; zero everywhere if nothing changed.
    """
    # An odd side, so that the kernel has a centre.
    kernel_px = 2 * round(KERNEL_SHARE * before.shape[1] / 2 - 0.5) + 1
    # The standard deviation that OpenCV and torchvision derive from the side of a kernel.
    deviation_px = 0.3 * ((kernel_px - 1) / 2 - 1) + 0.8
    changes = _min_max_scaled(np.abs(after - before)[..., 0])
    return _min_max_scaled(gaussian_filter(changes, deviation_px, mode="mirror", radius=kernel_px // 2, axes=(1, 2)))


def _min_max_scaled(maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scale each map from its minimum at 0 to its maximum at 1; a constant map becomes zero."""
    minimum, span = maps.min(axis=(1, 2), keepdims=True), np.ptp(maps, axis=(1, 2), keepdims=True)
    return np.divide(maps - minimum, span, out=np.zeros_like(maps), where=span > 0)
