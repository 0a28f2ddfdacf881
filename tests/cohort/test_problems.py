import pandas as pd
import pytest

from pneumo.cohort.problems import refuse_unresolved, shared_across_splits
from pneumo.errors import UserError

NONE = pd.DataFrame(columns=["path", "problem", "detail"], dtype=str)


def table_of(*rows: tuple[str, str]) -> pd.DataFrame:
    """Radiographs of the given splits and labels."""
    table = pd.DataFrame(rows, columns=["split", "label"])
    return table.assign(path=[f"{number}.png" for number in range(len(rows))])


BOTH = [("train", "NORMAL"), ("train", "PNEUMONIA"), ("test", "NORMAL"), ("test", "PNEUMONIA")]


def refusal(table: pd.DataFrame, problems: pd.DataFrame = NONE, **settings: bool) -> str:
    with pytest.raises(UserError) as caught:
        refuse_unresolved("cohort", table, problems, (), **settings)
    return str(caught.value)


def test_a_missing_val_split_is_no_problem_but_one_of_one_class_is() -> None:
    refuse_unresolved("cohort", table_of(*BOTH), NONE, ())
    assert refusal(table_of(*BOTH, ("val", "NORMAL"))) == "cohort: class val/PNEUMONIA is missing or empty; add what is missing"


def test_missing_classes_and_splits_are_named() -> None:
    assert "split train is missing or empty" in refusal(table_of(*BOTH[2:]))
    assert "class train/NORMAL is missing or empty" in refusal(table_of(*BOTH[1:]))


def test_to_judge_a_model_radiographs_of_any_split_and_class_will_do() -> None:
    refuse_unresolved("cohort", table_of(BOTH[1]), NONE, (), to_train=False)
    assert "no radiograph is left" in refusal(table_of(), to_train=False)


def test_a_radiograph_without_a_split_that_cannot_be_read_may_be_the_missing_one() -> None:
    table = table_of(("train", "NORMAL"), ("train", "PNEUMONIA"), ("test", "NORMAL"), ("", "PNEUMONIA"))
    unreadable = pd.DataFrame({"path": ["3.png"], "problem": ["unreadable"], "detail": ["empty file"]})
    assert "missing" not in refusal(table, unreadable)
    left_out = ("unreadable",)
    with pytest.raises(UserError, match="class test/PNEUMONIA is missing or empty"):
        refuse_unresolved("cohort", table, unreadable, left_out)


def test_unsuitable_files_are_counted_apart_from_unreadable_ones() -> None:
    problems = pd.DataFrame({"path": ["0.png", "1.png"], "problem": "unsuitable", "detail": ["modality CT", "a lateral view"]})
    message = refusal(table_of(*BOTH), problems)
    assert "2 files that are no frontal radiographs (0.png: modality CT, 1.png: a lateral view)" in message
    assert "--cohort.leave_out '[\"unsuitable\"]'" in message


def test_a_patient_in_two_splits_of_a_manifest_is_named_with_the_row() -> None:
    table = table_of(*BOTH).assign(patient=["a", "b", "a", "c"], sha256=["1", "2", "3", "2"], row=[5, 6, 7, 8])
    assert shared_across_splits(table, "patient")["detail"].to_list() == ["patient a (row 5) is also in test (row 7)"]
    assert shared_across_splits(table, "sha256")["detail"].to_list() == ["identical to 3.png (row 8)"]
    assert shared_across_splits(table.drop(columns="row"), "patient")["detail"].to_list() == ["patient a is also in test"]
