"""Learning curve of an adaptation: scores of refitted heads by the number of labelled radiographs, by nested cross-validation.

Each repetition divides the patients into outer folds. Outside each fold, whole patients are drawn until so many radiographs are
labelled; heads, penalty, threshold and temperature come from these alone, and the fold is scored.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from pneumo.evaluation.labelling import draw_labelled
from pneumo.evaluation.linear_head import INNER_FOLDS, AdaptedHead, Features, LinearHead, Patients, adapt_head
from pneumo.evaluation.out_of_fold import (
    CurveScores,
    Folds,
    OutOfFold,
    auroc_spread,
    curve_scores,
    curve_statistics,
    differences,
)
from pneumo.evaluation.scores import Labels, Result, Scores

SIZES = (25, 50, 100, 200)
"""Numbers of labelled radiographs, besides all."""
OUTER_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Site:
    """Radiographs of a site with a network's features of them."""

    features: tuple[Features, ...]
    """Of each member of an ensemble, or of the one network, (N, D)."""
    y_true: Labels
    """(N,), 1 where PNEUMONIA."""
    patient: Patients
    """(N,)."""
    heads: tuple[LinearHead, ...]
    """The network's own head, or that of each member."""

    def rows(self, rows: npt.NDArray[np.intp]) -> "Site":
        """Return some of the radiographs."""
        return Site(tuple(block[rows] for block in self.features), self.y_true[rows], self.patient[rows], self.heads)

    def adapt(self, seed: int) -> AdaptedHead:
        """Refit the heads to all these radiographs; the seed is that of the inner folds."""
        return adapt_head(self.features, self.y_true, self.patient, self.heads, seed=seed)


@dataclass(frozen=True, eq=False)
class Unadapted:
    """What the unadapted model says of the N radiographs of a site."""

    probability: Scores
    """(N,), temperature-scaled."""
    predicted: npt.NDArray[np.bool_]
    """(N,), whether PNEUMONIA is predicted at its locked threshold."""

    def out_of_fold(self, folds: Folds) -> OutOfFold:
        """Return the same in every repetition, to be compared fold by fold."""
        return OutOfFold(folds, np.broadcast_to(self.probability, folds.shape), np.broadcast_to(self.predicted, folds.shape))


class CurvePoint(Result):
    """Scores after labelling a number of radiographs."""

    labels: int | None
    """None: all outside the fold."""
    labelled: float
    """Radiographs that were labelled, mean over folds and repetitions."""
    scores: CurveScores
    difference: CurveScores
    """Minus the scores of the unadapted model on the same radiographs: paired."""
    auroc_sd: float | None
    """Sample standard deviation of the AUROC over the repetitions; None of one."""
    corrections: float
    """Share of the heads that the penalty drew to the old head, 0..1."""


class LearningCurve(Result):
    """Scores by the number of labelled radiographs, and of the unadapted model on the same radiographs."""

    folds: int
    repeats: int
    unadapted: CurveScores
    points: tuple[CurvePoint, ...]
    """By ascending number of labels; the last has all."""

    def point(self, labels: int | None) -> CurvePoint:
        """Return the point of so many labels, or the last one where the curve has none of them."""
        return next((point for point in self.points if point.labels == labels), self.points[-1])


def curve_sizes(y_true: Labels, labels: int | None) -> list[int | None]:
    """Numbers of labels of the curve, ascending, with None for all at the end.

    They are the SIZES and the number that is asked for, those that fit outside an outer fold and have a radiograph of each class
    for every inner fold.
    """
    available = len(y_true) * (OUTER_FOLDS - 1) // OUTER_FOLDS
    rarer = np.bincount(y_true, minlength=2).min() / len(y_true)
    wanted = sorted({*SIZES, *(() if labels is None else (labels,))})
    return [*(size for size in wanted if size < available and size * rarer >= INNER_FOLDS), None]


def repeated_folds(site: Site, repeats: int, seed: int) -> Folds:
    """Number of each radiograph's outer fold in each repetition, (R, N): grouped by patient and stratified by label."""
    folds = np.empty((repeats, len(site.y_true)), np.intp)
    for repeat in range(repeats):
        splitter = StratifiedGroupKFold(OUTER_FOLDS, shuffle=True, random_state=seed + repeat)
        for number, (_, scored) in enumerate(splitter.split(site.y_true, site.y_true, site.patient)):
            folds[repeat, scored] = number
    return folds


def labelled_outside(site: Site, fold: npt.NDArray[np.bool_], labels: int | None, seed: list[int]) -> npt.NDArray[np.intp]:
    """Rows of so many radiographs outside a fold (N,), or of all; the seed is that of the draw."""
    outside = np.flatnonzero(~fold)
    return outside if labels is None else outside[draw_labelled(site.y_true[outside], site.patient[outside], labels, seed)]


def score_out_of_fold(site: Site, folds: Folds, labels: int | None, *, rule: str, seed: int) -> tuple[OutOfFold, float, float]:
    """Refit the heads to so many labelled radiographs, or all, outside each of the outer folds (R, N), and score the fold.

    Args:
        rule: by which the threshold is chosen, a key of `AdaptedHead.thresholds`.
        seed: of the draws and of the inner folds.

    Returns:
        Scores out of fold, mean number of labelled radiographs, and share of the heads that the penalty drew to the old head.
    """
    probability, predicted = np.empty(folds.shape), np.empty(folds.shape, bool)
    counts, corrections = [], []
    for repeat, number in np.ndindex(len(folds), OUTER_FOLDS):
        scored = folds[repeat] == number
        rows = labelled_outside(site, scored, labels, [seed, repeat, number, labels or 0])
        adapted = site.rows(rows).adapt(seed + repeat)
        features = [block[scored] for block in site.features]
        probability[repeat, scored] = adapted.probabilities(features)
        predicted[repeat, scored] = adapted.scores(features) >= adapted.thresholds[rule]
        counts.append(rows.size)
        corrections += [penalty.target == "old head" for penalty in adapted.penalties]
    return OutOfFold(folds, probability, predicted), float(np.mean(counts)), float(np.mean(corrections))


def curve_point(
    site: Site, folds: Folds, unadapted: Unadapted, labels: int | None, *, rule: str, seed: int
) -> tuple[CurvePoint, OutOfFold]:
    """Scores of heads refitted to so many labels, and what they were computed from; arguments as of `score_out_of_fold`."""
    out_of_fold, labelled, corrections = score_out_of_fold(site, folds, labels, rule=rule, seed=seed)
    own, before = (curve_statistics(site.y_true, scored) for scored in (out_of_fold, unadapted.out_of_fold(folds)))
    point = CurvePoint(
        labels=labels,
        labelled=labelled,
        scores=curve_scores(site.patient, own),
        difference=curve_scores(site.patient, differences(own, before)),
        auroc_sd=auroc_spread(site.y_true, out_of_fold),
        corrections=corrections,
    )
    return point, out_of_fold


def unadapted_scores(site: Site, folds: Folds, unadapted: Unadapted) -> CurveScores:
    """Scores of the unadapted model on the same radiographs and folds."""
    return curve_scores(site.patient, curve_statistics(site.y_true, unadapted.out_of_fold(folds)))
