"""What each layer of a network makes of one radiograph: kernels, activations and Grad-CAM (003, section 9)."""

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pneumo.explain.activations import CONVOLUTIONS, Label, activation_model, as_float32, flat_layers, members, spatial_layers
from pneumo.explain.cam import grad_cam, signs_of

LAYERS = 12
"""Layers that are looked into at most; ResNet50 has 49 convolutional activations."""
CHANNELS = 8
"""Channels of a layer that are looked at: its strongest."""

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """What one layer makes of a radiograph.

    Attributes:
        channels: that the layer has.
        strongest: numbers of those with the greatest mean magnitude, the greatest first, (k,).
        activations: theirs, (k, h, w); not negative after a ReLU.
        grad_cam: (h, w), not negative; all zeros where nothing here argues for the class.
    """

    name: str
    channels: int
    strongest: npt.NDArray[np.intp]
    activations: Values
    grad_cam: Values


@dataclass(frozen=True)
class Inspection:
    """A network on one radiograph, from the first convolution to the last activation.

    Attributes:
        pixels: the radiograph as the network is given it, (H, W), grey values in 0..255.
        target: the class that Grad-CAM argues for.
        networks: that the model is an ensemble of; the first of them is what is inspected. 1: no ensemble.
        kernel_layer: name of the first convolution.
        kernels: its weights, (k, height, width). Before a backbone a radiograph is three equal channels: their weights are summed.
        layers: from the first to the last, evenly chosen where the network has more than `LAYERS`.
        layers_in_all: convolutional activations that the network has.
    """

    pixels: npt.NDArray[np.uint8]
    target: Label
    networks: int
    kernel_layer: str
    kernels: Values
    layers: tuple[Layer, ...]
    layers_in_all: int


def inspect(model: keras.Model, pixels: npt.NDArray[np.uint8], target: Label) -> Inspection:
    """Look into a network, or into the first member of an ensemble, while it looks at one radiograph: in one pass for all layers.

    Args:
        model: has a layer named `logit`, as every model that is registered.
        pixels: (H, W), of the side that the model takes, grey values in 0..255.

    Raises:
        UserError: the model has no convolutional layer.
    """
    networks = members(model)
    network = networks[0]
    found = _activation_layers(network)
    chosen = [found[index] for index in np.linspace(0, len(found) - 1, min(LAYERS, len(found))).round().astype(int)]
    evidence = _evidence(activation_model(network, chosen), as_float32(pixels[None, ..., None]), target)
    first = next(one for one in flat_layers(network) if isinstance(one, CONVOLUTIONS))
    return Inspection(
        pixels=pixels,
        target=target,
        networks=len(networks),
        kernel_layer=first.name,
        kernels=np.moveaxis(first.get_weights()[0].sum(axis=2), -1, 0),
        layers=tuple(_looked_at(layer.name, *those) for layer, those in zip(chosen, evidence, strict=True)),
        layers_in_all=len(found),
    )


def _activation_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """Find where each convolution's result is what later layers go by: after the activation function, not before or between.

    The last convolutional layer is always there, since heatmaps are drawn of it.
    """
    *before, last = spatial_layers(network)
    return [*(one for one in before if _is_activation(one)), last]


def _is_activation(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, (keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.PReLU, keras.layers.ELU)):
        return True
    return getattr(layer, "activation", keras.activations.linear) is not keras.activations.linear


def _evidence(opened: keras.Model, image: Values, target: Label) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Each layer's activations, and the gradient of the class's logit with respect to them, (1, h, w, c) each."""
    tensor = tf.constant(image)
    with tf.GradientTape() as tape:
        # Without this a model whose weights are all frozen leaves nothing on the tape.
        tape.watch(tensor)
        *activations, logit = opened(tensor, training=False)
        score = signs_of(target, 1) * logit
    gradients = tape.gradient(score, activations)
    return [(tf.cast(one, tf.float32), tf.cast(of_it, tf.float32)) for one, of_it in zip(activations, gradients, strict=True)]


def _looked_at(name: str, activations: tf.Tensor, gradients: tf.Tensor) -> Layer:
    channels: Values = np.moveaxis(activations.numpy()[0], -1, 0)
    strongest = np.argsort(-np.abs(channels).mean(axis=(1, 2)), kind="stable")[:CHANNELS]
    return Layer(
        name=name,
        channels=len(channels),
        strongest=strongest,
        activations=channels[strongest],
        grad_cam=grad_cam(activations, gradients).numpy()[0],
    )
