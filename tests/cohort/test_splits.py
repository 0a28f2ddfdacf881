from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pneumo.cohort.index import Cohort
from pneumo.cohort.splits import fold_partitions, folds, partition
from pneumo.config import Protocol
from pneumo.errors import UserError


def cohort_of(patients: dict[str, int], seed: int = 0) -> Cohort:
    """A cohort with so many train patients of each subtype, one to six radiographs each, and a small val and test."""
    generator = np.random.default_rng(seed)
    rows = [(split, subtype, f"{split}-{subtype}") for split in ("val", "test") for subtype in ("normal", "viral")]
    for subtype, count in patients.items():
        for number in range(count):
            rows += [("train", subtype, f"{subtype}-{number}")] * int(generator.integers(1, 7))
    table = pd.DataFrame(rows, columns=["split", "subtype", "patient"]).sample(frac=1, random_state=seed, ignore_index=True)
    table["label"] = np.where(table["subtype"] == "normal", "NORMAL", "PNEUMONIA")
    table["path"] = [f"{number}.png" for number in range(len(table))]
    return Cohort(Path("radiographs"), table, synthetic=True, foreign={}, left_out=table.head(0), cache_folder=Path("cache"))


LARGE = cohort_of({"normal": 200, "bacterial": 200, "viral": 100})


@pytest.mark.parametrize("fraction", [0.05, 0.15, 0.4])
def test_the_grouped_validation_set_is_cut_from_train_by_patient_and_stratified(fraction: float) -> None:
    part = partition(LARGE, Protocol(validation_fraction=fraction))
    table = LARGE.table.assign(part=part)
    assert table.groupby("patient")["part"].nunique().max() == 1
    assert table.groupby("split")["part"].unique().map(sorted).to_dict() == {
        "train": ["training", "validation"],
        "val": ["unused"],
        "test": ["test"],
    }
    train = table[table["split"] == "train"]
    share = train.groupby("patient").first().groupby("subtype")["part"].apply(lambda parts: (parts == "validation").mean())
    np.testing.assert_allclose(share, fraction, atol=0.005)
    assert (train["part"] == "validation").mean() == pytest.approx(fraction, abs=0.03)


def test_the_split_depends_on_the_seed_and_not_on_the_order_of_rows() -> None:
    first = partition(LARGE, Protocol(seed=1))
    assert first.equals(partition(LARGE, Protocol(seed=1)))
    assert not first.equals(partition(LARGE, Protocol(seed=2)))
    reversed_rows = replace(LARGE, table=LARGE.table[::-1].reset_index(drop=True))
    assert partition(reversed_rows, Protocol(seed=1)).to_list() == first[::-1].to_list()


def test_the_shipped_validation_set_is_the_val_folder() -> None:
    part = partition(LARGE, Protocol(validation="shipped"))
    assert part.groupby(LARGE.table["split"]).unique().map(list).to_dict() == {
        "train": ["training"],
        "val": ["validation"],
        "test": ["test"],
    }


def test_without_a_val_split_validation_is_cut_from_train_and_shipped_validation_is_refused() -> None:
    table = LARGE.table[LARGE.table["split"] != "val"]
    part = partition(replace(LARGE, table=table), Protocol())
    assert set(part) == {"training", "validation", "test"}
    with pytest.raises(UserError, match=r"radiographs: has no val split; set protocol.validation to grouped"):
        partition(replace(LARGE, table=table), Protocol(validation="shipped"))


@pytest.mark.parametrize(("normal", "fraction"), [(3, 0.15), (1, 0.5)])
def test_too_few_patients_for_both_classes_is_an_error(normal: int, fraction: float) -> None:
    with pytest.raises(
        UserError, match=f"radiographs: too few patients: train/NORMAL has {normal}, .*validation_fraction of {fraction}"
    ):
        partition(cohort_of({"normal": normal, "viral": 20}), Protocol(validation_fraction=fraction))


def test_a_subtype_with_one_patient_is_not_an_error() -> None:
    part = partition(cohort_of({"normal": 20, "bacterial": 20, "viral": 1}), Protocol())
    assert set(part) == {"training", "validation", "test", "unused"}


def test_folds_keep_patients_together_and_classes_in_proportion() -> None:
    table = LARGE.table[LARGE.table["split"] == "train"]
    positive = (table["label"] == "PNEUMONIA").to_numpy()
    validated = []
    for training, validation in folds(table, n_folds=5, seed=0):
        assert not set(table["patient"].iloc[training]) & set(table["patient"].iloc[validation])
        assert positive[validation].mean() == pytest.approx(positive.mean(), abs=0.03)
        validated += validation.tolist()
    assert sorted(validated) == list(range(len(table)))


def test_folds_depend_on_their_seed() -> None:
    first, same, other = ([validation.tolist() for _, validation in folds(LARGE.table, 4, seed)] for seed in (0, 0, 1))
    assert first == same != other


def test_more_folds_than_patients_is_an_error() -> None:
    table = cohort_of({"normal": 3, "viral": 20}).table
    with pytest.raises(UserError, match=r"too few patients for 5 folds: \{'NORMAL': 3, 'PNEUMONIA': 20\}"):
        list(folds(table[table["split"] == "train"], n_folds=5, seed=0))


def test_fold_partitions_validate_every_train_radiograph_once_and_use_no_other_split() -> None:
    train = LARGE.table["split"] == "train"
    partitions = list(fold_partitions(LARGE, 4, seed=0))
    validated = sum((part == "validation").astype(int) for part in partitions)
    assert (validated == train).all()
    for part in partitions:
        assert (part[~train] == "unused").all()
        assert set(part[train]) == {"training", "validation"}
        assert LARGE.table[train].assign(part=part).groupby("patient")["part"].nunique().max() == 1
