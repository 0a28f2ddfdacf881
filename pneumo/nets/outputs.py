"""A network with all outputs that a use of it needs: probability, features, and the spread of an ensemble's members."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from pneumo.evaluation.scores import FEATURES, PROBABILITY, SPREAD
from pneumo.nets.ensemble import averages


def with_outputs(model: keras.Model) -> keras.Model:
    """Return a model of the same network with named outputs.

    Returns:
        Model from (N, H, W, 1), grey values in 0..255, to "probability" (N, 1), of PNEUMONIA, and "features" (N, D), the input of
        the logit layer; of a network that averages views, of the image itself. Of an ensemble, the features are those of its
        members, concatenated, and there is "spread" (N, 1), the standard deviation of its members' logits.
    """
    parts = _parts(model)
    output, logits, features = parts.output
    outputs = {PROBABILITY: output, FEATURES: _joined(features)}
    if len(logits) > 1:
        outputs[SPREAD] = keras.ops.std(_joined(logits), axis=1, keepdims=True)
    return keras.Model(parts.inputs[0], outputs)


def compiled(model: keras.Model) -> Callable[[tf.Tensor | np.ndarray], dict[str, np.ndarray]]:
    """Return a function from images (b, H, W, 1) to the outputs of `with_outputs` by name, float32.

    One graph for batches of any size. Concrete, because TensorFlow takes the functions of several models for retracing of one.
    """
    network = with_outputs(model)
    signature = [tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32)]
    infer = tf.function(lambda images: network(images, training=False), input_signature=signature).get_concrete_function()

    def compute(images: tf.Tensor | np.ndarray) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in infer(tf.convert_to_tensor(images)).items()}

    return compute


def _parts(model: keras.Model) -> keras.Model:
    """A model of a network's own output, the logits of its members, and their features; a network of one has its own."""
    logit = model.get_layer("logit")
    if not averages(model):
        return keras.Model(model.inputs[0], (model.outputs[0], [logit.output], [logit.input]))
    members: dict[keras.Model, list[list[keras.KerasTensor]]] = {}
    mean: list[keras.KerasTensor] = []

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        if isinstance(layer, keras.Model):
            output, *parts = _parts(layer)(*args, **kwargs)
            # A network that averages views is called on the image itself first.
            members.setdefault(layer, parts)
            return output
        output = layer(*args, **kwargs)
        if layer is logit:
            mean.append(output)
        return output

    rebuilt = keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    logits, features = ([tensor for parts in members.values() for tensor in parts[kind]] for kind in (0, 1))
    return keras.Model(rebuilt.inputs[0], (rebuilt.outputs[0], logits if len(members) > 1 else mean, features))


def _joined(parts: list[keras.KerasTensor]) -> keras.KerasTensor:
    if len(parts) > 1:
        return keras.layers.Concatenate(dtype="float32")(parts)
    return parts[0] if parts[0].dtype == "float32" else keras.ops.cast(parts[0], "float32")
