"""Explaining a batch: ours, one forward pass of it, and the obvious loops over single images.

Networks are of random weights, which take the time of trained ones, and in float32, which every machine computes in.
"""

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pneumo.bench.measure import Cost
from pneumo.config import Backbone, Fit, ResidualCnn
from pneumo.explain.activations import as_float32, explainable
from pneumo.explain.cam import Maps, MethodName, class_activation_maps, labels
from pneumo.explain.lots import Lots, perturbation_maps
from pneumo.figures.heatmap import as_share_of_maximum
from pneumo.nets import backbone, residual
from pneumo.training.precision import prepare

SINGLE_PASS: tuple[MethodName, ...] = ("grad-cam", "grad-cam++", "layer-cam", "hires-cam", "random-cam")
MEASURED_TURNS = 3
_FLOAT32 = Fit(precision="float32")

Images = npt.NDArray[np.uint8]


def our_maps(network: Backbone, images: Images) -> tuple[Cost, Cost, Cost, Maps]:
    """Measure what explaining a batch costs, for the class that each image is predicted to be.

    The three take turns in one process, so that all have the same luck with the machine.

    Args:
        images: (N, H, W, 1), grey values in 0..255.

    Returns:
        The costs of one forward pass, of Grad-CAM and of all single-pass methods together; and the maps of Grad-CAM, each as a
        share of its maximum.
    """
    explained = explainable(_backbone(network, images))
    target = labels(explained.logits(images) > 0)
    class_activation_maps(explained, images, target, SINGLE_PASS)
    forward, grad_cam, together = Cost(), Cost(), Cost()
    for _ in range(MEASURED_TURNS):
        with forward.counting():
            explained.logits(images)
        with grad_cam.counting():
            maps = class_activation_maps(explained, images, target)["grad-cam"]
        with together.counting():
            class_activation_maps(explained, images, target, SINGLE_PASS)
    scaled = np.stack([as_share_of_maximum(one) for one in maps])
    return forward.per(MEASURED_TURNS), grad_cam.per(MEASURED_TURNS), together.per(MEASURED_TURNS), scaled


def keras_io_maps(network: Backbone, images: Images) -> tuple[Cost, Maps]:
    """Measure Grad-CAM as the example of keras.io shows it, image by image, but at the logit.

    Args and what is returned: as above.
    """
    model = _backbone(network, images)
    _keras_io_map(model, images[:1])
    cost = Cost()
    with cost.counting():
        maps = np.stack([_keras_io_map(model, images[number : number + 1]) for number in range(len(images))])
    return cost, maps


def our_lots(network: ResidualCnn, images: Images, steps: int) -> tuple[Cost, Maps]:
    """Measure LOTS of a batch, towards the zero target.

    Args and what is returned: as above.
    """
    lots = Lots(_residual(network, images), steps=steps)
    lots.maps(images, lots.zero_target())
    cost = Cost()
    with cost.counting():
        maps = lots.maps(images, lots.zero_target())
    return cost, maps


def eager_lots(network: ResidualCnn, images: Images, steps: int) -> tuple[Cost, Maps]:
    """Measure the algorithm as it is written, image by image.

    Args and what is returned: as above.
    """
    model = _residual(network, images)
    features = keras.Model(model.inputs[0], model.get_layer("features").output)
    _eager_lots_map(features, images[:1], steps=1)
    cost = Cost()
    with cost.counting():
        maps = np.concatenate([_eager_lots_map(features, images[number : number + 1], steps) for number in range(len(images))])
    return cost, maps


def _keras_io_map(model: keras.Model, image: Images) -> Maps:
    """`make_gradcam_heatmap` of https://keras.io/examples/vision/grad_cam/; of one logit the predicted class's is its magnitude."""
    last_activation, logit = model.get_layer(backbone.FEATURES).input, model.get_layer("logit").output
    grad_model = keras.Model(model.inputs[0], [last_activation, logit])
    with tf.GradientTape() as tape:
        # The example's network is not frozen; without this a frozen one leaves nothing on the tape.
        tape.watch(pixels := tf.constant(as_float32(image)))
        activations, score = grad_model(pixels)
        class_channel = tf.abs(score[:, 0])
    weights = tf.reduce_mean(tape.gradient(class_channel, activations), axis=(0, 1, 2))
    heatmap = tf.maximum(tf.squeeze(activations[0] @ weights[:, None]), 0)
    scaled: Maps = tf.math.divide_no_nan(heatmap, tf.reduce_max(heatmap)).numpy()
    return scaled


def _eager_lots_map(features: keras.Model, image: Images, steps: int) -> Maps:
    """Algorithms 1 and 2 of 004, with the tolerance and the step that `Lots` has unless told."""
    current = before = tf.constant(as_float32(image))
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(current)
            feature = features(current, training=False)
            loss = tf.reduce_sum(feature**2) / 2
        if tf.norm(feature) <= 0.1:  # noqa: PLR2004 - the algorithm's own
            break
        gradient = tape.gradient(loss, current)
        current = tf.clip_by_value(current - gradient / tf.reduce_max(tf.abs(gradient)), 0, 255)
    return perturbation_maps(before.numpy(), current.numpy())


def _backbone(network: Backbone, images: Images) -> keras.Model:
    prepare(_FLOAT32)
    return backbone.build(network, images.shape[1])


def _residual(network: ResidualCnn, images: Images) -> keras.Model:
    prepare(_FLOAT32)
    return residual.build(network, images.shape[1])
