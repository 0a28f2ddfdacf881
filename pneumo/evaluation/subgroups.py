"""Scores by subgroup of patients and acquisition: age, sex, view and manufacturer, as far as a cohort's table has them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pneumo.evaluation import weighted_scores
from pneumo.evaluation.bootstrap import Estimate, Proportion, estimates
from pneumo.evaluation.scores import Predictions, Result

MIN_IMAGES = 20
"""Smaller subgroups have no scores: their intervals would span nearly everything."""
MAX_GROUPS = 12
"""Subgroups by one attribute, at most: rarer values are put together, such as those of a free-text manufacturer."""
AGE_GROUPS = {0: "under 5 years", 5: "5 to 17 years", 18: "18 to 64 years", 65: "65 years and over"}
"""By their lowest age in years."""
SEXES = {"F": "female", "M": "male", "O": "other"}
COLUMNS = ("age_years", "sex", "view", "manufacturer")
"""Columns of a cohort's table that subgroups are made from; each may be absent."""
UNKNOWN, RARER = "unknown", "rarer values"
_BOTH_CLASSES = 2


class Subgroup(Result):
    """Scores of one subgroup, with intervals by patient bootstrap; undefined where it is small or lacks a class."""

    attribute: str
    """age, sex, view or manufacturer."""
    group: str
    images: int
    patients: int
    pneumonia: int
    """Radiographs with PNEUMONIA."""
    auroc: Estimate = Estimate(value=None)
    sensitivity: Estimate = Estimate(value=None)
    """At the locked threshold, as the specificity."""
    specificity: Estimate = Estimate(value=None)


def subgroup_scores(table: pd.DataFrame, predictions: Predictions, threshold: float) -> tuple[Subgroup, ...]:
    """Score every subgroup of a cohort.

    Args:
        table: a row for each radiograph, (N,), with any of COLUMNS; an attribute of which no radiograph has a value is left out.
        predictions: of the same radiographs.
    """
    return tuple(
        _scores(attribute, group, predictions, (labels == group).to_numpy(), threshold)
        for attribute, labels in _attributes(table)
        for group in _ordered(labels)
    )


def _attributes(table: pd.DataFrame) -> Iterator[tuple[str, "pd.Series[Any]"]]:
    for column in COLUMNS:
        if column in table:
            labels = _age_groups(table[column]) if column == "age_years" else _text(table[column])
            if column == "sex":
                labels = labels.replace(SEXES)
            if (labels != UNKNOWN).any():
                yield column.removesuffix("_years"), labels


def _age_groups(years: "pd.Series[Any]") -> "pd.Series[Any]":
    ages = pd.cut(pd.to_numeric(years), [*AGE_GROUPS, np.inf], right=False, labels=list(AGE_GROUPS.values()))
    return ages.astype(object).where(ages.notna(), UNKNOWN)


def _text(values: "pd.Series[Any]") -> "pd.Series[Any]":
    stripped = values.fillna("").astype(str).str.strip()
    labels = stripped.where(stripped != "", UNKNOWN)
    counts = labels.value_counts()
    if len(counts) <= MAX_GROUPS:
        return labels
    # Sorted by name as well, so that equally frequent values give the same groups on every machine.
    frequent = counts.sort_index().sort_values(ascending=False, kind="stable").index[: MAX_GROUPS - 1]
    return labels.where(labels.isin([*frequent, UNKNOWN]), RARER)


def _ordered(labels: "pd.Series[Any]") -> list[str]:
    """Groups by age where they are ages, otherwise by name; what is no value comes last."""
    present, ages = set(labels), list(AGE_GROUPS.values())
    rank = {**{age: number for number, age in enumerate(ages)}, RARER: len(ages) + 1, UNKNOWN: len(ages) + 2}
    return sorted(present, key=lambda group: (rank.get(group, len(ages)), group))


def _scores(attribute: str, group: str, predictions: Predictions, members: np.ndarray, threshold: float) -> Subgroup:
    y_true, y_score, patient = predictions.y_true[members], predictions.y_score[members], predictions.patient[members]
    positive, predicted = y_true == 1, y_score >= threshold
    scores: dict[str, Estimate] = {}
    if y_true.size >= MIN_IMAGES and np.unique(y_true).size == _BOTH_CLASSES:
        shares = {"sensitivity": Proportion(predicted, among=positive), "specificity": Proportion(~predicted, among=~positive)}
        scores, _ = estimates(patient, {"auroc": weighted_scores.auroc(y_true, y_score)}, shares)
    counts = {"images": y_true.size, "patients": np.unique(patient).size, "pneumonia": int(positive.sum())}
    return Subgroup(attribute=attribute, group=group, **counts, **scores)
