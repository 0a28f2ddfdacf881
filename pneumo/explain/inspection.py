"""Inspection of a network's layers for one radiograph: kernels, activations and Grad-CAM (Pineschi 2024, section 9)."""

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pneumo.explain.activations import (
    CONVOLUTIONS,
    Label,
    activations_and_gradients,
    feature_map_layers,
    flat_layers,
    with_activations,
)
from pneumo.explain.cam import class_signs, grad_cam, resize_maps
from pneumo.figures.inspection import Inspection, Layer
from pneumo.nets.ensemble import members

LAYERS = 12
"""Layers inspected at most, evenly spaced; ResNet50 has 49 convolutional activations."""
CHANNELS = 8
"""Channels of a layer inspected at most: the strongest."""


def inspect(
    model: keras.Model, pixels: npt.NDArray[np.uint8], target: Label, radiograph: npt.NDArray[np.uint8] | None = None
) -> Inspection:
    """Inspect a network, or the first member of an ensemble, in one pass for all layers.

    Args:
        pixels: input of the model, (H, W), grey values in 0..255.
        target: class that Grad-CAM explains.
        radiograph: the same radiograph as it is to be shown, (H', W'); none: the pixels.

    Raises:
        UserError: the model has no convolutional layer.
    """
    networks = members(model)
    network, shown = networks[0], pixels if radiograph is None else radiograph
    layers = _activation_layers(network)
    selected = [layers[index] for index in np.linspace(0, len(layers) - 1, min(LAYERS, len(layers))).round().astype(int)]
    image = tf.constant(pixels[None, ..., None], tf.float32)
    pairs = activations_and_gradients(with_activations(network, selected), image, class_signs(target, 1)[:, None])
    first = next(layer for layer in flat_layers(network) if isinstance(layer, CONVOLUTIONS))
    return Inspection(
        radiograph=shown,
        target=target,
        networks=len(networks),
        kernel_layer=first.name,
        kernels=np.moveaxis(first.get_weights()[0].sum(axis=2), -1, 0),
        layers=tuple(_inspect_layer(layer.name, *pair, *shown.shape) for layer, pair in zip(selected, pairs, strict=True)),
        layers_in_network=len(layers),
    )


def _activation_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers whose output is a convolution's after its activation function, not before it or in between.

    The last convolutional layer is always one of them, since it is the one that heatmaps explain.
    """
    *before, last = feature_map_layers(network)
    return [*(layer for layer in before if _is_activation(layer)), last]


def _is_activation(layer: keras.layers.Layer) -> bool:
    linear, types = keras.activations.linear, (keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.PReLU, keras.layers.ELU)
    return isinstance(layer, types) or getattr(layer, "activation", linear) is not linear


def _inspect_layer(name: str, activations: tf.Tensor, gradients: tf.Tensor, height: int, width: int) -> Layer:
    channels: npt.NDArray[np.float32] = np.moveaxis(activations.numpy()[0], -1, 0)
    strongest = np.argsort(-np.abs(channels).mean(axis=(1, 2)), kind="stable")[:CHANNELS]
    return Layer(
        name=name,
        channels=len(channels),
        activations=channels[strongest],
        grad_cam=resize_maps(grad_cam(activations, gradients).numpy(), height, width)[0],
    )
