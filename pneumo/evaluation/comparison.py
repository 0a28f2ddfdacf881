"""Comparison of models on the same radiographs: DeLong's and McNemar's paired tests, and the rule that selects a model."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, norm, rankdata

from pneumo.evaluation.scores import Evaluation, Labels, Result, Scores

RULE = (
    "the highest AUROC on validation by worst views (each radiograph counts once, by the shifted view that the model scores worst);"
    " ties are broken by the lower cross-entropy of the same views"
)


class DeLong(Result):
    """DeLong's test: difference of two AUROCs, first minus second."""

    difference: float
    standard_error: float
    p: float | None
    """Two-sided; None where the standard error is zero."""


class McNemar(Result):
    """McNemar's test: radiographs that only one of two models classifies correctly (discordant pairs)."""

    only_first_correct: int
    only_second_correct: int
    p: float
    """Two-sided, exact binomial."""


def delong_covariance(y_true: Labels, y_score: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """AUROCs (models,) of scores (models, N), and their covariance (models, models) (DeLong et al. 1988).

    By midranks in O(N log N) (Sun & Xu 2014).

    Raises:
        ValueError: a class has fewer than two radiographs.
    """
    positive = y_true == 1
    m, n = int(positive.sum()), int((~positive).sum())
    if min(m, n) < 2:  # noqa: PLR2004
        raise ValueError(f"DeLong's test needs at least two radiographs of each class: got {n} NORMAL and {m} PNEUMONIA")
    ranks = rankdata(y_score, axis=1)
    # Placement values: the fraction of the other class that a radiograph is ordered correctly against, from its rank among all
    # less its rank within its own class.
    of_positives = (ranks[:, positive] - rankdata(y_score[:, positive], axis=1)) / n
    of_negatives = 1 - (ranks[:, ~positive] - rankdata(y_score[:, ~positive], axis=1)) / m
    covariance = np.atleast_2d(np.cov(of_positives)) / m + np.atleast_2d(np.cov(of_negatives)) / n
    return of_positives.mean(axis=1), covariance


def delong(y_true: Labels, first: Scores, second: Scores) -> DeLong:
    """Test whether two models have the same AUROC on the same radiographs.

    Radiographs are assumed to be independent: where patients have several, p is a little too small.

    Raises:
        ValueError: a class has fewer than two radiographs.
    """
    areas, covariance = delong_covariance(y_true, np.stack([first, second]))
    difference = float(areas[0] - areas[1])
    # Rounding can make a variance of zero negative.
    error = math.sqrt(max(float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]), 0))
    p = None if error < 1e-12 else float(2 * norm.sf(abs(difference) / error))  # noqa: PLR2004
    return DeLong(difference=difference, standard_error=error, p=p)


def mcnemar(first_correct: npt.NDArray[np.bool_], second_correct: npt.NDArray[np.bool_]) -> McNemar:
    """Test whether two models have the same accuracy on the same radiographs (McNemar 1947, exact binomial form)."""
    only_first, only_second = int((first_correct & ~second_correct).sum()), int((second_correct & ~first_correct).sum())
    discordant = only_first + only_second
    p = float(binomtest(only_first, discordant).pvalue) if discordant else 1.0
    return McNemar(only_first_correct=only_first, only_second_correct=only_second, p=p)


def rank_models(worst_views: Sequence[Evaluation]) -> list[int]:
    """Rank models by their scores by worst views, and return their indices, that of the selected model first.

    Test scores are not used: a test split that selects is part of the training data.
    """
    keys = [(-1.0 if scores.auroc is None else scores.auroc, -scores.loss) for scores in worst_views]
    return sorted(range(len(worst_views)), key=keys.__getitem__, reverse=True)
