"""A network with all outputs that a use of it needs: probability, features, and the spread of an ensemble's members."""

import keras

from pneumo.nets.ensemble import members

PROBABILITY, FEATURES, SPREAD = "probability", "features", "spread"


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


def _float32(features: keras.KerasTensor) -> keras.KerasTensor:
    return features if features.dtype == "float32" else keras.ops.cast(features, "float32")
