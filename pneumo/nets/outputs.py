"""A network with all outputs that a use of it needs: probability, features, and the spread of an ensemble's members."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from pneumo.evaluation.scores import FEATURES, PROBABILITY, SPREAD
from pneumo.nets.ensemble import members


def with_outputs(model: keras.Model) -> keras.Model:
    """Return a model of the same network with named outputs.

    Returns:
        Model from (N, H, W, 1), grey values in 0..255, to "probability" (N, 1), of PNEUMONIA, and "features" (N, D), the input of
        the logit layer. Of an ensemble, the features are those of its members, concatenated, and there is "spread" (N, 1), the
        standard deviation of its members' logits.
    """
    networks = members(model)
    if len(networks) == 1:
        outputs = {PROBABILITY: model.outputs[0], FEATURES: _float32(model.get_layer("logit").input)}
        return keras.Model(model.inputs[0], outputs)
    images = keras.Input(model.inputs[0].shape[1:], name=model.inputs[0].name)
    pairs = [keras.Model(member.inputs[0], [member.outputs[0], member.get_layer("logit").input])(images) for member in networks]
    logits, features = zip(*pairs, strict=True)
    probability = model.get_layer("probability")(model.get_layer("logit")(list(logits)))
    together = keras.layers.Concatenate(dtype="float32")(list(logits))
    spread = keras.ops.std(together, axis=1, keepdims=True)
    return keras.Model(
        images, {PROBABILITY: probability, FEATURES: keras.layers.Concatenate(dtype="float32")(list(features)), SPREAD: spread}
    )


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


def _float32(features: keras.KerasTensor) -> keras.KerasTensor:
    return features if features.dtype == "float32" else keras.ops.cast(features, "float32")
