"""Cross-validation and ablation as a user goes through them: commands in, registry and report out."""

import json
import signal
import time

import numpy as np
import pytest

from pneumo import config
from pneumo.registry import Registry
from pneumo.results.ablation import Ablation
from pneumo.results.cross_validation import CrossValidation
from tests.stages.project import Project

pytestmark = pytest.mark.slow

SETTINGS = """
cohort:
  cache_dir: {root}/data
  phantom: {{patients: 60, size_px: 96}}
registry: {{directory: {root}/models}}
report: {{directory: {root}/reports}}
baseline:
  image_size_px: 32
  network: {{filters: [4, 4], dense_units: 8}}
  fit: {{epochs: 3, deterministic: true, precision: float32}}
crossval: {{folds: 3}}
ablate:
  recipe:
    image_size_px: 24
    fit: {{epochs: 2, early_stopping_patience: null}}
"""


def newest(root, kind):
    registry = Registry(config.Registry(directory=root / "models"))
    page = json.loads((root / "reports" / "metrics.json").read_text())
    return registry.newest_experiments(kind, page["cohort"]["fingerprint"])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A project that has gone from nothing to a report with both sections."""
    project = Project(tmp_path_factory.mktemp("project"), SETTINGS)
    project.run_all("baseline", "crossval", "ablate", "report")
    return project.root


def test_every_train_radiograph_is_scored_once_and_no_other(root):
    (kept,) = newest(root, CrossValidation)
    radiographs = {
        path.relative_to(next(root.glob("data/phantom-*/chest_xray"))).as_posix()
        for path in root.glob("data/phantom-*/chest_xray/train/*/*")
    }
    assert radiographs
    assert sorted(kept.predictions["path"]) == sorted(radiographs)
    assert kept.predictions.groupby("patient")["fold"].nunique().max() == 1
    assert set(kept.predictions["fold"]) == {1, 2, 3}


def test_mean_sd_and_pooled_are_those_of_the_folds(root):
    (kept,) = newest(root, CrossValidation)
    result, rows = kept.result, kept.predictions
    right = (rows["y_score"] >= 0.5) == rows["y_true"]
    accuracies = right.groupby(rows["fold"]).mean().to_numpy()
    assert [fold.scores.accuracy for fold in result.folds] == pytest.approx(accuracies)
    assert result.spread["accuracy"].mean == pytest.approx(np.mean(accuracies))
    assert result.spread["accuracy"].sd == pytest.approx(np.std(accuracies, ddof=1))
    assert result.pooled.accuracy == pytest.approx(right.mean())
    assert result.synthetic
    assert [len(fold.history["loss"]) for fold in result.folds] == [3, 3, 3]


def test_the_ablation_has_six_variants_scored_on_validation(root):
    (kept,) = newest(root, Ablation)
    assert [variant.name for variant in kept.result.variants] == [
        "plain", "plain-augmented", "dropout", "dropout-augmented", "deeper", "deeper-augmented",
    ]  # fmt: skip
    assert {variant.epoch for variant in kept.result.variants} == {2}
    assert len(kept.predictions) == 6 * kept.result.variants[0].scores.images
    assert kept.predictions["path"].str.startswith("train/").all()


def test_the_report_shows_both(root):
    page = (root / "reports" / "index.html").read_text()
    assert "baseline, 3 folds" in page
    assert '<section id="ablation">' in page
    numbers = json.loads((root / "reports" / "metrics.json").read_text())
    assert numbers["cross_validations"][0] == newest(root, CrossValidation)[0].result.model_dump(mode="json")


def test_nothing_but_logs_is_left_of_the_fits(root):
    left = {path.name for folder in root.glob("models/training/*-*") for path in folder.iterdir()}
    assert left == {"lock", "tensorboard"}


def test_a_cross_validation_killed_in_its_second_fold_lists_nothing_and_goes_on_to_the_same_result(root, tmp_path):
    project = Project(tmp_path, SETTINGS)
    killed = project.start("crossval")
    while not list(tmp_path.glob("models/training/crossval-baseline-fold-2-*/state/epoch-*[0-9]")):
        assert killed.poll() is None, "the stage ended before it could be killed"
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "models" / "mlflow.db").exists()
    said = project.run("crossval")
    assert said.count("finished before") == 1
    assert "Continuing after epoch" in said
    (unbroken,) = newest(root, CrossValidation)
    (again,) = Registry(config.Registry(directory=tmp_path / "models")).newest_experiments(
        CrossValidation, unbroken.result.data_fingerprint
    )
    assert again.predictions.equals(unbroken.predictions)
    assert [fold.history for fold in again.result.folds] == [fold.history for fold in unbroken.result.folds]
    assert again.result.spread == unbroken.result.spread
