import subprocess
import sys
import time

import pytest

from pneumo.cli import USER_MISTAKE, _configure, _Parser, main
from pneumo.config import WEIGHTED, Config
from pneumo.stages import STAGES


@pytest.fixture(autouse=True)
def no_data(monkeypatch):
    monkeypatch.delenv("PNEUMO_DATA", raising=False)


def configured(*arguments):
    return _configure(_Parser(prog="pneumo"), list(arguments))[0]


def complaint(capsys, *arguments):
    assert main(arguments) == USER_MISTAKE
    printed = capsys.readouterr().err
    assert printed.startswith("pneumo: ")
    assert printed.count("\n") == 1
    return printed


@pytest.mark.parametrize("command", [*STAGES, "registry"])
def test_help_answers_within_two_seconds_and_documents_every_setting_with_its_default(command):
    began = time.monotonic()
    answer = subprocess.run([sys.executable, "-m", "pneumo", command, "--help"], capture_output=True, text=True, check=True)
    # Twice the promise, for a machine that is busy with something else.
    assert time.monotonic() - began < 4
    text = " ".join(answer.stdout.split())
    for name in _leaves(Config):
        assert f"--{name} " in text
    assert text.count("(default:") >= len(_leaves(Config))
    assert "--weighted.fit.epochs int Passes over the training set, at most. (default: 30)" in text


def _leaves(model, prefix=""):
    found = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
            found += _leaves(field.annotation, f"{prefix}{name}.")
        else:
            assert field.description, f"{prefix}{name} is not documented"
            found.append(prefix + name)
    return found


def test_command_line_beats_environment_beats_file_beats_default(tmp_path, monkeypatch):
    file = tmp_path / "config.yaml"
    file.write_text("baseline:\n  fit:\n    epochs: 3\n    batch_size: 8\n    seed: 5\n")
    monkeypatch.setenv("PNEUMO_BASELINE__FIT__BATCH_SIZE", "16")
    monkeypatch.setenv("PNEUMO_BASELINE__FIT__SEED", "6")
    fit = configured("--config", str(file), "--baseline.fit.seed", "7").baseline.fit
    assert (fit.epochs, fit.batch_size, fit.seed, fit.learning_rate) == (3, 16, 7, 1e-3)


def test_one_override_leaves_the_rest_of_its_recipe_as_it_was():
    recipe = configured("--weighted.fit.epochs", "3", "--weighted.network.filters", "8,16").weighted
    assert recipe.network.filters == (8, 16)
    assert recipe.fit == WEIGHTED.fit.model_copy(update={"epochs": 3})


def test_data_come_from_pneumo_data_and_an_empty_one_is_none(monkeypatch):
    monkeypatch.setenv("PNEUMO_DATA", "/radiographs")
    assert str(configured().data) == "/radiographs"
    assert str(configured("--data", "/others").data) == "/others"
    monkeypatch.setenv("PNEUMO_DATA", "")
    assert configured().data is None


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("PNEUMO_DAT", "environment variable `PNEUMO_DAT` names no setting; did you mean `PNEUMO_DATA`?"),
        ("PNEUMO_BASELIN__FIT__EPOCHS", "did you mean `PNEUMO_BASELINE__FIT__EPOCHS`?"),
        ("PNEUMO_BASELINE__FIT__EPOHS", "did you mean `PNEUMO_BASELINE__FIT__EPOCHS`?"),
        (
            "PNEUMO_COHORT__LEAVE_OUT",
            'error parsing value for field "cohort" from source "EnvSettingsSource"; a list is written as JSON',
        ),
        ("PNEUMO_QQQQQQQQQQQQQQQQ", "names no setting; unset it"),
    ],
)
def test_a_wrong_variable_is_told(capsys, monkeypatch, variable, said):
    monkeypatch.setenv(variable, "unreadable")
    assert said in complaint(capsys, "prepare")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["basline"], "invalid choice: 'basline'"),
        (["baseline", "--baseline.fit.epohs", "3"], "did you mean `baseline.fit.epochs`?"),
        (["baseline", "--baseline.fit.epochs", "0"], "setting `baseline.fit.epochs`: input should be greater than 0, got '0'"),
        (["baseline", "--baseline.fit.epochs", "many"], "setting `baseline.fit.epochs`: input should be a valid integer"),
        (["baseline", "--cohort.validation", "random"], "setting `cohort.validation`"),
        (["baseline", "--cohort.seed", str(2**32)], "setting `cohort.seed`: input should be less than or equal to 4294967295"),
        (["baseline", "--baseline.network.filters", "[32"], "a list is written as JSON"),
        (
            ["heads", "--head_search.units", "512", "--head_search.units", "16"],
            "setting `head_search.units`: value error, the lower",
        ),
        (["prepare", "--data", "x" * 300], f"{'x' * 300}: File name too long"),
        (["baseline", "--config", "absent.yaml"], "--config absent.yaml: No such file or directory"),
        (["registry", "show"], "show needs a version, a recipe or `champion`"),
    ],
)
def test_a_mistake_is_answered_in_one_line(capsys, arguments, said):
    assert said in complaint(capsys, *arguments)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("baseline:\n  fit:\n    epoch: 3\n", "unknown setting `baseline.fit.epoch`; did you mean `baseline.fit.epochs`?"),
        ("- 1\n- 2\n", "holds no settings"),
        ("1: 2\n", "1 names no setting"),
        ("a: [1\n", "is not YAML (line 2: expected"),
    ],
)
def test_a_mistake_in_a_file_is_answered_in_one_line(capsys, tmp_path, content, said):
    (tmp_path / "config.yaml").write_text(content)
    assert said in complaint(capsys, "baseline", "--config", str(tmp_path / "config.yaml"))


def test_one_wrong_value_of_a_list_is_one_complaint(capsys):
    said = complaint(capsys, "heatmaps", "--explain.methods", "gradcam")
    assert said.count("setting `") == 1
    assert "'grad-cam'" in said


def test_a_radiograph_that_is_not_there_is_told_before_any_model_is_looked_for(capsys, tmp_path):
    said = complaint(capsys, "explain", str(tmp_path / "absent.jpeg"), "--registry.directory", str(tmp_path / "models"))
    assert "absent.jpeg: no such file" in said
    assert not (tmp_path / "models").exists()


def test_data_that_are_not_there_never_become_the_phantom(capsys, tmp_path):
    printed = complaint(capsys, "prepare", "--data", str(tmp_path / "absent"), "--cohort.cache_dir", str(tmp_path / "data"))
    assert "absent" in printed
    assert not (tmp_path / "data").exists()
