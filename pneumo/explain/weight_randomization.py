"""Whether maps show what a network has learned: it is asked again with its weights shuffled (Adebayo et al. 2018).

A map that stays much the same then shows the radiograph, as an edge detector would, and explains nothing. `rank_correlation` says how
alike the maps are, `fails_randomization_check` whether that is too much.
"""

import keras
import numpy as np
import numpy.typing as npt

from pneumo.explain.activations import flat_layers, members


def randomize_weights(model: keras.Model, share: float, *, seed: int = 0) -> keras.Model:
    """Copy a model with the weights of its top layers shuffled: it looks at radiographs as before, and knows nothing of what they show.

    Adebayo et al. draw new weights; here each array is shuffled among its own values, so that activations keep about their scale.
    An array of equal values, as biases and normalisations are before training, stays as it is. Ask the copy for the classes that
    the model was asked for: its own predictions mean nothing.

    Args:
        share: of the layers that have weights, counted from the logit downwards, in 0..1 without 0; the logit's is always among
            them. A nested backbone's layers count, and each member of an ensemble loses the same share of its own.
        seed: of the shuffling. With the same one, a larger share shuffles the same layers alike, and more of them.

    Raises:
        ValueError: the share is not in 0..1, or is 0.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of layers to shuffle is above 0 and at most 1, not {share}")
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for number, member in enumerate(members(copy)):
        random = np.random.default_rng([seed, number])
        from_the_logit = [layer for layer in reversed(flat_layers(member)) if layer.weights]
        for layer in from_the_logit[: max(1, round(share * len(from_the_logit)))]:
            layer.set_weights([_shuffled(weights, random) for weights in layer.get_weights()])
    return copy


def _shuffled(weights: npt.NDArray[np.floating], random: np.random.Generator) -> npt.NDArray[np.floating]:
    return random.permutation(weights.ravel()).reshape(weights.shape)
