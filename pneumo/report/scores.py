"""The scores that the page compares, and each model's statistics, computed from the stored predictions."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

from pneumo.evaluation import model_statistics as evaluation
from pneumo.evaluation.model_statistics import Difference, ModelStatistics, compare_models
from pneumo.evaluation.scores import PARTS, Evaluation, Predictions
from pneumo.evaluation.worst_view import worst_views
from pneumo.results.model import RegisteredModel

_AT_THRESHOLD = {
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "pneumonia.precision": "Precision of PNEUMONIA",
    "macro.f1": "F1, macro average",
}
THRESHOLD_FREE = "Threshold-free"
COMPARED = {
    THRESHOLD_FREE: {"loss": "Loss (cross-entropy)", "auroc": "AUROC", "average_precision": "Average precision"},
    "At the threshold locked on validation": {f"locked.{path}": label for path, label in _AT_THRESHOLD.items()},
    "At 0.5": {f"half.{path}": label for path, label in _AT_THRESHOLD.items()},
}
"""Scores that models are compared by, in groups: path in an Evaluation, and label."""
SEED_SCORES = {
    "locked.accuracy": "Accuracy",
    "auroc": "AUROC",
    "locked.sensitivity": "Sensitivity",
    "locked.specificity": "Specificity",
}
"""Scores whose spread over seeds is shown: path in an Evaluation, and label."""
FIT_SCORES = {
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "f1": "F1",
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "loss": "Loss",
}
"""Scores of a fit of an experiment, at 0.5: name in `Scores`, and label."""


Validation = Literal["validation", "validation_shifted", "worst_views"]
VALIDATIONS: tuple[Validation, ...] = get_args(Validation)
"""Forms of the scores on validation, by their names in a record: unchanged, all shifted views, and worst views."""


def value(evaluation: Evaluation, path: str) -> float | None:
    """Return one score of an evaluation by its path, such as "locked.macro.f1"."""
    number: float | None = operator.attrgetter(path)(evaluation)
    return number


def gap(model: RegisteredModel, validation: Validation, path: str) -> float | None:
    """Return a score on test minus the same score on validation, in one of its forms; None where either is undefined."""
    test, expected = value(model.record.test, path), value(model.evaluation(validation), path)
    return None if test is None or expected is None else test - expected


@dataclass(frozen=True)
class Comparison:
    """Paired comparison of two models on the test radiographs that both have predictions for."""

    first: str
    second: str
    difference: Difference


def model_statistics(model: RegisteredModel) -> ModelStatistics:
    """Return the statistics of one model."""
    record = model.record
    predictions = {part: Predictions.of(model.predictions[part]) for part in PARTS}
    return evaluation.model_statistics(
        predictions,
        Predictions.of(worst_views(model.predictions["validation_shifted"])),
        threshold=record.threshold,
        thresholds=record.thresholds,
        temperature=record.temperature,
    )


def paired_comparisons(models: Sequence[RegisteredModel]) -> list[Comparison]:
    """Compare every pair of models."""
    return [Comparison(first.name, second.name, _difference(first, second)) for first, second in combinations(models, 2)]


def _difference(first: RegisteredModel, second: RegisteredModel) -> Difference:
    tables = (first.predictions["test"], second.predictions["test"])
    common = set(tables[0]["path"]) & set(tables[1]["path"])
    paired = [Predictions.of(rows[rows["path"].isin(common)].sort_values("path")) for rows in tables]
    return compare_models(paired[0], first.record.threshold, paired[1], second.record.threshold)
