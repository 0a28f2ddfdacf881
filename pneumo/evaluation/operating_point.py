"""Where to cut the score: a threshold chosen on validation before the test split is looked at."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from pneumo.evaluation.calibration import logits
from pneumo.evaluation.scores import HALF, Labels, Scores, checked

Fixed = Literal["sensitivity", "specificity"]


def youden_threshold(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Choose the threshold, at and above which a model says PNEUMONIA, with the largest sensitivity + specificity (Youden 1950).

    A whole interval of thresholds makes that same cut, from just above one radiograph's score up to the next one's; its middle is
    taken, because either end leans on a single radiograph. Where validation is saturated the interval is wide and its middle near
    0.5: the data do not say more, and the threshold should not pretend that they do. Among cuts that tie, the widest interval wins,
    being the one that a small shift of the scores upsets least; then the lowest threshold, since a missed pneumonia is the worse
    mistake.

    Args:
        y_true: (N,), 1 where PNEUMONIA.
        y_score: (N,), probability of PNEUMONIA, 0..1.

    Raises:
        ValueError: a class is missing, or a score is not a probability.
    """
    labels, scores = checked(y_true, y_score)
    positives, negatives = _require_both(labels)
    cuts, cut_of = np.unique(scores, return_inverse=True)
    # Called PNEUMONIA at each cut, among either class. Whole numbers: ties in fractions would hang on rounding.
    found = np.bincount(cut_of, weights=labels == 1)[::-1].cumsum()[::-1].astype(int)
    false_alarms = np.bincount(cut_of, weights=labels == 0)[::-1].cumsum()[::-1].astype(int)
    youden = found * negatives - false_alarms * positives
    # Below the lowest score there is no other radiograph: the cut that calls all of them PNEUMONIA is an interval of no width.
    below = np.concatenate([cuts[:1], cuts[:-1]])
    tied = np.flatnonzero(youden == youden.max())
    best = tied[np.argmax((cuts - below)[tied])]
    return _middle(below[best], cuts[best])


def balanced_threshold(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> float:
    """Choose the threshold at which both classes are as likely, if they were as frequent.

    A logistic regression on the logit of the scores (Platt 1999), each class weighing the same, says where. Youden's cut hangs on
    the few radiographs next to it and moves with them; this one hangs on all of them.

    Args:
        y_true: (N,), 1 where PNEUMONIA.
        y_score: (N,), probability of PNEUMONIA, 0..1.

    Returns:
        0.5 where higher scores do not speak for PNEUMONIA, since no threshold is then better than another.

    Raises:
        ValueError: a class is missing, or a score is not a probability.
    """
    labels, scores = checked(y_true, y_score)
    _require_both(labels)
    # Hardly any penalty: only so that scores which part the classes without a mistake give a finite slope.
    fitted = LogisticRegression(C=1e3, class_weight="balanced").fit(logits(scores)[:, None], labels)
    slope, intercept = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    return float(expit(-intercept / slope)) if slope > 0 else HALF


def threshold_at(y_true: Labels, y_score: Scores, fixed: Fixed, target: float) -> float | None:
    """Choose the threshold that gives one class its target and the other class the most.

    As with `youden_threshold`, a whole interval of thresholds makes the same cut, and its middle is taken.

    Args:
        target: sensitivity or specificity to reach, 0..1.

    Returns:
        None where a class is missing or no threshold at a score reaches the target.
    """
    positives, negatives = y_score[y_true == 1], y_score[y_true == 0]
    if not positives.size or not negatives.size:
        return None
    cuts = np.unique(y_score)
    if fixed == "sensitivity":
        found = 1 - np.searchsorted(np.sort(positives), cuts) / positives.size
        allowed = np.flatnonzero(found >= target - 1e-12)[-1:]
    else:
        passed = np.searchsorted(np.sort(negatives), cuts) / negatives.size
        allowed = np.flatnonzero(passed >= target - 1e-12)[:1]
    if not allowed.size:
        return None
    best = int(allowed[0])
    return _middle(cuts[max(best - 1, 0)], cuts[best])


def _require_both(labels: Labels) -> tuple[int, int]:
    positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
    if not positives or not negatives:
        raise ValueError(f"a threshold needs both classes on validation: got {negatives} NORMAL and {positives} PNEUMONIA")
    return positives, negatives


def _middle(below: float, cut: float) -> float:
    middle = float(below + cut) / 2
    # Between neighbouring floating-point numbers there is no middle, and the lower one would make another cut.
    return middle if middle > below else float(cut)
