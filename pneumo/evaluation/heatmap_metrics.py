"""What heatmaps are worth, where no network has to be asked: a value for each map, nan where the map gives none.

A map says how strongly each pixel argues, and is never negative. An empty one, all zeros, is a legitimate answer; it is neither
scaled nor taken for a bad one, but counted.
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from pneumo.evaluation.scores import Result

Maps = npt.NDArray[np.floating]
Masks = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]

TOP_SHARE = 0.2
BORDER_SHARE = 0.05
"""Width of the border at each side, as a share of that side. On synthetic radiographs 4 % of the lungs lie there, of the radiograph 19 %."""
CENTRAL_SHARE = 0.2
"""Width of the band over spine and mediastinum, as a share of the radiograph's. On synthetic radiographs 7 % of the lungs lie there."""
RANDOMIZATION_LIMIT = 0.5
"""Mean rank correlation with the maps of shuffled weights from which on a method is flagged.

It lies in a gap: with six methods, five models and three shuffles each, a mean was at most 0.32, or at least 0.89 (0013).
"""
# Resizing leaves rounding errors in a constant map.
_EVEN = 1e-5


class MapMeasure(Result):
    """One measure over many maps."""

    mean: float | None
    """Over the maps that have a value; None where none has."""
    images: int
    undefined: int
    """Maps without a value."""

    @classmethod
    def of(cls, values: Values) -> Self:
        """Average the values, (N,), that are defined."""
        defined = values[~np.isnan(values)]
        mean = float(defined.mean()) if defined.size else None
        return cls(mean=mean, images=values.size, undefined=values.size - defined.size)


def drops(before: Values, after: Values) -> Values:
    """Share of the class score that goes where only what the map marks is shown (Chattopadhay et al. 2018, Average Drop).

    A score of 0 has nothing to lose.
    """
    return np.divide(np.maximum(0, before - after), before, out=np.zeros_like(before), where=before > 0)


def increases(before: Values, after: Values) -> Values:
    """1 where the score rises then, 0 elsewhere (Chattopadhay et al. 2018, Average Increase)."""
    return (after > before).astype(np.float64)


def coherency(maps: Maps, maps_again: Maps) -> Values:
    """Pearson's correlation of each map with that of the image as masked by it, from -1..1 to 0..1 (Poppi et al. 2021).

    Undefined where one of them is constant.
    """
    return (1 + _correlation(_flat(maps), _flat(maps_again), undefined=constant(maps) | constant(maps_again))) / 2


def rank_correlation(maps: Maps, others: Maps) -> Values:
    """Spearman's correlation of each map with the other of its radiograph, equal pixels sharing their mean rank (Adebayo et al. 2018).

    Undefined where one of them is constant.
    """
    first, second = (rankdata(_flat(each), axis=1) for each in (maps, others))
    return _correlation(first, second, undefined=constant(maps) | constant(others))


def fails_randomization_check(correlations: MapMeasure) -> bool | None:
    """Whether a method draws much the same without what the network has learned, so that its maps show the radiograph, not the network.

    Args:
        correlations: `rank_correlation` of a method's maps with those that it draws of the network with all weights shuffled.

    Returns:
        None where fewer than half of the correlations are defined, so that little is known.
    """
    if correlations.mean is None or 2 * correlations.undefined > correlations.images:
        return None
    return correlations.mean >= RANDOMIZATION_LIMIT


def area_under(curves: Values) -> Values:
    """Area under curves (N, points) over 0..1, by trapezoids."""
    return np.trapezoid(curves, dx=1 / (curves.shape[1] - 1), axis=1)


def pointing_game(maps: Maps, masks: Masks) -> Values:
    """1 where the map's maximum lies inside the mask, 0 where not (Zhang et al. 2018); shared if several pixels are the maximum.

    Undefined where the map is constant or the mask empty.
    """
    peaks = maps == maps.max(axis=(1, 2), keepdims=True)
    shares = (peaks & masks).sum(axis=(1, 2)) / peaks.sum(axis=(1, 2))
    return np.where(constant(maps) | ~masks.any(axis=(1, 2)), np.nan, shares)


def energy_inside(maps: Maps, masks: Masks) -> Values:
    """Share of the map's sum that lies inside the mask (Wang et al. 2020); undefined where the map or the mask is empty."""
    total, inside = _flat(maps).sum(axis=1), _flat(np.where(masks, maps, 0)).sum(axis=1)
    undefined = (total <= 0) | ~np.broadcast_to(masks, maps.shape).any(axis=(1, 2))
    return np.divide(inside, total, out=np.full(len(maps), np.nan), where=~undefined)


def iou_of_top(maps: Maps, masks: Masks, share: float = TOP_SHARE) -> Values:
    """Intersection over union of the mask and the map's strongest pixels; a pixel without evidence is never among these.

    Undefined where the map is constant or the mask empty. Among equal pixels the first by row counts as the stronger, as in
    `strongest_first`.
    """
    flat, inside = _flat(maps), _flat(masks).astype(bool)
    top = np.zeros_like(inside)
    np.put_along_axis(top, strongest_first(maps)[:, : round(share * flat.shape[1])], values=True, axis=1)
    top &= flat > 0
    union = (top | inside).sum(axis=1)
    undefined = constant(maps) | ~inside.any(axis=1)
    return np.divide((top & inside).sum(axis=1), union, out=np.full(len(maps), np.nan), where=~undefined)


def auroc_inside(maps: Maps, masks: Masks) -> Values:
    """Probability that a pixel inside the mask is marked more strongly than one outside, ties counting half.

    A constant map says nothing, which is 0.5. Undefined where the mask is empty or covers the radiograph.
    """
    inside = _flat(masks).astype(bool)
    positives, negatives = inside.sum(axis=1), (~inside).sum(axis=1)
    ranks = rankdata(_flat(maps), axis=1)
    wins = np.where(inside, ranks, 0).sum(axis=1) - positives * (positives + 1) / 2
    pairs = (positives * negatives).astype(np.float64)
    return np.divide(wins, pairs, out=np.full(len(maps), np.nan), where=pairs > 0)


def border(height_px: int, width_px: int) -> Masks:
    """Mask (H, W) of the radiograph's border, where air, shutters and markers are seen."""
    inside = np.zeros((height_px, width_px), bool)
    rows, columns = (max(1, round(BORDER_SHARE * side)) for side in (height_px, width_px))
    inside[rows:-rows, columns:-columns] = True
    return ~inside


def central_band(height_px: int, width_px: int) -> Masks:
    """Mask (H, W) of the band over spine and mediastinum, where little lung is seen."""
    mask = np.zeros((height_px, width_px), bool)
    width = max(1, round(CENTRAL_SHARE * width_px))
    left = (width_px - width) // 2
    mask[:, left : left + width] = True
    return mask


def constant(maps: Maps) -> Masks:
    """Which maps say the same of every pixel, (N,); empty ones do."""
    flat = _flat(maps)
    return np.ptp(flat, axis=1) <= _EVEN * np.abs(flat).max(axis=1)


def strongest_first(maps: Maps) -> npt.NDArray[np.intp]:
    """Each map's pixels in falling order, (N, H · W), equal ones by row and column."""
    return np.argsort(-_flat(maps), axis=1, kind="stable")


def _flat(maps: npt.NDArray[Any]) -> Values:
    return maps.reshape(len(maps), -1).astype(np.float64)


def _correlation(first: Values, second: Values, *, undefined: Masks) -> Values:
    """Pearson's correlation of each row with the other's, (N,), in -1..1."""
    first, second = (each - each.mean(axis=1, keepdims=True) for each in (first, second))
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.clip(np.divide((first * second).sum(axis=1), lengths, out=np.full(len(first), np.nan), where=~undefined), -1, 1)
