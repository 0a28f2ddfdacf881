"""An ensemble of networks as one model."""

from collections.abc import Sequence

import keras
from keras import layers


def build(members: Sequence[keras.Model]) -> keras.Model:
    """A model whose logit is the mean of its members' logits, the geometric mean of their odds (Hinton 2002).

    Args:
        members: each from (N, H, W, 1), grey values in 0..255, with a layer named `logit`; of the same image size.

    Returns:
        Model from (N, H, W, 1) to (N, 1), the probability of PNEUMONIA.
    """
    inputs = keras.Input(members[0].inputs[0].shape[1:], name="radiograph")
    logits = [
        keras.Model(member.inputs[0], member.get_layer("logit").output, name=f"member_{number}")(inputs)
        for number, member in enumerate(members, start=1)
    ]
    logit = layers.Average(dtype="float32", name="logit")(logits)
    return keras.Model(inputs, layers.Activation("sigmoid", dtype="float32", name="probability")(logit), name="ensemble")


def members(model: keras.Model) -> list[keras.Model]:
    """Return the networks whose logits an ensemble averages, each of which takes the same images; of another model, itself."""
    if not isinstance(model.get_layer("logit"), layers.Average):
        return [model]
    return [layer for layer in model.layers if isinstance(layer, keras.Model)]
