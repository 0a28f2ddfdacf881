"""How far the heatmaps of networks agree that differ in their seed or in their recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pneumo.config import ExplanationMethod
from pneumo.evaluation.heatmap_metrics import MapMetric, rank_correlation
from pneumo.explain.cam import Maps, resize_maps
from pneumo.explain.explainer import Explainer
from pneumo.results.stability import MethodStability

SIDE_PX = 56
"""Maps are resized to this side to be compared; those of the last layer have 4 to 18 cells at each side."""


@dataclass(frozen=True)
class NetworkMaps:
    """The heatmaps of one network of the same radiographs as the others'."""

    seed_group: str
    """Networks of one group differ only in their seed."""
    maps: Mapping[ExplanationMethod, Maps]
    """(N, SIDE_PX, SIDE_PX) by method."""


def explain_network(
    explainer: Explainer, images: npt.NDArray[np.uint8], methods: Sequence[ExplanationMethod], seed_group: str
) -> NetworkMaps:
    """Compute a network's maps of PNEUMONIA on images, (N, H, W, 1), at the size at which they are compared."""
    maps = explainer.maps(images, "PNEUMONIA", methods)
    return NetworkMaps(seed_group, {method: resize_maps(values, SIDE_PX, SIDE_PX) for method, values in maps.items()})


def method_stability(networks: Sequence[NetworkMaps], method: ExplanationMethod) -> MethodStability:
    """Correlate the maps of every pair of networks, radiograph by radiograph."""
    seeds, recipes = [np.empty(0)], [np.empty(0)]
    for first, second in combinations(networks, 2):
        values = rank_correlation(first.maps[method], second.maps[method])
        (seeds if first.seed_group == second.seed_group else recipes).append(values)
    return MethodStability(method=method, seeds=MapMetric.of(np.concatenate(seeds)), recipes=MapMetric.of(np.concatenate(recipes)))
