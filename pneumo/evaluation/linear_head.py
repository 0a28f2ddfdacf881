"""Refitting of a network's head: logistic regressions on the features before its logit, with everything else frozen.

The penalty draws the head either to zero or to a multiple of the old head (a correction of it); which, and how strongly, is chosen
by cross-validation within the labelled radiographs, grouped by patient. Threshold and temperature are chosen on the same
out-of-fold scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from pneumo.evaluation.calibration import fit_temperature, scale_temperature
from pneumo.evaluation.operating_point import balanced_threshold, youden_threshold
from pneumo.evaluation.scores import CLIP, HALF, Labels, Result, Scores

Target = Literal["zero", "old head"]
TARGETS: tuple[Target, ...] = ("zero", "old head")
"""What the penalty draws the head to."""
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Inverse strengths of the penalty, scikit-learn's C, from the strongest."""
INNER_FOLDS = 5
_MIN_FOLDS = 2
# Factor of the standardized old logit among the features: its coefficient has a hundredth of the others' penalty.
_OLD_LOGIT_SCALE = 10.0
_ITERATIONS = 1000

Features = npt.NDArray[np.floating]
Patients = npt.NDArray[np.str_]


class TooFewPatientsError(ValueError):
    """A class has too few patients for cross-validation."""


class LinearHead(NamedTuple):
    """Weights of a logit layer."""

    kernel: npt.NDArray[np.float64]
    """(D,)."""
    bias: float

    def logits(self, features: Features) -> npt.NDArray[np.float64]:
        """Return the logits (N,) of features (N, D)."""
        return np.asarray(features, np.float64) @ self.kernel + self.bias


class Penalty(Result):
    """The penalty of one head, as cross-validation chose it."""

    target: Target
    strength: float
    """Inverse strength, scikit-learn's C."""


@dataclass(frozen=True, eq=False)
class AdaptedHead:
    """Refitted heads of a network, one for each member of an ensemble, and the operating point of the mean of their logits."""

    heads: tuple[LinearHead, ...]
    penalties: tuple[Penalty, ...]
    thresholds: dict[str, float]
    """Threshold of the score by each of the rules calibration, youden and half."""
    temperature: float | None
    """Divides the logit; None where no finite positive one is optimal."""
    out_of_fold: Scores
    """(N,), score of each labelled radiograph by heads that were not fitted to its patient."""

    def scores(self, features: Sequence[Features]) -> Scores:
        """Return the scores (M,) of radiographs by the features of each member, (M, D) each, before temperature scaling."""
        return mean_score(self.heads, features)

    def probabilities(self, features: Sequence[Features]) -> Scores:
        """Return the temperature-scaled probabilities, (M,)."""
        scores = self.scores(features)
        return scores if self.temperature is None else scale_temperature(scores, self.temperature)


def mean_score(heads: Sequence[LinearHead], features: Sequence[Features]) -> Scores:
    """Score of the mean of the heads' logits, (N,), from the features (N, D) of each."""
    logits = [head.logits(block) for head, block in zip(heads, features, strict=True)]
    return np.asarray(expit(np.mean(logits, axis=0)))


def adapt_head(
    features: Sequence[Features], y_true: Labels, patient: Patients, old: Sequence[LinearHead], *, seed: int
) -> AdaptedHead:
    """Refit the head of each member of an ensemble, or of a single network, to labelled radiographs.

    Members are refitted one by one, on the same folds: the spread of their logits stays a measure of their disagreement, and each
    regression has as few features as a single network.

    Args:
        features: of each member, (N, D).
        y_true: (N,), 1 where PNEUMONIA.
        patient: (N,).
        old: head of each member.
        seed: of the folds.

    Raises:
        TooFewPatientsError: a class has fewer than two patients.
    """
    folds = inner_folds(y_true, patient, seed)
    # On matrices this small, threads of BLAS wait for one another: on a busy computer, ten times as long as they compute.
    with threadpool_limits(limits=1):
        cross_validated = [_choose_penalty(block, y_true, head, folds) for block, head in zip(features, old, strict=True)]
        penalties = tuple(penalty for penalty, _ in cross_validated)
        heads = tuple(fit_head(block, y_true, head, penalty) for block, head, penalty in zip(features, old, penalties, strict=True))
    out_of_fold = np.asarray(expit(np.mean([logits for _, logits in cross_validated], axis=0)))
    return AdaptedHead(
        heads=heads,
        penalties=penalties,
        thresholds={
            "calibration": balanced_threshold(y_true, out_of_fold),
            "youden": youden_threshold(y_true, out_of_fold),
            "half": HALF,
        },
        temperature=fit_temperature(y_true, out_of_fold),
        out_of_fold=out_of_fold,
    )


def fit_head(features: Features, y_true: Labels, old: LinearHead, penalty: Penalty) -> LinearHead:
    """Fit a logistic regression to standardized features (N, D), and fold the standardization into its weights.

    Where the penalty draws to the old head, the old logit is one more feature, of which the penalty is small.
    """
    points = np.asarray(features, np.float64)
    scaler = StandardScaler().fit(points)
    columns, width = scaler.transform(points), points.shape[1]
    before = StandardScaler().fit(old.logits(points)[:, None])
    if penalty.target == "old head":
        columns = np.hstack([columns, _OLD_LOGIT_SCALE * before.transform(old.logits(points)[:, None])])
    fitted = LogisticRegression(C=penalty.strength, max_iter=_ITERATIONS).fit(columns, y_true)
    weights = fitted.coef_[0]
    kernel = weights[:width] / scaler.scale_
    bias = float(fitted.intercept_[0] - kernel @ scaler.mean_)
    if penalty.target == "old head":
        slope = _OLD_LOGIT_SCALE * weights[width] / float(before.scale_[0])
        kernel, bias = kernel + slope * old.kernel, bias + slope * (old.bias - float(before.mean_[0]))
    return LinearHead(kernel, float(bias))


def inner_folds(y_true: Labels, patient: Patients, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Row positions of fitting and scoring for each fold, grouped by patient and stratified by label.

    Raises:
        TooFewPatientsError: a class has fewer than two patients.
    """
    patients = min(np.unique(patient[y_true == label]).size for label in (0, 1))
    if patients < _MIN_FOLDS:
        raise TooFewPatientsError(f"cross-validation needs labels of two patients of each class, and there are {patients} of one")
    splitter = StratifiedGroupKFold(min(INNER_FOLDS, patients), shuffle=True, random_state=seed)
    return list(splitter.split(y_true, y_true, patient))


def _choose_penalty(
    features: Features, y_true: Labels, old: LinearHead, folds: Sequence[tuple[np.ndarray, np.ndarray]]
) -> tuple[Penalty, npt.NDArray[np.float64]]:
    """The penalty with the lowest cross-entropy out of fold, the strongest of equal ones, and its out-of-fold logits (N,)."""
    candidates = []
    for strength, target in product(STRENGTHS, TARGETS):
        penalty, logits = Penalty(target=target, strength=strength), np.empty(len(y_true))
        for fitted, scored in folds:
            logits[scored] = fit_head(features[fitted], y_true[fitted], old, penalty).logits(features[scored])
        candidates.append((penalty, logits))
    losses = [log_loss(y_true, np.clip(expit(logits), CLIP, 1 - CLIP)) for _, logits in candidates]
    return candidates[int(np.argmin(losses))]
