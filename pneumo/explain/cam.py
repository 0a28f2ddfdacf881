"""Class activation maps: Grad-CAM, Grad-CAM++, Smooth-GradCAM++, Layer-CAM, HiRes-CAM and Random-CAM.

One unit explains PNEUMONIA; NORMAL is explained by the negated logit. Gradients are taken at the logit, never at the probability:
the sigmoid of a confident prediction is flat, and maps of confident mistakes would vanish.

A method is a function of a layer's activations and of gradients, both (N, h, w, c). Maps are never negative: zero everywhere where
nothing is evidence of the class.
"""

import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pneumo.explain.activations import BATCH_SIZE, ActivationModel, Label

MethodName = Literal["grad-cam", "grad-cam++", "smooth-grad-cam++", "layer-cam", "hires-cam", "random-cam"]
Maps = npt.NDArray[np.float32]

NOISY_COPIES = 8
"""Smooth-GradCAM++: noisy copies of the image."""
NOISE = 0.1
"""Smooth-GradCAM++: standard deviation of the noise, as a fraction of the image's range of grey values (as Smilkov et al. 2017)."""


def grad_cam(activations: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """Grad-CAM: channels weighted by their mean gradient (Selvaraju et al. 2017, equations 1 and 2)."""
    return _weighted_sum(activations, tf.reduce_mean(gradients, axis=(1, 2), keepdims=True))


def grad_cam_plus_plus(activations: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """Grad-CAM++: channels weighted by a weighted sum of their positive gradients (Chattopadhay et al. 2018, equations 7 and 19).

    The class score is the exponential of the logit, as in the paper, so that higher derivatives are powers of the first.
    """
    return _plus_plus(activations, gradients, gradients**2, gradients**3)


def smooth_grad_cam_plus_plus(activations: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """Smooth-GradCAM++: each power of the gradient averaged over noisy copies of the image (Omeiza et al. 2019).

    Args:
        gradients: (copies, N, h, w, c).
    """
    return _plus_plus(activations, *(tf.reduce_mean(gradients**power, axis=0) for power in (1, 2, 3)))


def layer_cam(activations: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """Layer-CAM: each activation weighted by its own gradient where that is positive (Jiang et al. 2021, equations 5 to 7)."""
    return tf.nn.relu(tf.reduce_sum(tf.nn.relu(gradients) * activations, axis=-1))


def hires_cam(activations: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """HiRes-CAM: each activation weighted by its own gradient (Draelos & Carin 2020, equation 2)."""
    return tf.nn.relu(tf.reduce_sum(gradients * activations, axis=-1))


class Method(NamedTuple):
    """A CAM method: its function, and which gradients it takes."""

    combine: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    gradients: Literal["of the image", "of noisy copies", "random"] = "of the image"


METHODS: dict[MethodName, Method] = {
    "grad-cam": Method(grad_cam),
    "grad-cam++": Method(grad_cam_plus_plus),
    "smooth-grad-cam++": Method(smooth_grad_cam_plus_plus, "of noisy copies"),
    "layer-cam": Method(layer_cam),
    "hires-cam": Method(hires_cam),
    # Baseline: Grad-CAM with channel weights drawn from -1..1, whatever the class.
    "random-cam": Method(grad_cam, "random"),
}


def class_activation_maps(
    model: ActivationModel,
    images: npt.NDArray[Any],
    target: Label | Sequence[Label],
    methods: Iterable[MethodName] = ("grad-cam",),
    *,
    seed: int = 0,
) -> dict[MethodName, Maps]:
    """Return the maps of images by CAM methods; all but Smooth-GradCAM++ share one forward and one backward pass.

    The map of an ensemble is the mean of its members' maps, each at its own layer and of its own logit; where the layers differ in
    resolution, all are resized to the finest first.

    Args:
        images: (N, H, W, 1), grey values in 0..255.
        target: class that is explained, of all images or of each (see `labels`).
        seed: of noise and random weights; these also depend on the image, but not on its batch.

    Returns:
        (N, h, w) by method, at the layer's resolution, not negative.
    """
    methods, signs = list(methods), class_signs(target, len(images))[:, None]
    images = np.asarray(images, np.float32)
    batches = [
        _batch_maps(model, images[start : start + BATCH_SIZE], signs[start : start + BATCH_SIZE], methods, seed)
        for start in range(0, len(images), BATCH_SIZE)
    ]
    return {method: np.concatenate([batch[method] for batch in batches]) for method in methods}


def labels(is_pneumonia: npt.ArrayLike) -> list[Label]:
    """Return class names: the predicted ones of `y_score >= threshold`, the true ones of `y_true`."""
    return ["PNEUMONIA" if positive else "NORMAL" for positive in np.asarray(is_pneumonia)]


def class_signs(target: Label | Sequence[Label], images: int) -> npt.NDArray[np.float32]:
    """Return the factors that turn the logit of PNEUMONIA into that of each image's class, 1 or -1, (N,)."""
    return np.broadcast_to(np.where(np.asarray(target) == "PNEUMONIA", 1, -1).astype(np.float32), images)


def resize_maps(maps: Maps, height_px: int, width_px: int) -> Maps:
    """Resize maps (N, h, w) to their images, bilinearly between cell centres."""
    return tf.image.resize(maps[..., None], (height_px, width_px), method="bilinear")[..., 0].numpy()


def _batch_maps(
    model: ActivationModel,
    images: npt.NDArray[np.float32],
    signs: npt.NDArray[np.float32],
    methods: list[MethodName],
    seed: int,
) -> dict[MethodName, Maps]:
    pairs = model.activations_and_gradients(images, signs)
    needed = {METHODS[method].gradients for method in methods}
    gradients = {"of the image": [gradient for _, gradient in pairs]}
    if "of noisy copies" in needed:
        gradients["of noisy copies"] = _noisy_gradients(model, images, signs, seed)
    if "random" in needed:
        gradients["random"] = [
            _random_weights(images, activations.shape[-1], (seed, member)) for member, (activations, _) in enumerate(pairs)
        ]
    maps = {}
    for method in methods:
        combine, kind = METHODS[method]
        by_member = zip(pairs, gradients[kind], strict=True)
        maps[method] = _ensemble_mean([combine(activations, gradient).numpy() for (activations, _), gradient in by_member])
    return maps


def _noisy_gradients(
    model: ActivationModel, images: npt.NDArray[np.float32], signs: npt.NDArray[np.float32], seed: int
) -> list[tf.Tensor]:
    """Return each member's gradients for the noisy copies, (copies, N, h, w, c)."""
    deviation = NOISE * np.ptp(images, axis=(1, 2, 3), keepdims=True)
    noises = np.random.default_rng(seed).standard_normal((NOISY_COPIES, *images.shape[1:]), np.float32)
    copies = [model.activations_and_gradients(images + deviation * noise, signs) for noise in noises]
    return [tf.stack([gradients for _, gradients in by_copy]) for by_copy in zip(*copies, strict=True)]


def _random_weights(images: npt.NDArray[np.float32], channels: int, seed: tuple[int, ...]) -> tf.Tensor:
    """Draw channel weights uniformly from -1..1, (N, 1, 1, c): the same for the same image, whatever its batch."""
    weights = [np.random.default_rng([*seed, zlib.crc32(image.tobytes())]).uniform(-1, 1, (1, 1, channels)) for image in images]
    return tf.constant(np.stack(weights), tf.float32)


def _ensemble_mean(by_member: list[Maps]) -> Maps:
    height, width = (max(maps.shape[axis] for maps in by_member) for axis in (1, 2))
    return np.mean([maps if maps.shape[1:] == (height, width) else resize_maps(maps, height, width) for maps in by_member], axis=0)


def _plus_plus(activations: tf.Tensor, first: tf.Tensor, second: tf.Tensor, third: tf.Tensor) -> tf.Tensor:
    """Return the map of Grad-CAM++ from the first three derivatives of the class score.

    Only positive first derivatives have a weight. After a ReLU the denominator is positive there; where it is not, as can happen at
    other layers, the coefficient (alpha) is zero.
    """
    denominator = 2 * second + tf.reduce_sum(activations, axis=(1, 2), keepdims=True) * third
    defined = (first > 0) & (denominator > 0)
    alpha = tf.where(defined, second / tf.where(defined, denominator, 1.0), 0.0)
    return _weighted_sum(activations, tf.reduce_sum(alpha * tf.nn.relu(first), axis=(1, 2), keepdims=True))


def _weighted_sum(activations: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(tf.reduce_sum(weights * activations, axis=-1))
