"""Whether maps mark what the network goes by: it is asked again, of radiographs on which the map decides what is to be seen.

All radiographs are changed as raw grey values, before the network rescales them.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from pneumo.evaluation.heatmap_metrics import Values, area_under, coherency, drops, increases, strongest_first
from pneumo.explain.activations import ExplainableModel, Label, as_float32
from pneumo.explain.cam import Maps, resize_maps, signs_of

Images = npt.NDArray[Any]
Measure = Literal["average drop", "average increase", "coherency", "insertion", "deletion"]

STEPS = 28
"""Steps of insertion and of deletion. The 224 of 004 gave the same areas, within 0.015 for single radiographs and 0.002 on average."""
BLUR_SHARE = 0.1
"""Standard deviation of the blur that stands for a radiograph without evidence, as a share of its side.

The 5 px at 224 of Petsiuk et al. leave all evidence where it is: a network's AUROC on radiographs so blurred was 0.996, here it was 0.51.
"""


def measure(
    explained: ExplainableModel,
    images: Images,
    target: Label | Sequence[Label],
    maps: Maps,
    explain: Callable[[Images], Maps],
) -> dict[Measure, Values]:
    """Ask the network how it takes the explanation of each image (004, section 3.3).

    Args:
        images: (N, H, W, 1), grey values in 0..255.
        target: the class of all images, or each image's own; scores are of it.
        maps: (N, h, w), what explains these classes.
        explain: gave them; Coherency asks it again, of the radiographs as masked by their maps.

    Returns:
        (N,) by measure, as shares of 1. Coherency is nan for constant maps.
    """
    height, width = images.shape[1:3]
    at_radiograph_size = maps if maps.shape[1:] == (height, width) else resize_maps(maps, height, width)
    masked = masked_by(images, at_radiograph_size)
    before, after = class_scores(explained, images, target), class_scores(explained, masked, target)
    return {
        "average drop": drops(before, after),
        "average increase": increases(before, after),
        "coherency": coherency(maps, explain(masked)),
        "insertion": area_under(insertion_curves(explained, images, at_radiograph_size, target)),
        "deletion": area_under(deletion_curves(explained, images, at_radiograph_size, target)),
    }


def class_scores(explained: ExplainableModel, images: Images, target: Label | Sequence[Label]) -> Values:
    """Probability of each image's class, (N,), from the logit: float32 would round it to 0 where the network is certain."""
    return np.asarray(expit(signs_of(target, len(images)) * explained.logits(images)), np.float64)


def masked_by(images: Images, maps: Maps) -> npt.NDArray[np.float32]:
    """Each image times its map, scaled by the map's own maximum; an empty map leaves a black radiograph."""
    peaks = maps.max(axis=(1, 2), keepdims=True)
    strength = np.divide(maps, peaks, out=np.zeros_like(maps), where=peaks > 0)
    return as_float32(images) * strength[..., None]


def insertion_curves(
    explained: ExplainableModel, images: Images, maps: Maps, target: Label | Sequence[Label], steps: int = STEPS
) -> Values:
    """Class score while the strongest pixels first, a blurred radiograph becomes the image (Petsiuk et al. 2018), (N, steps + 1)."""
    return _curves(explained, blurred(images), as_float32(images), maps, target=target, steps=steps)


def deletion_curves(
    explained: ExplainableModel, images: Images, maps: Maps, target: Label | Sequence[Label], steps: int = STEPS
) -> Values:
    """Class score while the strongest pixels first, the image becomes a blurred radiograph (Petsiuk et al. 2018), (N, steps + 1)."""
    return _curves(explained, as_float32(images), blurred(images), maps, target=target, steps=steps)


def blurred(images: Images) -> npt.NDArray[np.float32]:
    """Radiographs of the same greys, on which no lesion is left to be seen; networks may still take the haze for PNEUMONIA."""
    deviation_px = BLUR_SHARE * images.shape[1]
    return np.asarray(gaussian_filter(as_float32(images), deviation_px, mode="nearest", axes=(1, 2)))


def _curves(
    explained: ExplainableModel,
    start: npt.NDArray[np.float32],
    end: npt.NDArray[np.float32],
    maps: Maps,
    *,
    target: Label | Sequence[Label],
    steps: int,
) -> Values:
    pixels = maps[0].size
    changed = np.linspace(0, pixels, steps + 1).astype(int)
    # When each pixel's turn comes: the inverse of the order.
    turns = np.argsort(strongest_first(maps), axis=1).reshape(maps.shape)
    curves = [
        explained.logits(np.where((turn < changed[:, None, None])[..., None], last, first))
        for turn, first, last in zip(turns, start, end, strict=True)
    ]
    return np.asarray(expit(signs_of(target, len(maps))[:, None] * np.stack(curves)), np.float64)
