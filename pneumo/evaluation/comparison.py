"""Whether two models differ by more than chance, on the same radiographs."""

import math

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, norm, rankdata

from pneumo.evaluation.scores import Labels, Result, Scores


class DeLong(Result):
    """Difference of two AUROCs, first minus second, against its standard error."""

    difference: float
    standard_error: float
    p: float | None
    """Two-sided; None where the standard error is zero, so that nothing can be tested."""


class McNemar(Result):
    """Radiographs on which one model decides rightly and the other wrongly; where both are right or wrong says nothing."""

    only_first_right: int
    only_second_right: int
    p: float
    """Two-sided, exact: were both equally good, each of these radiographs would fall to either like a coin."""


def delong_covariance(y_true: Labels, y_score: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """AUROCs of several models and their covariance (DeLong et al. 1988), by midranks in N log N (Sun & Xu 2014).

    Args:
        y_true: (N,), with two radiographs of each class at least.
        y_score: (models, N).

    Returns:
        (models,) and (models, models).

    Raises:
        ValueError: a class has fewer than two radiographs.
    """
    positive = y_true == 1
    m, n = int(positive.sum()), int((~positive).sum())
    if min(m, n) < 2:  # noqa: PLR2004
        raise ValueError(f"DeLong needs two radiographs of each class at least: got {n} NORMAL and {m} PNEUMONIA")
    everywhere = rankdata(y_score, axis=1)
    # Share of the other class that each radiograph is ranked rightly against: rank among all, less rank within its own class.
    of_positives = (everywhere[:, positive] - rankdata(y_score[:, positive], axis=1)) / n
    of_negatives = 1 - (everywhere[:, ~positive] - rankdata(y_score[:, ~positive], axis=1)) / m
    covariance = np.atleast_2d(np.cov(of_positives)) / m + np.atleast_2d(np.cov(of_negatives)) / n
    return of_positives.mean(axis=1), covariance


def delong(y_true: Labels, first: Scores, second: Scores) -> DeLong:
    """Test whether two models have the same AUROC on the same radiographs.

    It takes radiographs for independent: where patients have several, it is a little too sure.

    Raises:
        ValueError: a class has fewer than two radiographs.
    """
    areas, covariance = delong_covariance(y_true, np.stack([first, second]))
    difference = float(areas[0] - areas[1])
    # Rounding may take a variance of zero below it.
    error = math.sqrt(max(float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]), 0))
    p = None if error < 1e-12 else float(2 * norm.sf(abs(difference) / error))  # noqa: PLR2004
    return DeLong(difference=difference, standard_error=error, p=p)


def mcnemar(first_right: npt.NDArray[np.bool_], second_right: npt.NDArray[np.bool_]) -> McNemar:
    """Test whether two models decide rightly equally often (McNemar 1947, the exact binomial form)."""
    only_first, only_second = int((first_right & ~second_right).sum()), int((second_right & ~first_right).sum())
    discordant = only_first + only_second
    p = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return McNemar(only_first_right=only_first, only_second_right=only_second, p=p)
