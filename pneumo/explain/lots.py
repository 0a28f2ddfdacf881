"""What an image's deep feature rests on: layerwise origin-target synthesis (Rozsa et al. 2017), drawn as a map.

The image is changed, in small steps along the gradient, until its feature is the target's. What had to change is the map. With the
zero vector as target it asks for everything the network made something of; with a class's mean feature or one example's, for what
keeps the image from being like these.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.ndimage import gaussian_filter

from pneumo.explain.activations import BATCH_SIZE, as_float32, members

Vectors = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.float32]

WHITE = 255.0
BLUR_SHARE = 49 / 224
"""Side of the blur's square kernel, as a share of the image's: 49 of 224 px in the study that made maps of LOTS."""


class Synthesis(NamedTuple):
    """Images on their way to a target.

    Attributes:
        images: (N, H, W, 1), grey values in 0..255.
        steps: (N,), that were taken.
        distances: (N,), Euclidean, to the target's feature: where the last gradient was taken, or where the image stopped.
    """

    images: Pixels
    steps: npt.NDArray[np.int32]
    distances: npt.NDArray[np.float32]


class Lots:
    """LOTS for one model: an image stops by itself while the rest of its batch goes on."""

    def __init__(self, model: keras.Model, *, tolerance: float = 0.1, step_grey: float = 1.0, steps: int = 500) -> None:
        """Say how a target is approached.

        Args:
            model: has a layer named `logit`, as every model that is registered.
            tolerance: the distance of features that is near enough, τ in the algorithm.
            step_grey: what the pixel that changes most changes by in a step, in grey values of 0..255; α in the algorithm.
            steps: taken at most.
        """
        self._model = deep_features(model)
        self._tolerance, self._step_grey, self._steps = tolerance, step_grey, steps

    @cached_property
    def _compiled(self) -> Callable[..., tuple[tf.Tensor, ...]]:
        """One graph for batches of any size; concrete for the reason given in `opening`."""
        specifications = [tf.TensorSpec((None, *self._model.inputs[0].shape[1:])), tf.TensorSpec((None, self.width))]
        return tf.function(self._approach, input_signature=specifications).get_concrete_function()

    @property
    def width(self) -> int:
        """Components of a deep feature."""
        return int(self._model.outputs[0].shape[1])

    def features(self, images: npt.NDArray[Any]) -> Vectors:
        """Deep features of images (N, H, W, 1), (N, width): an example's is a target, and so is the mean of a class's."""
        batches = (images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE))
        return np.concatenate([np.asarray(self._model(as_float32(batch), training=False), np.float32) for batch in batches])

    def zero_target(self) -> Vectors:
        """The feature in which the network sees nothing: the logit that it gives is its bias."""
        return np.zeros(self.width, np.float32)

    def synthesise(self, images: npt.NDArray[Any], target: Vectors) -> Synthesis:
        """Bring each image's feature to the target's (004, algorithm 1).

        Args:
            images: (N, H, W, 1), grey values in 0..255.
            target: (width,) for all images, or (N, width).
        """
        targets = np.broadcast_to(as_float32(target), (len(images), self.width))
        batches = [
            self._compiled(*(tf.constant(each[start : start + BATCH_SIZE]) for each in (as_float32(images), targets)))
            for start in range(0, len(images), BATCH_SIZE)
        ]
        return Synthesis(*(np.concatenate([one.numpy() for one in parts]) for parts in zip(*batches, strict=True)))

    def maps(
        self, images: npt.NDArray[Any], target: Vectors, *, blur_px: int | None = None, threshold: float = 0.0
    ) -> npt.NDArray[np.float32]:
        """Draw what had to change, as `perturbation_maps` does."""
        return perturbation_maps(as_float32(images), self.synthesise(images, target).images, blur_px=blur_px, threshold=threshold)

    def _approach(self, images: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Take steps while any image is under way; only those that are pass through the network."""
        count = tf.shape(images)[0]

        def under_way(step: tf.Tensor, moving: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
            return (step < self._steps) & (tf.size(moving) > 0)

        def advance(
            step: tf.Tensor, moving: tf.Tensor, current: tf.Tensor, taken: tf.Tensor, distances: tf.Tensor
        ) -> tuple[tf.Tensor, ...]:
            pixels = tf.gather(current, moving)
            distance, gradient = self._distance_and_gradient(pixels, tf.gather(targets, moving))
            peak = tf.reduce_max(tf.abs(gradient), axis=(1, 2, 3))
            distances = tf.tensor_scatter_nd_update(distances, moving[:, None], distance)
            # A gradient of zeros, as of an image that stirs no unit, would change nothing however often it is taken.
            going_on = (distance > self._tolerance) & (peak > 0)
            moving, pixels, gradient, peak = (tf.boolean_mask(one, going_on) for one in (moving, pixels, gradient, peak))
            changed = tf.clip_by_value(pixels - gradient * (self._step_grey / peak)[:, None, None, None], 0, WHITE)
            current = tf.tensor_scatter_nd_update(current, moving[:, None], changed)
            taken = tf.tensor_scatter_nd_add(taken, moving[:, None], tf.ones_like(moving))
            return step + 1, moving, current, taken, distances

        start = (0, tf.range(count), images, tf.zeros(count, tf.int32), tf.zeros(count))
        shapes = (tf.TensorShape([]), tf.TensorShape([None]), images.shape, tf.TensorShape([None]), tf.TensorShape([None]))
        return tuple(tf.while_loop(under_way, advance, start, shape_invariants=shapes)[2:])

    def _distance_and_gradient(self, pixels: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Distance of each image's feature to its target, and the gradient of half its square (004, equations 3.1 and 3.2)."""
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            difference = targets - tf.cast(self._model(pixels, training=False), tf.float32)
            # Each image's own term alone depends on it, so the sum's gradient holds every image's.
            loss = tf.reduce_sum(difference**2) / 2
        return tf.norm(difference, axis=1), tape.gradient(loss, pixels)


def deep_features(model: keras.Model) -> keras.Model:
    """From (N, H, W, 1) to what the logit is a weighed sum of, (N, width); of an ensemble, its members' features side by side."""
    extractors = [keras.Model(member.inputs[0], member.get_layer("logit").input) for member in members(model)]
    if len(extractors) == 1:
        return extractors[0]
    images = keras.Input(model.inputs[0].shape[1:])
    return keras.Model(images, keras.layers.Concatenate()([extractor(images) for extractor in extractors]))


def perturbation_maps(
    before: Pixels, after: Pixels, *, blur_px: int | None = None, threshold: float = 0.0
) -> npt.NDArray[np.float32]:
    """How much each pixel changed, scaled to 0..1, blurred, and scaled again (004, algorithm 2).

    Args:
        before: (N, H, W, 1), as `after`.
        blur_px: side of the Gaussian's square kernel, odd; none: in proportion to the image, see BLUR_SHARE.
        threshold: what is weaker in the end becomes zero (004, section 6.2).

    Returns:
        (N, H, W), values in 0..1; all zeros where nothing changed.

    Raises:
        ValueError: the kernel has no centre.
    """
    if blur_px is None:
        blur_px = 2 * round(BLUR_SHARE * before.shape[1] / 2 - 0.5) + 1
    if blur_px < 1 or blur_px % 2 == 0:
        raise ValueError(f"a kernel of {blur_px} px has no centre: blur_px is odd")
    # The width that goes with a kernel's side in OpenCV and torchvision.
    deviation_px = 0.3 * ((blur_px - 1) / 2 - 1) + 0.8
    changes = _scaled(np.abs(after - before)[..., 0])
    maps = _scaled(gaussian_filter(changes, deviation_px, mode="mirror", radius=blur_px // 2, axes=(1, 2)))
    return np.where(maps < threshold, np.float32(0), maps)


def _scaled(maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scale each map from its least value at 0 to its greatest at 1; a constant one becomes zero."""
    least, span = maps.min(axis=(1, 2), keepdims=True), np.ptp(maps, axis=(1, 2), keepdims=True)
    return np.divide(maps - least, span, out=np.zeros_like(maps), where=span > 0)
