"""The logit layers of a network: their weights, and others in place of them."""

from collections.abc import Sequence

import keras
import numpy as np
import numpy.typing as npt

from pneumo.evaluation.linear_head import LinearHead
from pneumo.nets.ensemble import members


def heads(model: keras.Model) -> tuple[LinearHead, ...]:
    """Return the weights of a network's logit layer, or of that of each member of an ensemble."""
    weights = [member.get_layer("logit").get_weights() for member in members(model)]
    return tuple(LinearHead(kernel[:, 0].astype(np.float64), float(bias[0])) for kernel, bias in weights)


def replace_heads(model: keras.Model, replacements: Sequence[LinearHead]) -> None:
    """Set the weights of a network's logit layer, or of that of each member of an ensemble; all others stay."""
    for member, head in zip(members(model), replacements, strict=True):
        member.get_layer("logit").set_weights([head.kernel[:, None], np.array([head.bias])])


def by_member(model: keras.Model, features: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], ...]:
    """Divide features (N, D), as `outputs.with_outputs` concatenates them, into those of each member of an ensemble."""
    widths = [head.kernel.size for head in heads(model)]
    return tuple(np.split(features, np.cumsum(widths)[:-1], axis=1))
