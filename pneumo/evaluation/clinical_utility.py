"""Clinical utility: operating points at fixed sensitivity or specificity, predictive values by prevalence, and net benefit."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.operating_point import FixedQuantity
from pneumo.evaluation.scores import Labels, Result, Scores
from pneumo.evaluation.weighted_scores import ratio

PREVALENCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
TARGETS: tuple[tuple[FixedQuantity, float], ...] = (
    ("sensitivity", 0.95),
    ("sensitivity", 0.97),
    ("specificity", 0.9),
    ("specificity", 0.95),
)
THRESHOLD_PROBABILITIES = tuple(percent / 100 for percent in range(1, 100))


class FixedOperatingPoint(Result):
    """Operating point at fixed sensitivity or specificity: the threshold, and both scores at it."""

    fixed: FixedQuantity
    target: float
    threshold: float | None
    """Chosen on shifted validation; None where no threshold reaches the target there."""
    validation_shifted_sensitivity: Estimate = Estimate(value=None)
    validation_shifted_specificity: Estimate = Estimate(value=None)
    test_sensitivity: Estimate = Estimate(value=None)
    """At that threshold: on test the target can be missed."""
    test_specificity: Estimate = Estimate(value=None)
    test_read_off: Estimate
    """The other quantity at the target, read off the test ROC curve: its threshold is chosen on test and could not be locked."""


class PredictiveValues(Result):
    """Positive and negative predictive value at one prevalence."""

    prevalence: float
    positive: Estimate
    negative: Estimate


class DecisionCurve(Result):
    """Decision curve: net benefit, as a fraction of all radiographs, by threshold probability."""

    threshold_probabilities: tuple[float, ...]
    """Probabilities of PNEUMONIA at or above which a physician would treat."""
    model: tuple[float, ...]
    treat_all: tuple[float, ...]
    """The net benefit of treating none is 0 throughout."""


def predictive_values(
    sensitivity: npt.ArrayLike | None, specificity: npt.ArrayLike | None, prevalence: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Positive and negative predictive value by Bayes' theorem; nan where there are no such predictions or a rate is undefined."""
    sensitivity, specificity = np.asarray(sensitivity, dtype=np.float64), np.asarray(specificity, dtype=np.float64)
    true_positives, false_positives = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    false_negatives, true_negatives = prevalence - true_positives, (1 - prevalence) - false_positives
    positive = ratio(true_positives, true_positives + false_positives)
    return positive, ratio(true_negatives, true_negatives + false_negatives)


def decision_curve(
    y_true: Labels, y_score: Scores, threshold_probabilities: Sequence[float] = THRESHOLD_PROBABILITIES
) -> DecisionCurve:
    """Net benefit of treating at or above each threshold probability p (Vickers & Elkin 2006).

    Treating at or above p means that one missed pneumonia is as bad as (1 − p) / p unnecessary treatments: a true positive counts
    1, a false positive −p / (1 − p).
    """
    thresholds, prevalence = np.array(threshold_probabilities), np.mean(y_true)
    odds, treated = thresholds / (1 - thresholds), y_score >= thresholds[:, None]
    net_benefit = np.mean(treated & (y_true == 1), axis=1) - np.mean(treated & (y_true == 0), axis=1) * odds
    return DecisionCurve(
        threshold_probabilities=tuple(threshold_probabilities),
        model=tuple(net_benefit.tolist()),
        treat_all=tuple((prevalence - (1 - prevalence) * odds).tolist()),
    )
