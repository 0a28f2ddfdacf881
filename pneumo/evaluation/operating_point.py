"""Rules that choose the decision threshold on validation, before the test split is accessed.

Labels y_true, (N,), are 1 where PNEUMONIA; scores y_score, (N,), are the probability of PNEUMONIA, 0..1.
"""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from pneumo.evaluation.calibration import logits
from pneumo.evaluation.scores import HALF, Labels, Scores, checked

FixedQuantity = Literal["sensitivity", "specificity"]


def youden_threshold(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Choose the threshold with the largest sensitivity + specificity (Youden 1950); PNEUMONIA is predicted at or above it.

    All thresholds between two neighbouring scores give the same decisions. The middle of that interval is returned, because either
    end depends on a single radiograph: where the scores are saturated the interval is wide and its middle near 0.5, as uncertain as
    the data. Among equally good intervals the widest is chosen, since small shifts of the scores change it least, then the lowest,
    since a missed pneumonia is the worse error.

    Raises:
        ValueError: a class is missing, or a score is not a probability.
    """
    labels, scores = _checked_classes(y_true, y_score)
    thresholds, index = np.unique(scores, return_inverse=True)
    # Counts at each threshold. Whole numbers: ties of fractions would depend on rounding.
    true_positives = np.bincount(index, weights=labels == 1)[::-1].cumsum()[::-1].astype(int)
    false_positives = np.bincount(index, weights=labels == 0)[::-1].cumsum()[::-1].astype(int)
    youden = true_positives * false_positives[0] - false_positives * true_positives[0]
    # No radiograph is below the lowest score: the interval of the threshold that predicts all to be PNEUMONIA has no width.
    below = np.concatenate([thresholds[:1], thresholds[:-1]])
    tied = np.flatnonzero(youden == youden.max())
    best = tied[np.argmax((thresholds - below)[tied])]
    return _middle(below[best], thresholds[best])


def balanced_threshold(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Choose the threshold at which both classes would be equally likely if they were equally frequent.

    It is where a logistic regression of the label on the logit of the score (Platt 1999), with balanced class weights, gives 0.5.
    Youden's threshold depends on the few radiographs next to it and moves with them; this one depends on all.
    It is 0.5 where higher scores do not indicate PNEUMONIA, since no threshold is then better than another.

    Raises:
        ValueError: a class is missing, or a score is not a probability.
    """
    labels, scores = _checked_classes(y_true, y_score)
    # A penalty so small that it only keeps the slope finite where the scores separate the classes.
    fitted = LogisticRegression(C=1e3, class_weight="balanced").fit(logits(scores)[:, None], labels)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return float(expit(-intercept / slope)) if slope > 0 else HALF


def threshold_at(y_true: Labels, y_score: Scores, fixed: FixedQuantity, target: float) -> float | None:
    """Choose the threshold that reaches a target (0..1) of sensitivity or specificity, with the largest value of the other.

    As in `youden_threshold`, the middle of the interval of equivalent thresholds is returned; None where a class is missing or no
    score as threshold reaches the target.
    """
    positives, negatives = y_score[y_true == 1], y_score[y_true == 0]
    if not positives.size or not negatives.size:
        return None
    thresholds = np.unique(y_score)
    if fixed == "sensitivity":
        sensitivity = 1 - np.searchsorted(np.sort(positives), thresholds) / positives.size
        chosen = np.flatnonzero(sensitivity >= target - 1e-12)[-1:]
    else:
        specificity = np.searchsorted(np.sort(negatives), thresholds) / negatives.size
        chosen = np.flatnonzero(specificity >= target - 1e-12)[:1]
    if not chosen.size:
        return None
    return _middle(thresholds[max(chosen[0] - 1, 0)], thresholds[chosen[0]])


def _checked_classes(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> tuple[Labels, Scores]:
    labels, scores = checked(y_true, y_score)
    if np.unique(labels).size == 1:
        normal, pneumonia = np.bincount(labels, minlength=2)
        raise ValueError(f"a threshold needs both classes on validation: got {normal} NORMAL and {pneumonia} PNEUMONIA")
    return labels, scores


def _middle(below: float, threshold: float) -> float:
    middle = float(below + threshold) / 2
    # Adjacent floating-point numbers have no middle, and the lower one would give other decisions.
    return middle if middle > below else float(threshold)
