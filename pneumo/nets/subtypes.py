"""A second output that tells viral from bacterial pneumonia, so that a network is trained on three classes.

The classes normal, bacterial and viral are two nested dichotomies (Frank & Kramer 2004): PNEUMONIA or not, and viral or bacterial
where it is. With p = P(PNEUMONIA) and v = P(viral | PNEUMONIA), the three probabilities are 1 - p, p (1 - v) and p v, and the
cross-entropy of the three classes is the sum of those of the two. So P(PNEUMONIA) stays an output of its own.
"""

import keras
from keras import layers

from pneumo.nets.seeds import Seeds

PNEUMONIA, VIRAL = "probability", "viral"


def with_subtypes(model: keras.Model, seed: int) -> keras.Model:
    """Add the output `viral` to a network that ends in the layers `logit` and `probability`.

    Args:
        seed: of the new layer's initial weights.

    Returns:
        Model from the same inputs to {"probability": (N, 1), "viral": (N, 1)}, P(PNEUMONIA) and P(viral | PNEUMONIA), float32.
    """
    initializer = keras.initializers.GlorotUniform(Seeds(seed).draw())
    logit = layers.Dense(1, kernel_initializer=initializer, dtype="float32", name="viral_logit")(model.get_layer("logit").input)
    viral = layers.Activation("sigmoid", dtype="float32", name=VIRAL)(logit)
    return keras.Model(model.inputs[0], {PNEUMONIA: model.get_layer(PNEUMONIA).output, VIRAL: viral}, name=model.name)


def has_subtypes(model: keras.Model) -> bool:
    """Whether the network has the output `viral`."""
    return len(model.outputs) > 1


def without_subtypes(model: keras.Model) -> keras.Model:
    """The same network with the probability of PNEUMONIA as its only output."""
    return keras.Model(model.inputs[0], model.get_layer(PNEUMONIA).output, name=model.name) if has_subtypes(model) else model
