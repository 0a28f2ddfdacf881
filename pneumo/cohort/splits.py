"""Assignment of radiographs to training, validation and test, and cross-validation folds: always whole patients."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from pneumo import config
from pneumo.cohort.assignment import subtypes_of_patients
from pneumo.cohort.index import Cohort
from pneumo.cohort.vocabulary import LABELS
from pneumo.errors import UserError


def partition(cohort: Cohort, protocol: config.Protocol) -> pd.Series:
    """Part of each radiograph: "training", "validation", "test" or "unused".

    Grouped validation takes `validation_fraction` of the train patients of every subtype at random; the val split is then unused.
    Patients are drawn, instead of taking one of k folds, because that meets any fraction; the share of radiographs follows closely.

    Raises:
        UserError: the train split has too few patients for a validation set with both classes, or shipped validation is asked of a
            cohort without a val split.
    """
    grouped = protocol.validation == "grouped"
    parts = {"train": "training", "val": "unused" if grouped else "validation", "test": "test"}
    part = cohort.table["split"].map(parts).rename("part")
    if not grouped and "validation" not in set(part):
        raise UserError(f"{cohort.root}: has no val split; set protocol.validation to grouped, which cuts validation from train")
    if grouped:
        train = cohort.table[cohort.table["split"] == "train"]
        part[train.index[train["patient"].isin(_validation_patients(train, protocol))]] = "validation"
        for label in LABELS:
            of_label = train[train["label"] == label]
            if set(part[of_label.index]) != {"training", "validation"}:
                raise UserError(
                    f"{cohort.root}: too few patients: train/{label} has {of_label['patient'].nunique()}, and with a "
                    f"protocol.validation_fraction of {protocol.validation_fraction:g} training or validation has none of them; "
                    "add patients or change the fraction"
                )
    return part


def folds(table: pd.DataFrame, n_folds: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Row positions of training and validation for each fold, grouped by patient and stratified by label.

    Raises:
        UserError: a class has fewer patients than there are folds.
    """
    patients = table.groupby("label")["patient"].nunique()
    if len(patients) < len(LABELS) or patients.min() < n_folds:
        raise UserError(f"too few patients for {n_folds} folds: {patients.to_dict()}; use fewer folds or add patients")
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    yield from splitter.split(table, table["label"], table["patient"])


def fold_partitions(cohort: Cohort, n_folds: int, seed: int) -> Iterator[pd.Series]:
    """Parts as `partition` gives them, for each of the `folds` of the train split; the val and test splits are unused."""
    train = cohort.table[cohort.table["split"] == "train"]
    for training, validation in folds(train, n_folds, seed):
        part = pd.Series("unused", index=cohort.table.index, name="part")
        part[train.index[training]] = "training"
        part[train.index[validation]] = "validation"
        yield part


def _validation_patients(train: pd.DataFrame, protocol: config.Protocol) -> pd.Index:
    subtypes = subtypes_of_patients(train)
    return subtypes.groupby(subtypes).sample(frac=protocol.validation_fraction, random_state=protocol.seed).index
