import pytest

from pneumo.errors import UserError
from pneumo.results.experiment import Ablation
from pneumo.results.files import load_result, parse_result, read_predictions, save_result
from tests.tiny_experiments import ablation, predictions


def test_a_saved_result_is_loaded_equal_and_replaced(tmp_path):
    file = tmp_path / "a folder" / "result.json"
    assert load_result(file, Ablation) is None
    save_result(file, ablation("older"))
    save_result(file, ablation())
    assert load_result(file, Ablation) == ablation()
    assert list(tmp_path.rglob("*.*")) == [file]


@pytest.mark.parametrize("content", ["", "{", "[]", ablation().model_dump_json(exclude={"protocol_fingerprint"})])
def test_an_unreadable_result_counts_as_none_or_is_refused_in_one_line(tmp_path, content):
    file = tmp_path / "result.json"
    file.write_text(content)
    assert load_result(file, Ablation) is None
    with pytest.raises(UserError, match=r"^a\\nfile cannot be read by this version of pneumo \(.+\): delete it$") as error:
        parse_result(file.read_bytes(), Ablation, "a\nfile", "delete it")
    assert "\n" not in str(error.value)


def test_a_folder_that_cannot_be_written_is_reported_with_its_setting(tmp_path):
    (tmp_path / "reports").write_text("a file in place of the folder")
    with pytest.raises(UserError, match=r"or set another report\.directory$"):
        save_result(tmp_path / "reports" / "result.json", ablation())


def test_patients_named_like_numbers_or_missing_values_keep_their_names(tmp_path):
    predictions().to_csv(tmp_path / "predictions.csv", index=False)
    assert read_predictions(tmp_path / "predictions.csv")["patient"].tolist()[:2] == ["007", "NA"]
