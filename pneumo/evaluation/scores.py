"""What one model scores on one split.

PNEUMONIA is the positive class (1), NORMAL the negative (0). A value that the data cannot give, such as the sensitivity without a
single PNEUMONIA, is None: neither 0 nor 1 would be true.
"""

from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

HALF = 0.5
PNEUMONIA_SUBTYPES = ("bacterial", "viral", "unknown")
# Where Keras clips a probability in its own cross-entropy. A float32 sigmoid rounds to exactly 1, and would cost an infinite loss.
CLIP = 1e-7

Labels = npt.NDArray[np.integer]
Scores = npt.NDArray[np.floating]


class Result(BaseModel):
    """Numbers that travel as JSON; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Averages(Result):
    """Precision, recall and F1: of one class, or averaged over both."""

    precision: float | None
    recall: float | None
    f1: float | None


class ClassScores(Averages):
    """Precision, recall and F1 of one class."""

    support: int
    """Radiographs of this class."""


class SubtypeScores(Result):
    """How many of one kind of pneumonia are found."""

    images: int
    sensitivity: float | None


class OperatingPoint(Result):
    """What follows from saying PNEUMONIA wherever y_score ≥ threshold."""

    threshold: float
    accuracy: float
    true_negatives: int
    false_positives: int
    false_negatives: int
    true_positives: int
    sensitivity: float | None
    specificity: float | None
    normal: ClassScores
    pneumonia: ClassScores
    macro: Averages
    """Plain mean of the two classes."""
    weighted: Averages
    """Mean of the two classes, weighted by their support."""
    subtypes: dict[str, SubtypeScores]
    """By bacterial, viral and unknown pneumonia; for the normals see `specificity`."""

    @classmethod
    def of(cls, y_true: Labels, y_score: Scores, subtype: npt.NDArray[np.str_], threshold: float) -> Self:
        """Count and score the decisions at one threshold."""
        y_pred = (y_score >= threshold).astype(int)
        counts = confusion_matrix(y_true, y_pred, labels=[0, 1])
        precision, recall, f1, support = precision_recall_fscore_support(y_true, y_pred, labels=[0, 1], zero_division=np.nan)
        by_class = np.stack([precision, recall, f1], axis=1)
        # Averaged here and not by scikit-learn, whose macro average silently leaves an undefined class out.
        # The weighted one may: that class has no radiographs, hence no weight.
        present = support > 0
        normal, pneumonia = (ClassScores(**_named(row), support=int(number)) for row, number in zip(by_class, support, strict=True))
        return cls(
            threshold=threshold,
            accuracy=float(accuracy_score(y_true, y_pred)),
            true_negatives=int(counts[0, 0]),
            false_positives=int(counts[0, 1]),
            false_negatives=int(counts[1, 0]),
            true_positives=int(counts[1, 1]),
            sensitivity=pneumonia.recall,
            specificity=normal.recall,
            normal=normal,
            pneumonia=pneumonia,
            macro=Averages(**_named(by_class.mean(axis=0))),
            weighted=Averages(**_named(np.average(by_class[present], axis=0, weights=support[present]))),
            subtypes={name: _found(y_pred[(y_true == 1) & (subtype == name)]) for name in PNEUMONIA_SUBTYPES},
        )


class Evaluation(Result):
    """Everything about one model on one split."""

    images: int
    loss: float
    """Binary cross-entropy, probabilities clipped as Keras clips them."""
    auroc: float | None
    average_precision: float | None
    half: OperatingPoint
    """At 0.5, where the reference systems cut."""
    locked: OperatingPoint
    """At the threshold locked on validation."""


def evaluate(y_true: npt.ArrayLike, y_score: npt.ArrayLike, subtype: npt.ArrayLike, threshold: float) -> Evaluation:
    """Score one model on one split.

    Args:
        y_true: (N,), 1 where PNEUMONIA.
        y_score: (N,), probability of PNEUMONIA, 0..1.
        subtype: (N,), "normal", "bacterial", "viral" or "unknown".
        threshold: the one locked on validation, 0..1.

    Raises:
        ValueError: lengths differ, a split is empty, or a score is not a probability.
    """
    labels, scores = checked(y_true, y_score)
    subtypes = np.asarray(subtype, dtype=str)
    if subtypes.shape != labels.shape:
        raise ValueError(f"{subtypes.size} subtypes for {labels.size} radiographs")
    both_classes = np.unique(labels).size == 2  # noqa: PLR2004
    return Evaluation(
        images=labels.size,
        loss=float(log_loss(labels, np.clip(scores, CLIP, 1 - CLIP), labels=[0, 1])),
        auroc=float(roc_auc_score(labels, scores)) if both_classes else None,
        average_precision=float(average_precision_score(labels, scores)) if both_classes else None,
        half=OperatingPoint.of(labels, scores, subtypes, HALF),
        locked=OperatingPoint.of(labels, scores, subtypes, threshold),
    )


def checked(y_true: npt.ArrayLike, y_score: npt.ArrayLike) -> tuple[Labels, Scores]:
    """Return labels and scores as arrays, the scores in double precision, if they can be scored at all.

    Raises:
        ValueError: lengths differ, there are none, a label is not 0 or 1, or a score is not a probability.
    """
    labels, scores = np.asarray(y_true), np.asarray(y_score, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape or labels.size == 0:
        raise ValueError(
            f"need as many labels as scores, in one dimension, and at least one: got {labels.shape} and {scores.shape}"
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels are 0 (NORMAL) or 1 (PNEUMONIA), not {np.setdiff1d(labels, (0, 1))[:3]}")
    outside = ~((scores >= 0) & (scores <= 1))
    if outside.any():
        raise ValueError(f"{outside.sum()} of {scores.size} scores are not probabilities, the first is {scores[outside][0]}")
    return labels.astype(int), scores


def _named(values: npt.NDArray[np.float64]) -> dict[str, float | None]:
    return {
        name: None if np.isnan(value) else float(value) for name, value in zip(("precision", "recall", "f1"), values, strict=True)
    }


def _found(y_pred: Labels) -> SubtypeScores:
    return SubtypeScores(images=y_pred.size, sensitivity=float(y_pred.mean()) if y_pred.size else None)
