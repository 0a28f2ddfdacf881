"""Referral: radiographs whose decision is uncertain are referred to a reader, so that the others have few errors.

A radiograph is referred where its certainty lies below a cutoff, which is chosen on shifted validation, or out of fold for an
adapted model. Coverage is the share that is not referred, and risk the error rate among these (El-Yaniv & Wiener 2010; Geifman &
El-Yaniv 2017).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from pneumo.evaluation.calibration import logits
from pneumo.evaluation.scores import Labels, Result, Scores
from pneumo.evaluation.weighted_scores import Draws, Statistic, ratio

Certainty = npt.NDArray[np.float64]
Criterion = Literal["margin", "spread"]
"""What tells how certain a decision is: distance of the logit from the threshold's, or how little those of an ensemble differ."""


class Referral(Result):
    """When a decision is referred, and how the rule was chosen."""

    criterion: Criterion
    cutoff: float | None
    """Certainty below which a decision is referred; None: all are, because no cutoff keeps the error rate."""
    most_errors: float
    """Largest error rate among the others, on the radiographs that it was chosen on."""
    risk_area: dict[Criterion, float]
    """Area under their risk–coverage curve by each criterion that the model has, lower is better."""
    chosen_on: str = "shifted validation"
    """Radiographs that criterion and cutoff were chosen on, as a phrase."""

    def referred(self, certainty: Certainty) -> npt.NDArray[np.bool_]:
        """Return whether decisions of these certainties, (N,), are referred, (N,)."""
        return np.ones(certainty.shape, bool) if self.cutoff is None else certainty < self.cutoff


def margin(y_score: Scores, threshold: float) -> Certainty:
    """Return the distance of scores, (N,), from the threshold, in logits, (N,)."""
    return np.abs(logits(np.asarray(y_score, np.float64)) - logits(np.asarray([threshold]))[0])


def wrong_decisions(y_true: Labels, y_score: Scores, threshold: float) -> npt.NDArray[np.bool_]:
    """Return whether decisions at the threshold are wrong, (N,)."""
    return np.asarray((np.asarray(y_score) >= threshold) != np.asarray(y_true, bool))


def choose_referral(errors: npt.NDArray[np.bool_], certainty: dict[Criterion, Certainty], most_errors: float) -> Referral:
    """Choose the criterion with the smaller area under the risk–coverage curve, and the cutoff that refers fewest.

    Args:
        errors: (N,), whether the decision at the threshold is wrong.
        certainty: (N,) by criterion.
        most_errors: largest error rate among the radiographs that are not referred.
    """
    areas = {criterion: risk_area(errors, values) for criterion, values in certainty.items()}
    best = min(areas, key=lambda criterion: areas[criterion])
    return Referral(criterion=best, cutoff=_cutoff(errors, certainty[best], most_errors), most_errors=most_errors, risk_area=areas)


def risk_coverage(errors: npt.NDArray[np.bool_], certainty: Certainty) -> tuple[Certainty, Certainty]:
    """Return coverage and risk, (K,) each, of every cutoff, from the most certain radiographs to all of them.

    Radiographs of equal certainty are referred together.
    """
    order = np.argsort(-certainty, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(certainty[order]) != 0, True))
    return (ends + 1) / len(order), np.cumsum(errors[order])[ends] / (ends + 1)


def risk_area(errors: npt.NDArray[np.bool_], certainty: Certainty) -> float:
    """Return the area under the risk–coverage curve: the mean risk over all numbers of radiographs that are not referred."""
    coverage, risk = risk_coverage(errors, certainty)
    return float(np.sum(risk * np.diff(coverage, prepend=0)))


def _cutoff(errors: npt.NDArray[np.bool_], certainty: Certainty, most_errors: float) -> float | None:
    coverage, risk = risk_coverage(errors, certainty)
    kept = np.flatnonzero(risk <= most_errors)
    if not kept.size:
        return None
    ordered = np.sort(certainty)[::-1]
    return float(ordered[round(coverage[kept[-1]] * len(ordered)) - 1])


def certainties(y_score: Scores, threshold: float, member_scores: Sequence[Scores] = ()) -> dict[Criterion, Certainty]:
    """Return the certainty of decisions, (N,), by each criterion that a model has.

    Args:
        y_score: (N,), scores of the model.
        threshold: locked on validation.
        member_scores: (N,) of each member of an ensemble.
    """
    found: dict[Criterion, Certainty] = {"margin": margin(y_score, threshold)}
    if member_scores:
        found["spread"] = -np.std([logits(np.asarray(scores, np.float64)) for scores in member_scores], axis=0)
    return found


def risk_at_coverages(errors: npt.NDArray[np.bool_], certainty: Certainty, coverages: npt.NDArray[np.float64]) -> Statistic:
    """Return the statistic "risk of the most certain share" for shares in 0..1, (K,): (draws, K) by weights (draws, N)."""
    order = np.argsort(-certainty, kind="stable")
    wrong = errors[order]

    def risk(weights: Draws) -> Draws:
        kept = np.cumsum(weights[:, order], axis=1)
        mistakes = np.cumsum(weights[:, order] * wrong, axis=1)
        values = np.empty((len(weights), len(coverages)))
        for row, limits in enumerate(coverages * kept[:, -1:]):
            last = np.minimum(np.searchsorted(kept[row], limits - 1e-9), kept.shape[1] - 1)
            values[row] = ratio(mistakes[row, last], kept[row, last])
        return values

    return risk
