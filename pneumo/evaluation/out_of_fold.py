"""Scores of repeated cross-validations on the same radiographs, with intervals by bootstrap of the patients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pneumo.evaluation import weighted_scores
from pneumo.evaluation.bootstrap import Estimate, estimates
from pneumo.evaluation.scores import Labels, Result, Scores
from pneumo.evaluation.weighted_scores import Draws, Statistic, ratio

SCORES = ("auroc", "accuracy", "sensitivity", "specificity", "brier")

Folds = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Probabilities and decisions of R repetitions on the same N radiographs, each by a head that was fitted outside its fold."""

    fold: Folds
    """(R, N), number of the radiograph's fold."""
    probability: Scores
    """(R, N), of PNEUMONIA, temperature-scaled."""
    predicted: npt.NDArray[np.bool_]
    """(R, N), whether PNEUMONIA is predicted."""


class CurveScores(Result):
    """Scores out of fold, means over the repetitions, with intervals by patient bootstrap."""

    auroc: Estimate
    """Mean over the folds: scores of heads that were fitted apart are on different scales, so folds are not pooled."""
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate
    brier: Estimate
    """Of temperature-scaled probabilities."""


def curve_scores(patient: npt.NDArray[np.str_], statistics: Mapping[str, Statistic]) -> CurveScores:
    """Estimate the SCORES from their statistics on radiographs of patients (N,)."""
    return CurveScores(**estimates(patient, statistics)[0])


def curve_statistics(y_true: Labels, out_of_fold: OutOfFold) -> dict[str, Statistic]:
    """The SCORES as statistics of weights of the radiographs, (draws, N)."""
    correct = (out_of_fold.predicted == (y_true == 1)).mean(axis=0)
    error = ((out_of_fold.probability - y_true) ** 2).mean(axis=0)
    everywhere = np.ones(len(y_true))
    return {
        "auroc": fold_auroc(y_true, out_of_fold),
        "accuracy": _mean_among(correct, everywhere),
        "sensitivity": _mean_among(correct, y_true == 1),
        "specificity": _mean_among(correct, y_true == 0),
        "brier": _mean_among(error, everywhere),
    }


def differences(minuends: Mapping[str, Statistic], subtrahends: Mapping[str, Statistic]) -> dict[str, Statistic]:
    """Paired differences of statistics of the same name, on the same radiographs."""
    return {name: _difference(minuends[name], subtrahends[name]) for name in SCORES}


def fold_auroc(y_true: Labels, out_of_fold: OutOfFold) -> Statistic:
    """Mean of the AUROCs of all folds of all repetitions, of those in which a draw leaves both classes."""
    return _mean_of([area for repeat in range(len(out_of_fold.fold)) for area in _fold_areas(y_true, out_of_fold, repeat)])


def auroc_spread(y_true: Labels, out_of_fold: OutOfFold) -> float | None:
    """Sample standard deviation of the AUROC over the repetitions; None of one."""
    ones, repeats = np.ones((1, len(y_true))), range(len(out_of_fold.fold))
    areas = [float(_mean_of(_fold_areas(y_true, out_of_fold, repeat))(ones)[0]) for repeat in repeats]
    return float(np.std(areas, ddof=1)) if len(areas) > 1 else None


def _fold_areas(y_true: Labels, out_of_fold: OutOfFold, repeat: int) -> list[tuple[Folds, Statistic]]:
    """Rows of each fold of a repetition, and the AUROC as a statistic of their weights."""
    fold, probability = out_of_fold.fold[repeat], out_of_fold.probability[repeat]
    rows_of_folds = [np.flatnonzero(fold == number) for number in np.unique(fold)]
    return [(rows, weighted_scores.auroc(y_true[rows], probability[rows])) for rows in rows_of_folds]


def _mean_of(areas: Sequence[tuple[Folds, Statistic]]) -> Statistic:
    def mean(weights: Draws) -> Draws:
        values = np.stack([area(weights[:, rows]) for rows, area in areas])
        return ratio(np.nansum(values, axis=0), (~np.isnan(values)).sum(axis=0))

    return mean


def _mean_among(values: npt.NDArray[np.float64], among: npt.NDArray[np.generic]) -> Statistic:
    """Weighted mean of values (N,) among some of the radiographs (N,)."""
    members = among.astype(float)
    return lambda weights: ratio(weights @ (values * members), weights @ members)


def _difference(minuend: Statistic, subtrahend: Statistic) -> Statistic:
    return lambda weights: minuend(weights) - subtrahend(weights)
