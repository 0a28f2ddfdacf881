"""Benchmark of explaining a batch: this package, a forward pass, and loops over single images.

Networks have random weights, which take the same time as trained ones, and compute in float32, which every machine supports.
"""

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pneumo.bench.measure import Cost
from pneumo.config import Backbone, Fit, ResidualCnn
from pneumo.explain.activations import ActivationModel
from pneumo.explain.cam import Maps, MethodName, class_activation_maps, labels
from pneumo.explain.lots import Lots, perturbation_maps
from pneumo.figures.heatmap import scale_to_maximum
from pneumo.nets import backbone, build_network
from pneumo.training.precision import prepare

SINGLE_PASS: tuple[MethodName, ...] = ("grad-cam", "grad-cam++", "layer-cam", "hires-cam", "random-cam")
MEASURED_TURNS = 3
_FLOAT32 = Fit(precision="float32")

Images = npt.NDArray[np.uint8]


def our_maps(network: Backbone, images: Images) -> tuple[Cost, Cost, Cost, Maps]:
    """Measure the cost of explaining a batch for the class predicted for each image.

    The three alternate in one process, so that other load on the machine affects all of them equally.

    Args:
        images: (N, H, W, 1), grey values in 0..255.

    Returns:
        The costs of one forward pass, of Grad-CAM, and of all single-pass methods together; and the maps of Grad-CAM, each divided
        by its maximum.
    """
    model = ActivationModel(_build(network, images))
    target = labels(model.logits(images) > 0)
    class_activation_maps(model, images, target, SINGLE_PASS)
    forward, grad_cam, together = Cost(), Cost(), Cost()
    for _ in range(MEASURED_TURNS):
        with forward.counting():
            model.logits(images)
        with grad_cam.counting():
            maps = class_activation_maps(model, images, target)["grad-cam"]
        with together.counting():
            class_activation_maps(model, images, target, SINGLE_PASS)
    scaled = np.stack([scale_to_maximum(values) for values in maps])
    return forward.per(MEASURED_TURNS), grad_cam.per(MEASURED_TURNS), together.per(MEASURED_TURNS), scaled


def keras_io_maps(network: Backbone, images: Images) -> tuple[Cost, Maps]:
    """Measure Grad-CAM as in the example of keras.io, image by image, but at the logit; arguments and maps as in `our_maps`."""
    model = _build(network, images)
    _keras_io_map(model, images[:1])
    with Cost().counting() as cost:
        maps = np.stack([_keras_io_map(model, images[number : number + 1]) for number in range(len(images))])
    return cost, maps


def our_lots(network: ResidualCnn, images: Images, steps: int) -> tuple[Cost, Maps]:
    """Measure LOTS of a batch towards the zero feature; arguments as in `our_maps`."""
    lots = Lots(_build(network, images), steps=steps)
    lots.maps(images)
    with Cost().counting() as cost:
        maps, _ = lots.maps(images)
    return cost, maps


def eager_lots(network: ResidualCnn, images: Images, steps: int) -> tuple[Cost, Maps]:
    """Measure LOTS as the algorithm is written, image by image, without compilation; arguments as in `our_maps`."""
    model = _build(network, images)
    features = keras.Model(model.inputs[0], model.get_layer("features").output)
    _eager_lots_map(features, images[:1], steps=1)
    with Cost().counting() as cost:
        maps = np.concatenate([_eager_lots_map(features, images[number : number + 1], steps) for number in range(len(images))])
    return cost, maps


def _keras_io_map(model: keras.Model, image: Images) -> Maps:
    """`make_gradcam_heatmap` of https://keras.io/examples/vision/grad_cam/, where the magnitude of the logit is the class score."""
    last_activation, logit = model.get_layer(backbone.FEATURES).input, model.get_layer("logit").output
    grad_model = keras.Model(model.inputs[0], [last_activation, logit])
    with tf.GradientTape() as tape:
        # The network of the example is not frozen; otherwise the tape records nothing of a frozen one.
        tape.watch(pixels := tf.constant(image, tf.float32))
        activations, score = grad_model(pixels)
        class_channel = tf.abs(score[:, 0])
    weights = tf.reduce_mean(tape.gradient(class_channel, activations), axis=(0, 1, 2))
    heatmap = tf.maximum(tf.squeeze(activations[0] @ weights[:, None]), 0)
    return tf.math.divide_no_nan(heatmap, tf.reduce_max(heatmap)).numpy()


def _eager_lots_map(features: keras.Model, image: Images, steps: int) -> Maps:
    """Algorithms 1 and 2 of Weber (2023), with the default tolerance and step of `Lots`."""
    current = before = tf.constant(image, tf.float32)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(current)
            feature = features(current, training=False)
            loss = tf.reduce_sum(feature**2) / 2
        if tf.norm(feature) <= 0.1:  # noqa: PLR2004 - a constant of the algorithm
            break
        gradient = tape.gradient(loss, current)
        current = tf.clip_by_value(current - gradient / tf.reduce_max(tf.abs(gradient)), 0, 255)
    return perturbation_maps(before.numpy(), current.numpy())


def _build(network: Backbone | ResidualCnn, images: Images) -> keras.Model:
    prepare(_FLOAT32)
    return build_network(network, images.shape[1], _FLOAT32.seed)
