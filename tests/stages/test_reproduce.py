import copy
import json
import subprocess
import sys

import pytest

from pneumo.stages.reproduce import drifts

OBSERVED = {
    "exact": {"cohort": "abc", "first_labels": "0110"},
    "rounding": {"initial_weights_norm": 12.5},
    "training": {"loss_of_epoch_1": 0.61},
}


def changed(group, name, value):
    observed = copy.deepcopy(OBSERVED)
    observed[group][name] = value
    return observed


def test_no_drift_where_all_is_as_expected():
    assert drifts(OBSERVED, OBSERVED) == []


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        ("exact", "cohort", "abd"),
        ("exact", "first_labels", "0111"),
        ("rounding", "initial_weights_norm", 12.502),
        ("training", "loss_of_epoch_1", 0.64),
        ("training", "loss_of_epoch_2", 0.5),
        ("training", "loss_of_epoch_1", float("nan")),
    ],
)
def test_what_drifted_is_named_with_both_figures(group, name, value):
    (drift,) = drifts(changed(group, name, value), OBSERVED)
    assert drift.startswith(f"{name} is {value}, expected {OBSERVED[group].get(name)}")


def test_rounding_on_another_processor_is_no_drift():
    assert drifts(changed("rounding", "initial_weights_norm", 12.5002), OBSERVED) == []
    assert drifts(changed("training", "loss_of_epoch_1", 0.615), OBSERVED) == []


SMALL = ["--reproduce.phantom.patients", "60", "--reproduce.phantom.size_px", "64", "--reproduce.recipe.fit.epochs", "1"]


def reproduce(folder, *settings):
    arguments = [
        "--reproduce.expectations",
        str(folder / "expected"),
        "--cohort.cache_dir",
        str(folder / "data"),
        *SMALL,
        *settings,
    ]
    return subprocess.run(
        [sys.executable, "-m", "pneumo", "reproduce", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "400"},
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    done = reproduce(folder, "--reproduce.update", "true")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((folder / "expected" / "phantom.json").read_text())
    return folder


@pytest.mark.slow
def test_the_same_study_is_green(written):
    done = reproduce(written)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identical to the last bit" in done.stdout


@pytest.mark.slow
def test_a_changed_seed_is_red_and_named(written):
    done = reproduce(written, "--reproduce.recipe.fit.seed", "1")
    assert done.returncode == 1
    assert any(line.startswith("DRIFT") and "initial_first_weight" in line for line in done.stdout.splitlines())


# What is changed in the cohort, its phantom or the recipe, and what must then drift; the first is unchanged.
CHANGES = (
    ({}, {}, {}, None),
    ({"seed": 1}, {}, {}, "parts"),
    ({}, {}, {"resize": "pad"}, "pixels"),
    ({}, {}, {"augmentation": {"rotation_degrees": 19}}, "first_batch"),
    ({}, {}, {"augmentation": {"gamma_log_range": 0.12}}, "first_batch"),
    ({}, {"seed": 1}, {}, "pixels"),
)
# All in one process, which starts once; one of its own, since determinism cannot be switched off again.
OBSERVE_EACH = """
import json, sys
from pneumo.config import Config
from pneumo.stages.reproduce import observe

for settings in json.load(sys.stdin):
    print(json.dumps(observe(Config(**settings))))
"""


@pytest.fixture(scope="module")
def observed_after_changes(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("changes"))
    settings = [
        {
            "cohort": {"cache_dir": directory, "phantom": {"patients": 60, "size_px": 64, **phantom}, **cohort},
            "reproduce": {"recipe": {"fit": {"epochs": 1}, **recipe}},
        }
        for cohort, phantom, recipe, _ in CHANGES
    ]
    environment = {"PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", OBSERVE_EACH]
    done = subprocess.run(command, input=json.dumps(settings), capture_output=True, text=True, check=True, env=environment)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, len(CHANGES)))
def test_a_changed_partition_or_preprocessing_is_named(observed_after_changes, number):
    found = drifts(observed_after_changes[number], observed_after_changes[0])
    assert any(drift.startswith(CHANGES[number][-1]) for drift in found)


@pytest.mark.slow
def test_a_cohort_without_expectations_is_said_to_have_none(tmp_path):
    done = reproduce(tmp_path)
    assert done.returncode == 2
    assert "no expectations for this cohort yet" in done.stderr
