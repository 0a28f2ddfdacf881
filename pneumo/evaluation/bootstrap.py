"""How far a score could lie with other patients: intervals of a bootstrap that draws patients, not radiographs.

Radiographs of one patient resemble each other; drawing them one by one would count the same evidence several times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from pneumo.evaluation import weighted
from pneumo.evaluation.scores import Result
from pneumo.evaluation.weighted import Draws, Statistic

DRAWS = 2000
LEVEL = 0.95
UNDEFINED_AT_MOST = 0.05
"""Share of the draws that may give no value. Where more do, what is left is no sample of what might have been."""
_BLOCK = 250


class Estimate(Result):
    """A value and its 95 % interval; both ends are None where the data give none."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Share:
    """Some of the radiographs, and which of them hit; both (N,)."""

    hit: npt.NDArray[np.bool_]
    among: npt.NDArray[np.bool_]


def patient_bootstrap(
    patient: npt.ArrayLike, statistics: Mapping[str, Statistic], *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Draws]:
    """Evaluate statistics on samples of patients, drawn with replacement, each with all its radiographs.

    The same patients and seed give the same draws: differences of two models on the same radiographs may be taken draw by draw.

    Args:
        patient: (N,), whose radiograph it is.

    Returns:
        The values of each statistic, (draws, …), nan where a draw gives none.
    """
    patients, owner = np.unique(np.asarray(patient, dtype=str), return_inverse=True)
    drawn = _samples(patients.size, draws, seed)
    values: dict[str, list[Draws]] = {name: [] for name in statistics}
    for start in range(0, draws, _BLOCK):
        weights = drawn[start : start + _BLOCK, owner].astype(np.float64)
        for name, statistic in statistics.items():
            values[name].append(statistic(weights))
    return {name: np.concatenate(blocks) for name, blocks in values.items()}


@lru_cache(maxsize=4)
def _samples(patients: int, draws: int, seed: int) -> npt.NDArray[np.int64]:
    """Draw patients with replacement: how often each is in each sample. Kept, since all models are scored on the same patients."""
    return np.random.default_rng(seed).multinomial(patients, np.full(patients, 1 / patients), size=draws)


def estimates(
    patient: npt.ArrayLike, scores: Mapping[str, Statistic], shares: Mapping[str, Share] = MappingProxyType({})
) -> tuple[dict[str, Estimate], dict[str, Draws]]:
    """Evaluate scores and shares with their intervals, all on the same draws.

    Returns:
        The estimates, and the draws that they were made from.
    """
    owners = np.asarray(patient, dtype=str)
    draws = patient_bootstrap(owners, scores)
    values = {name: float(statistic(np.ones((1, owners.size)))[0]) for name, statistic in scores.items()}
    for name, each in shares.items():
        # Counted by patient, so that a draw sums over patients and not over their many radiographs.
        counts = weighted.counts_by_owner(owners, each.hit, each.among)
        draws[name] = weighted.share(counts)(_samples(len(counts), DRAWS, 0).astype(np.float64))
        values[name] = float(weighted.share(counts)(np.ones((1, len(counts))))[0])
    found = {name: percentile(values[name], draws[name]) for name in draws}
    for name, each in shares.items():
        if values[name] in (0, 1):
            found[name] = exact(int(values[name]), np.unique(owners[each.among]).size)
    return found, draws


def percentile(value: float, draws: Draws) -> Estimate:
    """Take the middle 95 % of the draws.

    No interval where too many draws give no value, nor where nearly all give the same: a bootstrap that saw nothing vary knows
    nothing of how it varies.

    Args:
        value: of the radiographs as they are; nan: undefined.
    """
    if np.isnan(value):
        return Estimate(value=None)
    defined = draws[~np.isnan(draws)]
    if defined.size < (1 - UNDEFINED_AT_MOST) * draws.size:
        return Estimate(value=value)
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value=value, low=float(low), high=float(high)) if low < high else Estimate(value=value)


def exact(value: int, patients: int) -> Estimate:
    """Give Clopper and Pearson's interval of a share of 0 or 1, which no bootstrap draw leaves.

    Every patient counts once: radiographs of one patient are not separate evidence.
    """
    interval = binomtest(patients * value, patients).proportion_ci(LEVEL, method="exact")
    return Estimate(value=value, low=float(interval.low), high=float(interval.high))
