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


def test_equal_figures_are_no_drift():
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
def test_a_drift_is_named_with_both_figures(group, name, value):
    (drift,) = drifts(changed(group, name, value), OBSERVED)
    assert drift.startswith(f"{name} is {value}, expected {OBSERVED[group].get(name)}")


def test_a_difference_within_the_tolerance_is_no_drift():
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
    folder = tmp_path_factory.mktemp("reproduce")
    done = reproduce(folder, "--reproduce.update", "true")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((folder / "expected" / "phantom.json").read_text())
    return folder


@pytest.mark.slow
def test_the_same_training_passes(written):
    done = reproduce(written)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identical to the last bit" in done.stdout


@pytest.mark.slow
def test_a_changed_seed_fails_and_is_named(written):
    done = reproduce(written, "--reproduce.recipe.fit.seed", "1")
    assert done.returncode == 1
    assert any(line.startswith("DRIFT") and "initial_first_weight" in line for line in done.stdout.splitlines())


# Changes of the protocol, the phantom and the recipe, and the figure that must then drift; the first changes nothing.
CHANGES = (
    ({}, {}, {}, None),
    ({"seed": 1}, {}, {}, "parts"),
    ({}, {}, {"resize": "pad"}, "pixels"),
    ({}, {}, {"augmentation": {"rotation_degrees": 19}}, "first_batch"),
    ({}, {}, {"augmentation": {"gamma_log_range": 0.12}}, "first_batch"),
    ({}, {"seed": 1}, {}, "pixels"),
)
# In one process, which starts once; in another than this one, since determinism cannot be switched off again.
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
            "cohort": {"cache_dir": directory, "phantom": {"patients": 60, "size_px": 64, **phantom}},
            "protocol": protocol,
            "reproduce": {"recipe": {"fit": {"epochs": 1}, **recipe}},
        }
        for protocol, phantom, recipe, _ in CHANGES
    ]
    environment = {"PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", OBSERVE_EACH]
    done = subprocess.run(command, input=json.dumps(settings), capture_output=True, text=True, check=True, env=environment)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, len(CHANGES)))
def test_a_changed_partition_or_preprocessing_is_named(observed_after_changes, number):
    messages = drifts(observed_after_changes[number], observed_after_changes[0])
    assert any(message.startswith(CHANGES[number][-1]) for message in messages)


@pytest.mark.slow
def test_a_cohort_without_expectations_is_refused(tmp_path):
    done = reproduce(tmp_path)
    assert done.returncode == 2
    assert "no expectations for this cohort yet" in done.stderr
