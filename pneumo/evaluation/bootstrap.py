"""Confidence intervals by bootstrap over patients, each drawn with all its radiographs (cluster bootstrap).

Radiographs of one patient are correlated: drawn separately, they would count the same evidence several times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from pneumo.evaluation.scores import Result
from pneumo.evaluation.weighted_scores import Draws, Statistic, ratio

DRAWS = 2000
SEED = 0
CONFIDENCE_LEVEL = 0.95
MAX_UNDEFINED = 0.05
"""Fraction of draws that may be undefined. With more, the others are not a sample of the statistic's distribution."""
_BLOCK_VALUES = 4_000_000
"""Weights that are evaluated at once, at most: 32 MB, of which a statistic makes several copies."""


class Estimate(Result):
    """A value and its 95 % confidence interval, whose ends are None where the data give none."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Proportion:
    """Successes among some of the radiographs, both (N,): sensitivity counts correct predictions among the PNEUMONIA."""

    success: npt.NDArray[np.bool_]
    among: npt.NDArray[np.bool_]

    def statistic(self, patient: npt.NDArray[Any]) -> Statistic:
        """Return the proportion by weights of the patients in sorted order: sums over patients, not their many radiographs."""
        patients, index = np.unique(patient, return_inverse=True)
        masks = (self.success & self.among, self.among)
        counts = np.stack([np.bincount(index, weights=mask, minlength=patients.size) for mask in masks], axis=1)

        def proportion(weights: Draws) -> Draws:
            successes, trials = (weights @ counts).T
            return ratio(successes, trials)

        return proportion


def patient_bootstrap(patient: npt.ArrayLike, statistics: Mapping[str, Statistic], *, seed: int = SEED) -> dict[str, Draws]:
    """Values of statistics on bootstrap samples of patients, each with all its radiographs: (DRAWS, …), nan where undefined.

    The same patients (N,) and seed give the same samples: two models on the same radiographs can be compared draw by draw.
    """
    patients, index = np.unique(np.asarray(patient, dtype=str), return_inverse=True)
    samples = _samples(patients.size, seed)
    values: dict[str, list[Draws]] = {name: [] for name in statistics}
    for block in _blocks(index.size):
        weights = samples[block][:, index].astype(np.float64)
        for name, statistic in statistics.items():
            values[name].append(statistic(weights))
    return {name: np.concatenate(blocks) for name, blocks in values.items()}


def _blocks(width: int) -> list[slice]:
    """Rows of the samples in blocks of at most _BLOCK_VALUES weights, `width` to a row."""
    rows = max(1, min(DRAWS, _BLOCK_VALUES // width))
    return [slice(start, start + rows) for start in range(0, DRAWS, rows)]


@lru_cache(maxsize=4)
def _samples(patients: int, seed: int) -> npt.NDArray[np.uint16]:
    """How often each sample has each patient, (DRAWS, patients); cached, since all models are scored on the same patients."""
    generator, shares = np.random.default_rng(seed), np.full(patients, 1 / patients)
    samples = np.empty((DRAWS, patients), np.uint16)
    for block in _blocks(patients):
        samples[block] = generator.multinomial(patients, shares, size=len(samples[block]))
    return samples


def estimates(
    patient: npt.ArrayLike, scores: Mapping[str, Statistic], proportions: Mapping[str, Proportion] = MappingProxyType({})
) -> tuple[dict[str, Estimate], dict[str, Draws]]:
    """Estimate scores and proportions with confidence intervals on the same samples of patients (N,), and return also the draws."""
    patients = np.asarray(patient, dtype=str)
    draws = patient_bootstrap(patients, scores)
    ones = np.ones((1, patients.size))
    intervals = {name: percentile_interval(float(statistic(ones)[0]), draws[name]) for name, statistic in scores.items()}
    number = np.unique(patients).size
    for name, counted in proportions.items():
        statistic = counted.statistic(patients)
        samples = _samples(number, SEED)
        draws[name] = np.concatenate([statistic(samples[block].astype(np.float64)) for block in _blocks(number)])
        value, trials = float(statistic(np.ones((1, number)))[0]), np.unique(patients[counted.among]).size
        intervals[name] = exact_interval(int(value), trials) if value in (0, 1) else percentile_interval(value, draws[name])
    return intervals, draws


def percentile_interval(value: float, draws: Draws) -> Estimate:
    """Percentile interval (Efron 1979): the middle 95 % of the draws.

    There is none where the value is nan, too many draws are, or nearly all are equal: such draws are no measure of variation.
    """
    if np.isnan(value):
        return Estimate(value=None)
    defined = draws[~np.isnan(draws)]
    if defined.size < (1 - MAX_UNDEFINED) * draws.size:
        return Estimate(value=value)
    low, high = np.quantile(defined, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2])
    return Estimate(value=value, low=float(low), high=float(high)) if low < high else Estimate(value=value)


def exact_interval(value: int, patients: int) -> Estimate:
    """Exact interval (Clopper & Pearson 1934) of a proportion of 0 or 1, which is the same in all bootstrap draws.

    Every patient counts once: radiographs of one patient are not independent.
    """
    interval = binomtest(patients * value, patients).proportion_ci(CONFIDENCE_LEVEL, method="exact")
    return Estimate(value=value, low=float(interval.low), high=float(interval.high))
