"""Which radiographs train, which select and which test: by patient, so that nobody is on two sides."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from pneumo import config
from pneumo.cohort.index import Cohort
from pneumo.cohort.layout import LABELS
from pneumo.errors import UserError


def partition(cohort: Cohort, settings: config.Cohort) -> pd.Series:
    """Say what each radiograph is for: "training", "validation", "test" or "unused".

    The grouped validation set takes `validation_fraction` of the train patients of every subtype at random. Drawing patients and
    not folds meets any fraction, and the number of radiographs follows it closely; the shipped val split then lies unused.

    Raises:
        UserError: the train split has too few patients for a validation set with both classes.
    """
    shipped = settings.validation == "shipped"
    use = {"train": "training", "val": "validation" if shipped else "unused", "test": "test"}
    purpose = cohort.table["split"].map(use).rename("partition")
    if not shipped:
        train = cohort.table[cohort.table["split"] == "train"]
        chosen = train["patient"].isin(_validation_patients(train, settings))
        purpose[train.index[chosen]] = "validation"
        for label in LABELS:
            if set(purpose[train.index[train["label"] == label]]) != {"training", "validation"}:
                patients = train.loc[train["label"] == label, "patient"].nunique()
                raise UserError(
                    f"{cohort.root}: too few patients: train/{label} has {patients}, and a cohort.validation_fraction of "
                    f"{settings.validation_fraction:g} must take some and leave some; add patients or change it"
                )
    return purpose


def validation_fingerprint(cohort: Cohort, parts: pd.Series) -> str:
    """Name the validation radiographs of a division by their hash: what was measured on others cannot be ranked beside it."""
    return hashlib.sha256("\n".join(sorted(cohort.table.loc[parts == "validation", "path"])).encode()).hexdigest()


def folds(table: pd.DataFrame, n_folds: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the row positions of training and validation for each fold, grouped by patient and stratified by label.

    Raises:
        UserError: a class has fewer patients than there are folds.
    """
    patients = table.groupby("label")["patient"].nunique()
    if len(patients) < len(LABELS) or patients.min() < n_folds:
        raise UserError(f"too few patients for {n_folds} folds: {patients.to_dict()}; use fewer folds or add patients")
    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    yield from splitter.split(table, table["label"], table["patient"])


def fold_partitions(cohort: Cohort, n_folds: int, seed: int) -> Iterator[pd.Series]:
    """Divide as `partition` does, once a fold of the train split; val and test lie unused, so that nobody can open them.

    Raises:
        UserError: a class of train has fewer patients than there are folds.
    """
    train = cohort.table[cohort.table["split"] == "train"]
    for training, validation in folds(train, n_folds, seed):
        purpose = pd.Series("unused", index=cohort.table.index, name="partition")
        purpose[train.index[training]] = "training"
        purpose[train.index[validation]] = "validation"
        yield purpose


def _validation_patients(train: pd.DataFrame, settings: config.Cohort) -> pd.Index:
    subtypes = train.groupby("patient")["subtype"].first()
    return subtypes.groupby(subtypes).sample(frac=settings.validation_fraction, random_state=settings.seed).index
