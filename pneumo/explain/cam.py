"""Where a network looked: the family of class activation maps.

One unit explains PNEUMONIA; NORMAL is the negated logit. Gradients are taken at the logit, never at the probability: a confident
sigmoid is flat, and would blank exactly the mistakes one wants to see.

Every method is a function of a layer's activations and of gradients, both (N, h, w, c). What it leaves is never negative: all zeros
where nothing argues for the class.
"""

import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pneumo.explain.activations import BATCH_SIZE, ExplainableModel, Label, as_float32

MethodName = Literal["grad-cam", "grad-cam++", "smooth-grad-cam++", "layer-cam", "hires-cam", "random-cam"]
Maps = npt.NDArray[np.float32]

NOISY_COPIES = 8
"""Smooth-GradCAM++: copies of the image with noise of their own."""
NOISE = 0.1
"""Smooth-GradCAM++: standard deviation of that noise, as a share of the image's range of grey values (as Smilkov et al. 2017)."""


def grad_cam(activations: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """Channels weighed by their mean gradient (Selvaraju et al. 2017, equations 1 and 2)."""
    return _weighed(activations, tf.reduce_mean(gradients, axis=(1, 2), keepdims=True))


def grad_cam_plus_plus(activations: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """Channels weighed by positive gradients, each by its own share (Chattopadhay et al. 2018, equations 7 and 19).

    The class score is the exponential of the logit, as there, so that powers of the first gradient stand for the higher ones.
    """
    return _plus_plus(activations, gradients, gradients**2, gradients**3)


def smooth_grad_cam_plus_plus(activations: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """Grad-CAM++ with each power of the gradient averaged over noisy copies of the image (Omeiza et al. 2019).

    Args:
        gradients: (copies, N, h, w, c).
    """
    return _plus_plus(activations, *(tf.reduce_mean(gradients**power, axis=0) for power in (1, 2, 3)))


def layer_cam(activations: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """Every activation weighed by its own gradient where that is positive (Jiang et al. 2021, equations 5 to 7)."""
    return tf.nn.relu(tf.reduce_sum(tf.nn.relu(gradients) * activations, axis=-1))


def hires_cam(activations: tf.Tensor, gradients: tf.Tensor) -> tf.Tensor:
    """Every activation weighed by its own gradient (Draelos & Carin 2020, equation 2)."""
    return tf.nn.relu(tf.reduce_sum(gradients * activations, axis=-1))


class Method(NamedTuple):
    """A way to draw a map: the function, and which gradients it is given."""

    combine: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    gradients: Literal["of the image", "of noisy copies", "random"] = "of the image"


METHODS: dict[MethodName, Method] = {
    "grad-cam": Method(grad_cam),
    "grad-cam++": Method(grad_cam_plus_plus),
    "smooth-grad-cam++": Method(smooth_grad_cam_plus_plus, "of noisy copies"),
    "layer-cam": Method(layer_cam),
    "hires-cam": Method(hires_cam),
    # What any method has to beat: Grad-CAM whose weights are drawn from -1..1 and know nothing of the class.
    "random-cam": Method(grad_cam, "random"),
}


def class_activation_maps(
    explained: ExplainableModel,
    images: npt.NDArray[Any],
    target: Label | Sequence[Label],
    methods: Iterable[MethodName] = ("grad-cam",),
    *,
    seed: int = 0,
) -> dict[MethodName, Maps]:
    """Where each image argues for a class, by each method; all but Smooth-GradCAM++ share one forward pass and one gradient.

    An ensemble's map is the mean of its members' maps, each at its own layer and of its own logit; were their layers of different
    resolutions, of these maps at the finest of them.

    Args:
        images: (N, H, W, 1), grey values in 0..255.
        target: the class of all images, or each image's own (see `labels`).
        seed: of noise and random weights; these also depend on the image, but not on its batch.

    Returns:
        (N, h, w) by method, at the layer's own resolution, not negative; all zeros where nothing argues for the class.
    """
    methods, signs = list(methods), signs_of(target, len(images))[:, None]
    batches = [
        _maps_of_batch(explained, as_float32(images[start : start + BATCH_SIZE]), signs[start : start + BATCH_SIZE], methods, seed)
        for start in range(0, len(images), BATCH_SIZE)
    ]
    return {method: np.concatenate([batch[method] for batch in batches]) for method in methods}


def labels(is_pneumonia: npt.ArrayLike) -> list[Label]:
    """Classes by name: the predicted ones of `y_score >= threshold`, the true ones of `y_true`."""
    return ["PNEUMONIA" if one else "NORMAL" for one in np.asarray(is_pneumonia)]


def signs_of(target: Label | Sequence[Label], images: int) -> npt.NDArray[np.float32]:
    """What the logit of PNEUMONIA is multiplied by to be that of each image's class, (N,)."""
    return np.broadcast_to(np.where(np.asarray(target) == "PNEUMONIA", 1, -1).astype(np.float32), images)


def resize_maps(maps: Maps, height_px: int, width_px: int) -> Maps:
    """Bring maps (N, h, w) to the size of their images, bilinearly between the centres of cells: the one way used everywhere."""
    resized: Maps = tf.image.resize(maps[..., None], (height_px, width_px), method="bilinear")[..., 0].numpy()
    return resized


def _maps_of_batch(
    explained: ExplainableModel,
    images: npt.NDArray[np.float32],
    signs: npt.NDArray[np.float32],
    methods: list[MethodName],
    seed: int,
) -> dict[MethodName, Maps]:
    evidence = explained.evidence(images, signs)
    wanted = {METHODS[method].gradients for method in methods}
    gradients = {"of the image": [of_image for _, of_image in evidence]}
    if "of noisy copies" in wanted:
        gradients["of noisy copies"] = _gradients_of_noisy_copies(explained, images, signs, seed)
    if "random" in wanted:
        gradients["random"] = [
            _random_weights(images, activations.shape[-1], (seed, member)) for member, (activations, _) in enumerate(evidence)
        ]
    maps = {}
    for method in methods:
        combine, kind = METHODS[method]
        by_member = zip(evidence, gradients[kind], strict=True)
        maps[method] = _mean([combine(activations, of_member).numpy() for (activations, _), of_member in by_member])
    return maps


def _gradients_of_noisy_copies(
    explained: ExplainableModel, images: npt.NDArray[np.float32], signs: npt.NDArray[np.float32], seed: int
) -> list[tf.Tensor]:
    """Each member's gradients of each noisy copy, (copies, N, h, w, c)."""
    deviation = NOISE * np.ptp(images, axis=(1, 2, 3), keepdims=True)
    noise = np.random.default_rng(seed).standard_normal((NOISY_COPIES, *images.shape[1:]), np.float32)
    copies = [explained.evidence(images + deviation * one, signs) for one in noise]
    return [tf.stack([gradients for _, gradients in of_member]) for of_member in zip(*copies, strict=True)]


def _random_weights(images: npt.NDArray[np.float32], channels: int, seed: tuple[int, ...]) -> tf.Tensor:
    """Uniform in -1..1, (N, 1, 1, c), drawn anew for every image: the same image has the same, whatever it is batched with."""
    drawn = [np.random.default_rng([*seed, zlib.crc32(image.tobytes())]).uniform(-1, 1, (1, 1, channels)) for image in images]
    return tf.constant(np.stack(drawn), tf.float32)


def _mean(by_member: list[Maps]) -> Maps:
    height, width = (max(maps.shape[axis] for maps in by_member) for axis in (1, 2))
    return np.mean([maps if maps.shape[1:] == (height, width) else resize_maps(maps, height, width) for maps in by_member], axis=0)


def _plus_plus(activations: tf.Tensor, first: tf.Tensor, second: tf.Tensor, third: tf.Tensor) -> tf.Tensor:
    """Map from the first three derivatives of the class score.

    Only positive first derivatives have a weight. After a ReLU the denominator is positive there; where it is not, as it can be at
    other layers, the share is zero instead of a quotient without meaning.
    """
    denominator = 2 * second + tf.reduce_sum(activations, axis=(1, 2), keepdims=True) * third
    defined = (first > 0) & (denominator > 0)
    shares = tf.where(defined, second / tf.where(defined, denominator, 1.0), 0.0)
    return _weighed(activations, tf.reduce_sum(shares * tf.nn.relu(first), axis=(1, 2), keepdims=True))


def _weighed(activations: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(tf.reduce_sum(weights * activations, axis=-1))
