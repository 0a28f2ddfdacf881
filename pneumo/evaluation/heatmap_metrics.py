"""Metrics of heatmaps on arrays: one value for each map, nan where it is undefined.

A map gives the evidence of each pixel and is never negative. An empty map, zero everywhere, is a legitimate result: it is not
scaled, and a metric that has no value for it counts it as undefined.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score

from pneumo.evaluation.scores import Result
from pneumo.evaluation.weighted_scores import ratio

Maps = npt.NDArray[np.floating]
Masks = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]

TOP_SHARE = 0.2
BORDER_SHARE = 0.05
"""Width of the border at each side, as a fraction of that side. It holds 4 % of the lungs of phantoms, and 19 % of the area."""
CENTRAL_SHARE = 0.2
"""Width of the band over spine and mediastinum, as a fraction of the radiograph's. On phantoms it holds 7 % of the lungs."""
RANDOMIZATION_LIMIT = 0.5
"""Mean rank correlation with the maps of weight-randomized models at or above which a method fails the check.

It lies in a gap: with six methods, five models and three randomizations, means were at most 0.32 or at least 0.89 (decision 0013).
"""
# Resizing leaves rounding errors in a constant map.
_CONSTANT_TOLERANCE = 1e-5


class MapMetric(Result):
    """Mean of one metric over maps."""

    mean: float | None
    """Over the maps for which it is defined; None where there is none."""
    images: int
    undefined: int
    """Maps for which it is undefined."""

    @classmethod
    def of(cls, values: Values) -> Self:
        """Average the defined values of (N,)."""
        defined = values[~np.isnan(values)]
        mean = float(defined.mean()) if defined.size else None
        return cls(mean=mean, images=values.size, undefined=values.size - defined.size)


def drops(before: Values, after: Values) -> Values:
    """Return the relative drop of each class score when the image is masked by its map (Chattopadhay et al. 2018, Average Drop).

    The drop of a score of 0 is 0.
    """
    return np.divide(np.maximum(0, before - after), before, out=np.zeros_like(before), where=before > 0)


def increases(before: Values, after: Values) -> Values:
    """Return 1 where the class score rises instead, 0 elsewhere (Chattopadhay et al. 2018, Average Increase)."""
    return (after > before).astype(np.float64)


def coherency(maps: Maps, masked_maps: Maps) -> Values:
    """Return Pearson's correlation of each map with that of the image masked by it, scaled to 0..1 (Poppi et al. 2021).

    Undefined where one of them is constant.
    """
    return (1 + _correlation(_flat(maps), _flat(masked_maps), undefined=constant(maps) | constant(masked_maps))) / 2


def rank_correlation(maps: Maps, others: Maps) -> Values:
    """Return Spearman's rank correlation of two maps of each image, with mean ranks for ties (Adebayo et al. 2018).

    Undefined where one of them is constant.
    """
    first, second = rankdata(_flat(maps), axis=1), rankdata(_flat(others), axis=1)
    return _correlation(first, second, undefined=constant(maps) | constant(others))


def fails_randomization_check(correlations: MapMetric) -> bool | None:
    """Return whether a method's maps hardly depend on the network's weights, and so show the radiograph rather than the network.

    From the `rank_correlation` of its maps with those of weight-randomized models; None where fewer than half are defined.
    """
    if correlations.mean is None or 2 * correlations.undefined > correlations.images:
        return None
    return correlations.mean >= RANDOMIZATION_LIMIT


def area_under_curves(curves: Values) -> Values:
    """Return the area under each curve, (N, points) at equal distances over 0..1, by the trapezoidal rule."""
    return np.trapezoid(curves, dx=1 / (curves.shape[1] - 1), axis=1)


def pointing_game(maps: Maps, masks: Masks) -> Values:
    """Return 1 where the map's maximum lies inside the mask, 0 where not (Zhang et al. 2018); of several maxima, the share inside.

    Undefined where the map is constant or the mask empty.
    """
    peaks = maps == maps.max(axis=(1, 2), keepdims=True)
    shares = (peaks & masks).sum(axis=(1, 2)) / peaks.sum(axis=(1, 2))
    return np.where(constant(maps) | ~masks.any(axis=(1, 2)), np.nan, shares)


def energy_inside(maps: Maps, masks: Masks) -> Values:
    """Return the share of each map's sum inside the mask (Wang et al. 2020); undefined where the map or the mask is empty."""
    total, inside = _flat(maps).sum(axis=1), _flat(np.where(masks, maps, 0)).sum(axis=1)
    return ratio(inside, np.where(np.broadcast_to(masks, maps.shape).any(axis=(1, 2)), total, 0))


def iou_of_top(maps: Maps, masks: Masks) -> Values:
    """Return the intersection over union of the mask and the map's strongest TOP_SHARE of pixels, without those at zero.

    Undefined where the map is constant or the mask empty. Ties are broken as in `strongest_first`.
    """
    flat, inside = _flat(maps), _flat(masks).astype(bool)
    top = np.zeros_like(inside)
    np.put_along_axis(top, strongest_first(maps)[:, : round(TOP_SHARE * flat.shape[1])], values=True, axis=1)
    top &= flat > 0
    undefined = constant(maps) | ~inside.any(axis=1)
    return ratio((top & inside).sum(axis=1), np.where(undefined, 0, (top | inside).sum(axis=1)))


def auroc_inside(maps: Maps, masks: Masks) -> Values:
    """Return the AUROC of each map's pixels as a classifier of the mask; 0.5 for a constant map.

    Undefined where the mask is empty or covers the whole image.
    """
    inside = _flat(masks).astype(bool)
    positives, negatives = inside.sum(axis=1), (~inside).sum(axis=1)
    ranks = rankdata(_flat(maps), axis=1)
    wins = np.where(inside, ranks, 0).sum(axis=1) - positives * (positives + 1) / 2
    return ratio(wins, positives * negatives)


def average_precision_inside(maps: Maps, masks: Masks) -> Values:
    """Return the average precision of each map's pixels as a classifier of the mask (AUPRC, as a step function).

    Of a constant map, it is the mask's share of the area. Undefined where the mask is empty.
    """
    pairs = zip(_flat(masks).astype(bool), _flat(maps), strict=True)
    return np.array([average_precision_score(inside, values) if inside.any() else np.nan for inside, values in pairs])


def border(height_px: int, width_px: int) -> Masks:
    """Return the mask (H, W) of the image's border, where air, collimator and side markers lie."""
    inside = np.zeros((height_px, width_px), bool)
    rows, columns = (max(1, round(BORDER_SHARE * side)) for side in (height_px, width_px))
    inside[rows:-rows, columns:-columns] = True
    return ~inside


def central_band(height_px: int, width_px: int) -> Masks:
    """Return the mask (H, W) of the central band over spine and mediastinum, which holds little lung."""
    mask = np.zeros((height_px, width_px), bool)
    width = max(1, round(CENTRAL_SHARE * width_px))
    left = (width_px - width) // 2
    mask[:, left : left + width] = True
    return mask


def constant(maps: Maps) -> Masks:
    """Return which maps are constant, (N,), up to rounding; empty ones are."""
    flat = _flat(maps)
    return np.ptp(flat, axis=1) <= _CONSTANT_TOLERANCE * np.abs(flat).max(axis=1)


def strongest_first(maps: Maps) -> npt.NDArray[np.intp]:
    """Return the pixels of each map in descending order, (N, H · W), ties by row and column."""
    return np.argsort(-_flat(maps), axis=1, kind="stable")


def _flat(maps: npt.NDArray[Any]) -> Values:
    return maps.reshape(len(maps), -1).astype(np.float64)


def _correlation(first: Values, second: Values, *, undefined: Masks) -> Values:
    """Return Pearson's correlation of the rows of two arrays, (N,), in -1..1."""
    first, second = (values - values.mean(axis=1, keepdims=True) for values in (first, second))
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.clip(np.divide((first * second).sum(axis=1), lengths, out=np.full(len(first), np.nan), where=~undefined), -1, 1)
