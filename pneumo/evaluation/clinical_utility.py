"""What a model would be worth to somebody who uses it: at another threshold, in another clinic, against treating all or none."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.operating_point import Fixed
from pneumo.evaluation.scores import Labels, Result, Scores

PREVALENCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
TARGETS: tuple[tuple[Fixed, float], ...] = (
    ("sensitivity", 0.95),
    ("sensitivity", 0.97),
    ("specificity", 0.9),
    ("specificity", 0.95),
)
CHOICES = tuple(percent / 100 for percent in range(1, 100))
"""Probabilities of PNEUMONIA at which somebody might begin to treat."""


class FixedPoint(Result):
    """One of sensitivity and specificity held fast, and what then becomes of both."""

    fixed: Fixed
    target: float
    threshold: float | None
    """Chosen on shifted validation; None where none reaches the target there."""
    validation_shifted_sensitivity: Estimate
    """There, at that threshold."""
    validation_shifted_specificity: Estimate
    test_sensitivity: Estimate
    """On test at that threshold; the target need not be kept."""
    test_specificity: Estimate
    test_read_off: Estimate
    """The quantity not fixed, with the threshold chosen on test itself: what the ROC curve holds, and nobody could have locked."""


class PredictiveValues(Result):
    """Of radiographs called PNEUMONIA the share that are, and of radiographs called NORMAL the share that are, at one prevalence."""

    prevalence: float
    positive: Estimate
    negative: Estimate


class DecisionCurve(Result):
    """Net benefit by the probability from which on one treats, as shares of all radiographs."""

    choices: tuple[float, ...]
    model: tuple[float, ...]
    treat_all: tuple[float, ...]
    """Treating none has a net benefit of 0 throughout."""


def predictive_values(
    sensitivity: npt.ArrayLike | None, specificity: npt.ArrayLike | None, prevalence: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Positive and negative predictive value by Bayes' rule, nan where nobody is called so.

    Args:
        sensitivity: undefined where None or nan, like specificity.
    """
    sensitivity, specificity = np.asarray(sensitivity, dtype=np.float64), np.asarray(specificity, dtype=np.float64)
    ill_called, well_called = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    ill_passed, well_passed = prevalence - ill_called, (1 - prevalence) - well_called
    return _share(ill_called, well_called), _share(well_passed, ill_passed)


def decision_curve(y_true: Labels, y_score: Scores, choices: Sequence[float] = CHOICES) -> DecisionCurve:
    """Net benefit of treating wherever y_score ≥ choice (Vickers & Elkin 2006).

    Somebody who treats from a probability p on holds one missed pneumonia for as bad as (1 − p) / p needless treatments. So a true
    positive counts 1, and a false one p / (1 − p) against it.
    """
    odds = {choice: choice / (1 - choice) for choice in choices}
    ill = float(np.mean(y_true))
    return DecisionCurve(
        choices=tuple(choices),
        model=tuple(
            float(np.mean((y_score >= choice) & (y_true == 1)) - np.mean((y_score >= choice) & (y_true == 0)) * odds[choice])
            for choice in choices
        ),
        treat_all=tuple(ill - (1 - ill) * odds[choice] for choice in choices),
    )


def _share(right: npt.NDArray[np.float64], wrong: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    called = right + wrong
    return np.divide(right, called, out=np.full_like(called, np.nan), where=called > 0)
