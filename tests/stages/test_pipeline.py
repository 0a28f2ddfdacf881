"""From nothing to a registry and a report, by the commands that a user runs."""

import json
import signal
import time

import pytest

from pneumo.cli import main
from pneumo.config import EXPLANATION_METHODS
from tests.stages.project import SMALL_PHANTOM, Project

pytestmark = pytest.mark.slow

SETTINGS = (
    SMALL_PHANTOM
    + """
baseline:
  image_size_px: 48
  network: {{filters: [8, 8]}}
  fit: {{epochs: 3, deterministic: true, precision: float32}}
weighted:
  image_size_px: 48
  network: {{filters: [4, 4], dense_units: 8}}
  fit: {{epochs: 2}}
lots: {{steps: 5}}
heatmaps: {{radiographs: 6, lesions: 6, randomized_radiographs: 2, mistakes_per_kind: 1}}
"""
)


def registered(project):
    return json.loads(project.call("registry", "list", "--json"))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with two models and a report."""
    project = Project(tmp_path_factory.mktemp("project"), SETTINGS)
    project.run_all("prepare", "baseline", "weighted", "gradcam", "heatmaps", "report")
    return project


def test_both_models_are_registered_and_marked_as_synthetic(project):
    entries = registered(project)
    assert [(entry["version"], entry["recipe"], entry["synthetic"]) for entry in entries] == [
        (1, "baseline", True),
        (2, "weighted", True),
    ]
    best = max(entries, key=lambda entry: entry["worst_view_auroc"])
    assert [entry["version"] for entry in entries if entry["aliases"] == ["champion"]] == [best["version"]]


def test_the_report_shows_both_models_and_states_that_the_cohort_is_synthetic(project):
    page = (project.root / "reports" / "index.html").read_text()
    assert "synthetic" in page.split("</title>")[0].lower()
    assert "baseline v1" in page
    assert "weighted v2" in page
    metrics = json.loads((project.root / "reports" / "metrics.json").read_text())
    assert metrics["synthetic"]
    assert [model["recipe"] for model in metrics["models"]] == ["baseline", "weighted"]


def test_every_shown_mistake_is_one_at_the_threshold_of_its_model(project):
    for entry in registered(project):
        folder = project.root / "reports" / "gradcam" / f"{entry['recipe']}-v{entry['version']}"
        gallery = json.loads((folder / "mistakes.json").read_text())
        threshold = json.loads(project.call("registry", "show", str(entry["version"]), "--json"))["record"]["threshold"]
        assert gallery["model_sha256"] == entry["model_sha256"]
        for mistake in gallery["mistakes"]:
            assert mistake["true_label"] != mistake["predicted_label"]
            assert (mistake["probability"] >= threshold) == (mistake["predicted_label"] == "PNEUMONIA")


def test_methods_are_compared_on_both_models_and_against_the_lesions(project):
    models = json.loads((project.root / "reports" / "heatmaps.json").read_text())["models"]
    assert [model["recipe"] for model in models] == ["baseline", "weighted"]
    for model in models:
        assert [method["method"] for method in model["methods"]] == list(EXPLANATION_METHODS)
        assert model["radiographs"] == 6
        for picture in model["pictures"].values():
            assert (project.root / "reports" / "heatmaps" / picture).stat().st_size > 0
    assert any(method["localization"] for model in models for method in model["methods"])
    assert "baseline v1" in (project.root / "reports" / "explanations.html").read_text()


def test_finished_measurements_of_heatmaps_are_not_repeated(project):
    printed = project.call("heatmaps")
    assert printed.count("(measured before)") == 2
    assert "Agreement of the maps of 2 networks: measured before" in printed


def test_any_radiograph_is_explained_by_several_methods(project):
    radiographs = sorted((project.root / "data").rglob("test/PNEUMONIA/*.jpeg"))[:2]
    printed = project.run("explain", *map(str, radiographs), "--model", "weighted", "--explain.methods", '["grad-cam","lots"]')
    assert "trained on synthetic phantom radiographs" in printed
    assert printed.count("probability of PNEUMONIA") == 2
    assert len(list((project.root / "reports" / "explained").glob("*-v2.png"))) == 2


def test_a_file_that_is_not_a_radiograph_is_refused_and_the_others_are_explained(project, tmp_path):
    (tmp_path / "note.txt").write_text("not a radiograph")
    radiograph = next((project.root / "data").rglob("test/PNEUMONIA/*.jpeg"))
    options = ("--report.directory", str(tmp_path / "reports"))
    done = project.attempt("explain", str(tmp_path / "note.txt"), *options)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("pneumo: note.txt: ")
    assert not (tmp_path / "reports").exists()
    printed = project.run("explain", str(radiograph), str(tmp_path / "note.txt"), *options)
    assert "note.txt: refused (" in printed
    assert len(list((tmp_path / "reports" / "explained").glob("*.png"))) == 1


def test_promote_makes_another_model_the_champion(project):
    assert "weighted v2 is the champion now" in project.call("registry", "promote", "weighted")
    assert [entry["aliases"] for entry in registered(project)] == [[], ["champion"]]
    assert json.loads(project.call("registry", "show", "champion", "--json"))["record"]["recipe"] == "weighted"


def test_a_stage_killed_in_training_lists_nothing_and_its_rerun_gives_the_model_of_an_uninterrupted_run(project, tmp_path):
    other = Project(tmp_path, SETTINGS)
    killed = other.start("baseline")
    while not list(tmp_path.glob("models/training/baseline-*/state/epoch-*[0-9]")):
        assert killed.poll() is None, "the stage ended before it could be killed"
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert registered(other) == []
    assert "Resuming after epoch" in other.run("baseline")
    resumed, uninterrupted = (json.loads(one.call("registry", "show", "1", "--json"))["record"] for one in (other, project))
    for name in ("threshold", "temperature", "test", "validation", "validation_shifted"):
        assert resumed[name] == uninterrupted[name]


@pytest.mark.parametrize("stage", ["gradcam", "heatmaps", "report"])
def test_heatmaps_and_report_without_a_model_end_in_one_line_with_the_remedy(stage, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("PNEUMO_DATA", raising=False)
    assert main([stage, "--config", str(Project(tmp_path, SETTINGS).file)]) == 2
    line = capsys.readouterr().err
    assert "run `make train` first" in line
    assert line.count("\n") == 1
    assert not (tmp_path / "reports").exists()
