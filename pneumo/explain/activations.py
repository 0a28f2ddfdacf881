"""A trained model, opened at one of its layers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pneumo.errors import UserError

Label = Literal["NORMAL", "PNEUMONIA"]

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
# Their output is not an activation of its own: a pooled, thinned or padded copy of the layer before.
_COPIES = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D, keras.layers.Dropout, keras.layers.ZeroPadding2D)
_RANK_OF_IMAGES = 4
BATCH_SIZE = 32


@dataclass(frozen=True)
class Member:
    """One network that shows one of its layers.

    Attributes:
        layer: name of the layer whose activations are explained.
        model: from (N, H, W, 1) to the layer's activations (N, h, w, c) and the logit (N, 1).
    """

    layer: str
    model: keras.Model


class ExplainableModel:
    """A model whose logit, and each member's evidence for it, can be looked at: one member, or those of an ensemble."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        self._images = tf.TensorSpec((None, *self.members[0].model.inputs[0].shape[1:]), tf.float32)

    # One graph each for batches of any size. Compiled, what leads to the layer is not differentiated. Concrete, because TensorFlow
    # takes the functions of several models for one that is traced again and again, and warns of it.
    @cached_property
    def _compiled_logit(self) -> Callable[..., tf.Tensor]:
        return tf.function(self._mean_logit, input_signature=[self._images]).get_concrete_function()

    @cached_property
    def _compiled_evidence(self) -> Callable[..., list[tuple[tf.Tensor, tf.Tensor]]]:
        signs = tf.TensorSpec((None, 1), tf.float32)
        return tf.function(self._evidence, input_signature=[self._images, signs]).get_concrete_function()

    @property
    def layer(self) -> str:
        """Name of the layer that is explained; of an ensemble, each name that its members have for theirs."""
        return ", ".join(dict.fromkeys(member.layer for member in self.members))

    def logits(self, images: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Logit of PNEUMONIA of each image, (N,); of an ensemble, the mean of its members' logits."""
        batches = (tf.constant(as_float32(images[start : start + BATCH_SIZE])) for start in range(0, len(images), BATCH_SIZE))
        return np.concatenate([self._compiled_logit(batch).numpy()[:, 0] for batch in batches]).astype(np.float64)

    def evidence(self, images: npt.NDArray[np.float32], signs: npt.NDArray[np.float32]) -> list[tuple[tf.Tensor, tf.Tensor]]:
        """Each member's activations, and the gradient of its own logit with respect to them, float32, (N, h, w, c) each.

        Args:
            signs: (N, 1), 1 where PNEUMONIA is explained, -1 where NORMAL is, whose logit is the negated one.
        """
        return self._compiled_evidence(tf.constant(as_float32(images)), tf.constant(signs))

    def _mean_logit(self, images: tf.Tensor) -> tf.Tensor:
        return tf.add_n([member.model(images, training=False)[1] for member in self.members]) / len(self.members)

    def _evidence(self, images: tf.Tensor, signs: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        evidence = []
        for member in self.members:
            with tf.GradientTape() as tape:
                # Without this a model whose weights are all frozen leaves nothing on the tape.
                tape.watch(images)
                activations, logit = member.model(images, training=False)
                score = signs * logit
            gradients = tape.gradient(score, activations)
            evidence.append((tf.cast(activations, tf.float32), tf.cast(gradients, tf.float32)))
        return evidence


def explainable(model: keras.Model, layer: str | None = None) -> ExplainableModel:
    """Open a model at a convolutional activation: its own, its nested backbone's, or that of each member of an ensemble.

    Args:
        model: has a layer named `logit`, as every model that is registered.
        layer: name of the layer to explain; none: the last convolutional activation before pooling.

    Raises:
        UserError: there is no such layer, or no spatial one.
    """
    return ExplainableModel([_opened(member, layer) for member in members(model)])


def members(model: keras.Model) -> list[keras.Model]:
    """The networks whose logits an ensemble averages, each of which takes the ensemble's images; of any other model, itself."""
    if not isinstance(model.get_layer("logit"), keras.layers.Average):
        return [model]
    return [one for one in model.layers if isinstance(one, keras.Model)]


def flat_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """List all layers of a model from the input to the output, those of models nested in it in these models' place."""
    return [inner for one in model.layers for inner in (flat_layers(one) if isinstance(one, keras.Model) else [one])]


def spatial_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """List the layers that have a convolutional activation of their own, first to last: a network's, or its nested backbone's.

    Raises:
        UserError: there is none.
    """
    network = _nested_in(model) or model
    first = next((index for index, one in enumerate(network.layers) if isinstance(one, CONVOLUTIONS)), len(network.layers))
    spatial = [one for one in network.layers[first:] if len(one.output.shape) == _RANK_OF_IMAGES and not isinstance(one, _COPIES)]
    if not spatial:
        raise UserError(f"Model `{network.name}` has no convolutional layer, so there is nothing to draw a map of")
    return spatial


def activation_model(model: keras.Model, spatial: Sequence[keras.layers.Layer]) -> keras.Model:
    """Let a network give what these of its `spatial_layers` give, in this order, and its logit (N, 1) after them."""
    to_logit = keras.Model(model.inputs[0], model.get_layer("logit").output, name=model.name)
    nested = _nested_in(to_logit)
    if nested is None:
        return keras.Model(to_logit.inputs[0], [*(one.output for one in spatial), to_logit.output])
    return _with_inner_outputs(to_logit, nested, spatial)


def as_float32(images: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Bring grey values to the type that networks compute in."""
    return np.asarray(images, np.float32)


def _opened(model: keras.Model, name: str | None) -> Member:
    layer = _named(model, name)
    return Member(layer.name, activation_model(model, [layer]))


def _nested_in(model: keras.Model) -> keras.Model | None:
    return next((one for one in model.layers if isinstance(one, keras.Model)), None)


def _with_inner_outputs(model: keras.Model, nested: keras.Model, targets: Sequence[keras.layers.Layer]) -> keras.Model:
    """Let a model give layers' outputs from inside the model nested in it, before its own.

    A nested layer's `.output` belongs to the graph it was built in, not to the outer one. So the outer graph is laid once more over
    the same layers, with the opened nested model in the nested one's place.
    """
    opened = keras.Model(nested.inputs[0], [*(target.output for target in targets), nested.outputs[0]])
    inner_outputs = []

    def call(one: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if one is not nested:
            return one(*args, **kwargs)
        *inner, output = opened(*args, **kwargs)
        inner_outputs.extend(inner)
        return output

    laid_again = keras.models.clone_model(model, clone_function=lambda one: one, call_function=call)
    return keras.Model(laid_again.inputs[0], [*inner_outputs, laid_again.output])


def _named(model: keras.Model, name: str | None) -> keras.layers.Layer:
    spatial = spatial_layers(model)
    if name is None:
        return spatial[-1]
    for one in spatial:
        if one.name == name:
            return one
    network, names = _nested_in(model) or model, ", ".join(one.name for one in spatial)
    raise UserError(f"`gradcam.layer`: model `{network.name}` has no convolutional layer named `{name}`; it has {names}")
