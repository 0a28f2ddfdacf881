"""Activations of a trained model's convolutional layers, and gradients of its logit with respect to them."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import dropwhile
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pneumo.errors import UserError
from pneumo.nets.ensemble import members

Label = Literal["NORMAL", "PNEUMONIA"]

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
# Their output only pools, drops or pads the activations of the layer before.
_PASS_ON = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D, keras.layers.Dropout, keras.layers.ZeroPadding2D)
_FEATURE_MAP_RANK = 4
BATCH_SIZE = 32


class ActivationModel:
    """A trained model that also gives the activations of one convolutional layer: of an ensemble, of a layer of each member."""

    def __init__(self, model: keras.Model, layer: str | None = None) -> None:
        """Find the layer in the model, in the backbone nested in it, or in each member of the ensemble.

        Args:
            model: has a layer named `logit`, as every registered model.
            layer: name of the layer; none: the last convolutional activation before pooling.

        Raises:
            UserError: there is no such layer, or no convolutional layer.
        """
        networks = members(model)
        layers = [_find_layer(network, layer) for network in networks]
        self._networks = [with_activations(network, [output]) for network, output in zip(networks, layers, strict=True)]
        self.layer = ", ".join(dict.fromkeys(output.name for output in layers))
        """Name of the layer; of an ensemble, the different names in its members."""
        self._images = tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32)

    # One graph each for batches of any size. Compiled, the part of the network below the layer is not differentiated. Concrete,
    # because TensorFlow mistakes the functions of several models for retracing of one, and warns of it.
    @cached_property
    def _compiled_logit(self) -> Callable[..., tf.Tensor]:
        def mean_logit(images: tf.Tensor) -> tf.Tensor:
            return tf.add_n([network(images, training=False)[1] for network in self._networks]) / len(self._networks)

        return tf.function(mean_logit, input_signature=[self._images]).get_concrete_function()

    @cached_property
    def _compiled_gradients(self) -> Callable[..., list[tuple[tf.Tensor, tf.Tensor]]]:
        def gradients(images: tf.Tensor, signs: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
            return [pair for network in self._networks for pair in activations_and_gradients(network, images, signs)]

        signature = [self._images, tf.TensorSpec((None, 1), tf.float32)]
        return tf.function(gradients, input_signature=signature).get_concrete_function()

    def logits(self, images: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return the logit of PNEUMONIA of each image, (N,); of an ensemble, the mean of its members' logits."""
        batches = (tf.constant(images[start : start + BATCH_SIZE], tf.float32) for start in range(0, len(images), BATCH_SIZE))
        return np.concatenate([self._compiled_logit(batch).numpy()[:, 0] for batch in batches]).astype(np.float64)

    def activations_and_gradients(
        self, images: npt.NDArray[np.float32], signs: npt.NDArray[np.float32]
    ) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Return each member's activations and the gradient of its own logit with respect to them, float32, (N, h, w, c) each.

        Args:
            signs: (N, 1), as returned by `class_signs`.
        """
        return self._compiled_gradients(tf.constant(images, tf.float32), tf.constant(signs))


def activations_and_gradients(network: keras.Model, images: tf.Tensor, signs: Any) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Return the activations of each layer, and the gradient of the class's logit with respect to them, float32, (N, h, w, c) each.

    Args:
        network: as returned by `with_activations`.
        signs: (N, 1), as returned by `class_signs`.
    """
    with tf.GradientTape() as tape:
        # Otherwise the tape records nothing of a model whose weights are all frozen.
        tape.watch(images)
        *activations, logit = network(images, training=False)
        score = signs * logit
    pairs = zip(activations, tape.gradient(score, activations), strict=True)
    return [(tf.cast(values, tf.float32), tf.cast(gradients, tf.float32)) for values, gradients in pairs]


def flat_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return all layers of a model from input to output, with the layers of nested models in place of these models."""
    return [inner for layer in model.layers for inner in (flat_layers(layer) if isinstance(layer, keras.Model) else [layer])]


def feature_map_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a network, or of the backbone nested in it, that compute feature maps (N, h, w, c), first to last.

    Raises:
        UserError: there is none.
    """
    network = _nested_model(model) or model
    layers = dropwhile(lambda layer: not isinstance(layer, CONVOLUTIONS), network.layers)
    maps = [layer for layer in layers if len(layer.output.shape) == _FEATURE_MAP_RANK and not isinstance(layer, _PASS_ON)]
    if not maps:
        raise UserError(f"Model `{network.name}` has no convolutional layer, so no heatmap can be computed for it")
    return maps


def with_activations(model: keras.Model, layers: Sequence[keras.layers.Layer]) -> keras.Model:
    """Return a model of the same network whose outputs are those of some of its `feature_map_layers`, then the logit (N, 1)."""
    to_logit = keras.Model(model.inputs[0], model.get_layer("logit").output, name=model.name)
    if nested := _nested_model(to_logit):
        return _with_nested_activations(to_logit, nested, layers)
    return keras.Model(to_logit.inputs[0], [*(layer.output for layer in layers), to_logit.output])


def _nested_model(model: keras.Model) -> keras.Model | None:
    return next((layer for layer in model.layers if isinstance(layer, keras.Model)), None)


def _with_nested_activations(model: keras.Model, nested: keras.Model, targets: Sequence[keras.layers.Layer]) -> keras.Model:
    """Return a model whose outputs are those of layers of the model nested in it, then its own.

    The `.output` of a nested layer belongs to the graph in which it was built, not to the outer one. So the outer graph is built
    again from the same layers, with the nested model replaced by one that also outputs the activations.
    """
    replacement = keras.Model(nested.inputs[0], [*(target.output for target in targets), nested.outputs[0]])
    activations = []

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if layer is not nested:
            return layer(*args, **kwargs)
        *inner, output = replacement(*args, **kwargs)
        activations.extend(inner)
        return output

    rebuilt = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    return keras.Model(rebuilt.inputs[0], [*activations, rebuilt.output])


def _find_layer(model: keras.Model, name: str | None) -> keras.layers.Layer:
    layers = feature_map_layers(model)
    if name is None:
        return layers[-1]
    for layer in layers:
        if layer.name == name:
            return layer
    network, names = _nested_model(model) or model, ", ".join(layer.name for layer in layers)
    raise UserError(f"`gradcam.layer`: model `{network.name}` has no convolutional layer named `{name}`; it has {names}")
