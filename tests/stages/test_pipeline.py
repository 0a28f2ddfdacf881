"""The whole way, as a user goes it: commands in, registry and report out."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from pneumo.config import EXPLANATION_METHODS

pytestmark = pytest.mark.slow

# On the phantom, whatever cohort the machine has.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PNEUMO_DATA"}

SETTINGS = """
cohort:
  directory: {root}/data
  phantom: {{patients: 60, size_px: 96}}
registry: {{directory: {root}/models}}
report: {{directory: {root}/reports}}
baseline:
  image_size_px: 48
  network: {{filters: [8, 8]}}
  fit: {{epochs: 3, deterministic: true, precision: float32}}
weighted:
  image_size_px: 48
  network: {{filters: [4, 4], dense_units: 8}}
  fit: {{epochs: 2}}
lots: {{steps: 5}}
heatmaps: {{films: 6, lesions: 6, randomised: 2, cases: 1}}
"""


def command(root, *arguments):
    file = root / "config.yaml"
    file.write_text(SETTINGS.format(root=root))
    return [sys.executable, "-m", "pneumo", *arguments, "--config", str(file)]


def run(root, *arguments):
    done = subprocess.run(command(root, *arguments), capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def registered(root):
    return json.loads(run(root, "registry", "list", "--json"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A project that has gone from nothing to a report."""
    root = tmp_path_factory.mktemp("project")
    for stage in ("prepare", "baseline", "weighted", "gradcam", "heatmaps", "report"):
        run(root, stage)
    return root


def test_both_models_are_registered_and_say_that_they_are_synthetic(root):
    entries = registered(root)
    assert [(entry["version"], entry["recipe"], entry["synthetic"]) for entry in entries] == [
        (1, "baseline", True),
        (2, "weighted", True),
    ]
    assert entries[0]["aliases"] == ["champion"]


def test_the_report_shows_both_models_and_says_that_the_cohort_is_synthetic(root):
    page = (root / "reports" / "index.html").read_text()
    assert "synthetic" in page.split("</title>")[0].lower()
    assert "baseline v1" in page
    assert "weighted v2" in page
    numbers = json.loads((root / "reports" / "metrics.json").read_text())
    assert numbers["synthetic"]
    assert [model["recipe"] for model in numbers["models"]] == ["baseline", "weighted"]


def test_every_mistake_shown_is_one(root):
    for entry in registered(root):
        folder = root / "reports" / "gradcam" / f"{entry['recipe']}-v{entry['version']}"
        written = json.loads((folder / "cases.json").read_text())
        assert written["model_sha256"] == entry["model_sha256"]
        for case in written["cases"]:
            assert case["true_label"] != case["predicted_label"]
            assert (case["probability"] >= entry["threshold"]) == (case["predicted_label"] == "PNEUMONIA")


def test_methods_are_compared_on_both_models_and_against_the_lesions(root):
    models = json.loads((root / "reports" / "heatmaps.json").read_text())["models"]
    assert [model["recipe"] for model in models] == ["baseline", "weighted"]
    for model in models:
        assert [method["method"] for method in model["methods"]] == list(EXPLANATION_METHODS)
        assert model["films"] == 6
        for picture in model["pictures"].values():
            assert (root / "reports" / "heatmaps" / picture).stat().st_size > 0
    assert any(method["truth"] for model in models for method in model["methods"])
    assert "baseline v1" in (root / "reports" / "explanations.html").read_text()


def test_measures_of_heatmaps_are_kept(root):
    assert run(root, "heatmaps").count("(measured before)") == 2


def test_any_film_is_explained_by_several_methods(root):
    films = sorted((root / "data").rglob("test/PNEUMONIA/*.jpeg"))[:2]
    printed = run(root, "explain", *map(str, films), "--explain.model", "weighted", "--explain.methods", '["grad-cam","lots"]')
    assert "trained on synthetic phantom radiographs" in printed
    assert printed.count("probability of PNEUMONIA") == 2
    assert len(list((root / "reports" / "explained").glob("*-v2.png"))) == 2


def test_what_is_no_film_is_one_clear_line_and_nothing_is_explained(root, tmp_path):
    (tmp_path / "note.txt").write_text("no film")
    film = next((root / "data").rglob("test/PNEUMONIA/*.jpeg"))
    arguments = ("explain", str(film), str(tmp_path / "note.txt"), "--report.directory", str(tmp_path / "reports"))
    done = subprocess.run(command(root, *arguments), capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"pneumo: {tmp_path / 'note.txt'}: ")
    assert not (tmp_path / "reports").exists()


def test_promote_makes_another_model_the_champion(root):
    assert "weighted v2 is the champion now" in run(root, "registry", "promote", "weighted")
    assert [entry["aliases"] for entry in registered(root)] == [[], ["champion"]]
    assert json.loads(run(root, "registry", "show", "champion", "--json"))["record"]["recipe"] == "weighted"


def test_a_stage_killed_in_training_lists_nothing_and_the_rerun_gives_the_model_of_an_unbroken_run(root, tmp_path):
    killed = subprocess.Popen(command(tmp_path, "baseline"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    while not list(tmp_path.glob("models/training/baseline-*/state/epoch-*[0-9]")):
        assert killed.poll() is None, "the stage ended before it could be killed"
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert registered(tmp_path) == []
    assert "Continuing after epoch" in run(tmp_path, "baseline")
    again, unbroken = registered(tmp_path)[0], registered(root)[0]
    assert (again["test_auroc"], again["threshold"]) == (unbroken["test_auroc"], unbroken["threshold"])


def test_heatmaps_and_report_without_a_model_say_what_to_do(tmp_path):
    for stage in ("gradcam", "heatmaps", "report"):
        done = subprocess.run(command(tmp_path, stage), capture_output=True, text=True, check=False, env=ENVIRONMENT)
        assert done.returncode == 2
        assert "run `make train` first" in done.stderr
        assert not (tmp_path / "reports").exists()
