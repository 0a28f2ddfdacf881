"""Scores of many weightings of the same radiographs at once: what a bootstrap evaluates some thousand times.

Each function prepares what does not depend on the weights, such as the order of the scores, and returns a statistic: in go
weights (draws, N), how often each radiograph counts in each draw; out comes one value a draw, nan where the draw gives none. With
weights of one it is the score itself.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pneumo.evaluation.scores import Labels, Scores

Draws = npt.NDArray[np.float64]
Statistic = Callable[[Draws], Draws]


def auroc(y_true: Labels, y_score: Scores) -> Statistic:
    """Area under the ROC curve; a tie of a NORMAL and a PNEUMONIA counts half."""
    counts = _counts_by_cut(y_true, y_score)

    def statistic(weights: Draws) -> Draws:
        positives, negatives = counts(weights)
        above = np.cumsum(negatives, axis=1) - negatives / 2
        total = negatives.sum(axis=1)
        # From the highest score down: the negatives not yet passed are those that a positive beats.
        beaten = (positives * (total[:, None] - above)).sum(axis=1)
        return _ratio(beaten, positives.sum(axis=1) * total)

    return statistic


def average_precision(y_true: Labels, y_score: Scores) -> Statistic:
    """Precision averaged over the steps of recall, as scikit-learn has it."""
    counts = _counts_by_cut(y_true, y_score)

    def statistic(weights: Draws) -> Draws:
        positives, negatives = counts(weights)
        found = np.cumsum(positives, axis=1)
        called = found + np.cumsum(negatives, axis=1)
        precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
        # Without a NORMAL every precision is 1, whatever the model: undefined, as in `evaluate`.
        recallable = np.where(negatives.sum(axis=1) > 0, found[:, -1], 0)
        return _ratio((positives * precision).sum(axis=1), recallable)

    return statistic


def share(counts: npt.NDArray[np.float64]) -> Statistic:
    """Share of the hits among some of the radiographs, such as sensitivity among the PNEUMONIA.

    Args:
        counts: (N, 2), for whatever a weight is of: hits, and radiographs that may hit.
    """

    def statistic(weights: Draws) -> Draws:
        counted = weights @ counts
        return _ratio(counted[:, 0], counted[:, 1])

    return statistic


def counts_by_owner(
    owner: npt.NDArray[np.str_], hit: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Count each owner's hits, and radiographs that may hit: (owners in sorted order, 2).

    Args:
        owner: (N,), whose radiograph it is.
    """
    owners, place = np.unique(owner, return_inverse=True)
    return np.stack([np.bincount(place, weights=which, minlength=owners.size) for which in (hit & among, among)], axis=1)


def mean(values: npt.NDArray[np.float64]) -> Statistic:
    """Mean of a quantity that every radiograph has."""
    return lambda weights: _ratio(weights @ values, weights.sum(axis=1))


def sensitivity_at_specificity(y_true: Labels, y_score: Scores, target: float) -> Statistic:
    """Largest sensitivity among the cuts whose specificity is at least `target`."""
    counts = _counts_by_cut(y_true, y_score)

    def statistic(weights: Draws) -> Draws:
        positives, negatives = counts(weights)
        found, passed = _cumulative(positives), _cumulative(negatives)
        # Whole numbers of radiographs, so a tolerance of far less than one only takes care of rounding.
        allowed = passed <= (1 - target) * passed[:, -1:] + 1e-9
        return _ratio(np.where(allowed, found, 0).max(axis=1), np.where(passed[:, -1] > 0, found[:, -1], 0))

    return statistic


def specificity_at_sensitivity(y_true: Labels, y_score: Scores, target: float) -> Statistic:
    """Largest specificity among the cuts whose sensitivity is at least `target`."""
    # The same seen from the other class: a negated score ranks the NORMAL first.
    return sensitivity_at_specificity(1 - y_true, -y_score, target)


def roc(y_true: Labels, y_score: Scores, false_positive_rates: npt.NDArray[np.float64]) -> Statistic:
    """Sensitivity at each of some false-positive rates: the best that a cut attains; (draws, rates)."""
    counts = _counts_by_cut(y_true, y_score)

    def statistic(weights: Draws) -> Draws:
        positives, negatives = counts(weights)
        found, passed = _cumulative(positives), _cumulative(negatives)
        sensitivity = _ratio(found, np.where(passed[:, -1:] > 0, found[:, -1:], 0))
        attained = np.empty((len(weights), len(false_positive_rates)))
        for row, limits in enumerate(false_positive_rates * passed[:, -1:] + 1e-9):
            attained[row] = sensitivity[row, np.searchsorted(passed[row], limits, side="right") - 1]
        return attained

    return statistic


def _counts_by_cut(y_true: Labels, y_score: Scores) -> Callable[[Draws], tuple[Draws, Draws]]:
    """Return what counts positives and negatives at each distinct score, from the highest down."""
    order = np.argsort(-y_score, kind="stable")
    falling = y_score[order]
    starts = np.flatnonzero(np.r_[True, falling[1:] != falling[:-1]])
    positive = y_true[order] == 1

    def counts(weights: Draws) -> tuple[Draws, Draws]:
        ordered = weights[:, order]
        everything = np.add.reduceat(ordered, starts, axis=1)
        positives = np.add.reduceat(ordered * positive, starts, axis=1)
        return positives, everything - positives

    return counts


def _cumulative(counts: Draws) -> Draws:
    """Sum from the highest score down, beginning with the cut above all scores."""
    return np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))


def _ratio(part: Draws, whole: Draws) -> Draws:
    return np.divide(part, whole, out=np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan), where=whole > 0)
