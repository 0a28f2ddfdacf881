"""Agreement of two raters of the same radiographs: share of equal findings, and Cohen's κ, with intervals by patient bootstrap."""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import cohen_kappa_score

from pneumo.evaluation.bootstrap import Estimate, Proportion, estimates, patient_bootstrap, percentile_interval
from pneumo.evaluation.scores import Result
from pneumo.evaluation.weighted_scores import Draws, Statistic, ratio

Findings = npt.NDArray[np.bool_]
"""Findings of one rater, (N,), true where PNEUMONIA."""


class Agreement(Result):
    """Agreement of two raters on the radiographs that both decided."""

    radiographs: int
    patients: int
    same: int
    """Radiographs with equal findings."""
    raw: Estimate
    """Share of equal findings; undefined without radiographs."""
    kappa: Estimate
    """Cohen's κ (Cohen 1960): agreement beyond what the raters' own frequencies give by chance, at most 1.

    Undefined where both give one and the same finding throughout. No interval where all bootstrap samples give the same value, as
    with κ = 1.
    """


def agreement(first: Findings, second: Findings, patient: npt.NDArray[Any]) -> Agreement:
    """Compare the findings of two raters on the same radiographs, (N,) each, of these patients, (N,)."""
    same, undefined = first == second, Estimate(value=None)
    raw = undefined
    if same.size:
        raw = estimates(patient, {}, {"raw": Proportion(same, np.ones_like(same))})[0]["raw"]
    defined = np.unique(np.concatenate([first, second])).size > 1
    return Agreement(
        radiographs=same.size,
        patients=np.unique(patient).size,
        same=int(same.sum()),
        raw=raw,
        kappa=_kappa_estimate(first, second, patient) if defined else undefined,
    )


def kappa(first: Findings, second: Findings) -> Statistic:
    """Cohen's κ of two raters, (N,) each, for many weightings of the radiographs."""
    same = first == second

    def statistic(weights: Draws) -> Draws:
        total = weights.sum(axis=1)
        observed, one, other = (ratio(weights @ mask, total) for mask in (same, first, second))
        by_chance = one * other + (1 - one) * (1 - other)
        return ratio(observed - by_chance, 1 - by_chance)

    return statistic


def _kappa_estimate(first: Findings, second: Findings, patient: npt.NDArray[Any]) -> Estimate:
    draws = patient_bootstrap(patient, {"kappa": kappa(first, second)})["kappa"]
    return percentile_interval(float(cohen_kappa_score(first, second)), draws)
