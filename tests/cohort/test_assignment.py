import numpy as np
import pandas as pd
import pytest

from pneumo.cohort.assignment import assign_splits, describe_assignment, subtypes_of_patients
from pneumo.config import Cohort
from pneumo.errors import UserError


def table_of(patients: dict[str, int], split: str = "", seed: int = 0) -> pd.DataFrame:
    """So many patients of each subtype, with one to four radiographs each."""
    generator = np.random.default_rng(seed)
    rows = [
        (f"{subtype}/{number:03d}_{image}.png", split, subtype, f"{subtype}-{number}")
        for subtype, count in patients.items()
        for number in range(count)
        for image in range(int(generator.integers(1, 5)))
    ]
    table = pd.DataFrame(rows, columns=["path", "split", "subtype", "patient"])
    return table.assign(label=np.where(table["subtype"] == "normal", "NORMAL", "PNEUMONIA"))


LARGE = table_of({"normal": 200, "bacterial": 100, "viral": 50})


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5])
def test_test_is_cut_from_all_by_patient_and_stratified(fraction: float) -> None:
    split = assign_splits(LARGE, Cohort(test_fraction=fraction), "cohort", LARGE["split"])
    table = LARGE.assign(split=split)
    assert set(split) == {"train", "test"}
    assert table.groupby("patient")["split"].nunique().max() == 1
    share = table.groupby("patient").first().groupby("subtype")["split"].apply(lambda splits: (splits == "test").mean())
    np.testing.assert_allclose(share, fraction, atol=0.01)


def test_the_draw_depends_on_the_seed_and_not_on_the_order_of_rows_or_the_names_of_patients() -> None:
    first = assign_splits(LARGE, Cohort(), "cohort", LARGE["split"])
    assert first.equals(assign_splits(LARGE, Cohort(), "cohort", LARGE["split"]))
    assert not first.equals(assign_splits(LARGE, Cohort(split_seed=1), "cohort", LARGE["split"]))
    assert assign_splits(LARGE[::-1], Cohort(), "cohort", LARGE["split"]).sort_index().equals(first)
    renamed = LARGE.assign(patient=LARGE["patient"].map(lambda name: f"{hash(name):x}"))
    assert assign_splits(renamed, Cohort(), "cohort", LARGE["split"]).equals(first)


def test_splits_that_are_listed_stay() -> None:
    table = pd.concat([table_of({"normal": 5, "viral": 5}, split) for split in ("train", "test")], ignore_index=True)
    split = assign_splits(table, Cohort(), "cohort", table["split"])
    assert split.equals(table["split"])
    assert describe_assignment(table["split"], split, Cohort()).startswith("Splits as listed: train, test; there is no val split")


def test_a_missing_test_split_is_cut_from_train_and_val_stays() -> None:
    val = table_of({"normal": 5, "viral": 5}, "val").assign(patient="of val")
    table = pd.concat([LARGE.assign(split="train"), val], ignore_index=True)
    split = assign_splits(table, Cohort(), "cohort", table["split"])
    assert set(split[table["split"] == "train"]) == {"train", "test"}
    assert set(split[table["split"] == "val"]) == {"val"}
    assert "Test was drawn from the train split" in describe_assignment(table["split"], split, Cohort())


def test_a_test_split_that_cannot_be_read_is_not_replaced() -> None:
    train = LARGE.assign(split="train")
    listed = pd.concat([train["split"], pd.Series(["test"])])
    assert set(assign_splits(train, Cohort(), "cohort", listed)) == {"train"}


def test_without_train_nothing_is_drawn() -> None:
    table = table_of({"normal": 5, "viral": 5}, "val")
    assert assign_splits(table, Cohort(), "cohort", table["split"]).equals(table["split"])


def test_what_was_drawn_is_said() -> None:
    said = describe_assignment(LARGE["split"], assign_splits(LARGE, Cohort(), "cohort", LARGE["split"]), Cohort())
    assert said.startswith("Test was drawn from all radiographs, because no splits are given: 20% of the patients of each subtype")


def test_too_few_patients_are_an_error() -> None:
    with pytest.raises(UserError, match=r"^cohort: too few patients to draw a test split: NORMAL has 1, "):
        assign_splits(table := table_of({"normal": 1, "viral": 20}), Cohort(), "cohort", table["split"])


def test_a_patient_with_both_labels_counts_by_the_pneumonia() -> None:
    table = pd.DataFrame({"patient": ["a", "a", "b"], "subtype": ["normal", "viral", "normal"]})
    assert subtypes_of_patients(table).to_dict() == {"a": "viral", "b": "normal"}
