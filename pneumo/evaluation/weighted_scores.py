"""Scores for many weightings of the same radiographs at once, as a bootstrap evaluates them thousands of times.

Each function computes what does not depend on the weights, such as the order of the scores, and returns a statistic: a function of
weights (draws, N), the number of times that each radiograph is in each draw, which returns one value for each draw, nan where it is
undefined. With weights of one it is the score itself.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pneumo.evaluation.scores import Labels, Scores

Draws = npt.NDArray[np.float64]
Statistic = Callable[[Draws], Draws]


def auroc(y_true: Labels, y_score: Scores) -> Statistic:
    """Area under the ROC curve; a tie of a NORMAL and a PNEUMONIA counts half."""

    def area(positives: Draws, negatives: Draws) -> Draws:
        # Thresholds descend: negatives with a higher score, and half of those with an equal one.
        ranked_above = np.cumsum(negatives, axis=1) - negatives / 2
        total = negatives.sum(axis=1)
        ordered_pairs = (positives * (total[:, None] - ranked_above)).sum(axis=1)
        return ratio(ordered_pairs, positives.sum(axis=1) * total)

    return _from_counts(y_true, y_score, area)


def average_precision(y_true: Labels, y_score: Scores) -> Statistic:
    """Average precision as defined by scikit-learn: precision averaged over the steps of recall."""

    def average(positives: Draws, negatives: Draws) -> Draws:
        true_positives = np.cumsum(positives, axis=1)
        predicted_positives = true_positives + np.cumsum(negatives, axis=1)
        precision = np.divide(true_positives, predicted_positives, out=np.zeros_like(true_positives), where=predicted_positives > 0)
        # Without a NORMAL every precision is 1, whatever the model: undefined, as in `evaluate`.
        total = np.where(negatives.sum(axis=1) > 0, true_positives[:, -1], 0)
        return ratio((positives * precision).sum(axis=1), total)

    return _from_counts(y_true, y_score, average)


def sensitivity_at_specificity(y_true: Labels, y_score: Scores, target: float) -> Statistic:
    """Largest sensitivity of all thresholds with a specificity of at least `target`."""
    curve = roc(y_true, y_score, np.array([1 - target]))
    return lambda weights: curve(weights)[:, 0]


def specificity_at_sensitivity(y_true: Labels, y_score: Scores, target: float) -> Statistic:
    """Largest specificity of all thresholds with a sensitivity of at least `target`."""
    # The same with the classes exchanged: a negated score ranks the NORMAL first.
    return sensitivity_at_specificity(1 - y_true, -y_score, target)


def roc(y_true: Labels, y_score: Scores, false_positive_rates: npt.NDArray[np.float64]) -> Statistic:
    """ROC curve: the largest sensitivity at each of some false positive rates, (draws, rates)."""

    def curve(positives: Draws, negatives: Draws) -> Draws:
        # Beginning with a threshold above all scores.
        true_positives, false_positives = (np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0))) for counts in (positives, negatives))
        sensitivity = ratio(true_positives, np.where(false_positives[:, -1:] > 0, true_positives[:, -1:], 0))
        curves = np.empty((len(sensitivity), len(false_positive_rates)))
        # Counts are whole numbers, so the tolerance only absorbs rounding errors.
        for row, limits in enumerate(false_positive_rates * false_positives[:, -1:] + 1e-9):
            curves[row] = sensitivity[row, np.searchsorted(false_positives[row], limits, side="right") - 1]
        return curves

    return _from_counts(y_true, y_score, curve)


def _from_counts(y_true: Labels, y_score: Scores, formula: Callable[[Draws, Draws], Draws]) -> Statistic:
    """Statistic that a formula gives for the positives and the negatives at each distinct score, in descending order."""
    order = np.argsort(-y_score, kind="stable")
    descending = y_score[order]
    starts = np.flatnonzero(np.r_[True, descending[1:] != descending[:-1]])
    positive = y_true[order] == 1

    def statistic(weights: Draws) -> Draws:
        ordered = weights[:, order]
        both = np.add.reduceat(ordered, starts, axis=1)
        positives = np.add.reduceat(ordered * positive, starts, axis=1)
        return formula(positives, both - positives)

    return statistic


def ratio(numerator: Draws, denominator: Draws) -> Draws:
    """Quotient of two arrays, nan where the denominator is not positive."""
    undefined = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0)
