"""Predictions of one model on one part, and their scores: AUROC, average precision, cross-entropy, and scores at a threshold.

PNEUMONIA is the positive class (1), NORMAL the negative (0). A score that is undefined, such as the sensitivity without any
PNEUMONIA, is None and not 0 or 1.
"""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
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
# Keras clips probabilities here in its cross-entropy: a float32 sigmoid can be exactly 1, which would make the loss infinite.
CLIP = 1e-7

Labels = npt.NDArray[np.integer]
Scores = npt.NDArray[np.floating]
Part = Literal["validation", "validation_shifted", "test"]
PARTS: tuple[Part, ...] = ("validation", "validation_shifted", "test")
"""Parts on which models are scored. Shifted validation has several views of each validation radiograph."""


@dataclass(frozen=True)
class Predictions:
    """Labels and predicted probabilities of the radiographs of one part, (N,) each."""

    y_true: Labels
    y_score: Scores
    patient: npt.NDArray[np.str_]
    subtype: npt.NDArray[np.str_]

    @classmethod
    def of(cls, table: pd.DataFrame) -> Self:
        """Take the columns y_true, y_score, patient and subtype of a table."""
        kinds = {"y_true": int, "y_score": float, "patient": str, "subtype": str}
        return cls(**{name: table[name].to_numpy(kind) for name, kind in kinds.items()})

    def correct(self, threshold: float) -> npt.NDArray[np.bool_]:
        """Return which radiographs are classified correctly at a threshold, (N,)."""
        return (self.y_score >= threshold) == (self.y_true == 1)


PROBABILITY, FEATURES, SPREAD = "probability", "features", "spread"
"""Names of the outputs of a network, here and in exported models."""


class Result(BaseModel):
    """Base of everything that is saved as JSON: immutable, finite numbers, no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Averages(Result):
    """Precision, recall and F1 of one class, or averaged over both."""

    precision: float | None
    recall: float | None
    f1: float | None


class ClassScores(Averages):
    """Precision, recall and F1 of one class."""

    support: int
    """Radiographs of this class."""


class SubtypeScores(Result):
    """Sensitivity for one subtype of pneumonia."""

    images: int
    sensitivity: float | None


class OperatingPoint(Result):
    """Confusion matrix and scores at one threshold: PNEUMONIA is predicted where y_score ≥ threshold."""

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
    """Unweighted mean of the two classes."""
    weighted: Averages
    """Mean of the two classes, weighted by their support."""
    subtypes: dict[str, SubtypeScores]
    """By subtype: bacterial, viral, unknown."""

    @classmethod
    def of(cls, y_true: Labels, y_score: Scores, subtype: npt.NDArray[np.str_], threshold: float) -> Self:
        """Compute the confusion matrix and the scores at a threshold."""
        y_pred = (y_score >= threshold).astype(int)
        counts = confusion_matrix(y_true, y_pred, labels=[0, 1])
        precision, recall, f1, support = precision_recall_fscore_support(y_true, y_pred, labels=[0, 1], zero_division=np.nan)
        by_class = np.stack([precision, recall, f1], axis=1)
        # Averaged here, because scikit-learn's macro average silently omits an undefined class.
        # The weighted average may omit it: a class without radiographs has no weight.
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
            subtypes={name: _subtype_scores(y_pred[(y_true == 1) & (subtype == name)]) for name in PNEUMONIA_SUBTYPES},
        )


class Evaluation(Result):
    """All scores of one model on one part."""

    images: int
    loss: float
    """Binary cross-entropy, with probabilities clipped as in Keras."""
    auroc: float | None
    average_precision: float | None
    half: OperatingPoint
    """At the threshold 0.5, as the reference systems."""
    locked: OperatingPoint
    """At the threshold locked on validation."""


def evaluate(y_true: npt.ArrayLike, y_score: npt.ArrayLike, subtype: npt.ArrayLike, threshold: float) -> Evaluation:
    """Compute all scores of one model on one part.

    Args:
        y_true: (N,), 1 where PNEUMONIA.
        y_score: (N,), probability of PNEUMONIA, 0..1.
        subtype: (N,), "normal", "bacterial", "viral" or "unknown".
        threshold: locked on validation, 0..1.

    Raises:
        ValueError: lengths differ, there are no radiographs, or a score is not a probability.
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
    """Return labels and scores as arrays, the scores in double precision, after checking that they are valid.

    Raises:
        ValueError: lengths differ, they are empty, a label is not 0 or 1, or a score is not a probability.
    """
    labels, scores = np.asarray(y_true), np.asarray(y_score, dtype=np.float64)
    if labels.ndim != 1 or labels.shape != scores.shape or labels.size == 0:
        raise ValueError(
            f"need as many labels as scores, in one dimension and at least one: got shapes {labels.shape} and {scores.shape}"
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


def _subtype_scores(y_pred: Labels) -> SubtypeScores:
    return SubtypeScores(images=y_pred.size, sensitivity=float(y_pred.mean()) if y_pred.size else None)
