"""The stages `crossval` and `ablate`, and what the report shows of them."""

import json
import signal
import time

import numpy as np
import pytest

from pneumo import config
from pneumo.registry import Registry
from pneumo.results.experiment import Ablation, CrossValidation
from tests.stages.project import SMALL_PHANTOM, Project, experiment_predictions

pytestmark = pytest.mark.slow

SETTINGS = (
    SMALL_PHANTOM
    + """
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
)


def fingerprint(root):
    return json.loads((root / "reports" / "metrics.json").read_text())["cohort"]["fingerprint"]


def newest(root, kind):
    """Result and predictions of the only experiment of a kind."""
    (result,) = Registry(config.Registry(directory=root / "models")).newest_experiments(kind, fingerprint(root))
    return result, experiment_predictions(root / "models", kind, fingerprint(root))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A project whose report has both sections."""
    project = Project(tmp_path_factory.mktemp("project"), SETTINGS)
    project.run_all("baseline", "crossval", "ablate", "report")
    return project.root


def test_every_train_radiograph_is_scored_once_and_no_other(root):
    _, predictions = newest(root, CrossValidation)
    radiographs = {
        path.relative_to(next(root.glob("data/phantom-*/chest_xray"))).as_posix()
        for path in root.glob("data/phantom-*/chest_xray/train/*/*")
    }
    assert radiographs
    assert sorted(predictions["path"]) == sorted(radiographs)
    assert predictions.groupby("patient")["fold"].nunique().max() == 1
    assert set(predictions["fold"]) == {1, 2, 3}


def test_mean_sd_and_pooled_are_those_of_the_folds(root):
    result, predictions = newest(root, CrossValidation)
    correct = (predictions["y_score"] >= 0.5) == predictions["y_true"]
    accuracies = correct.groupby(predictions["fold"]).mean().to_numpy()
    assert [fold.scores.accuracy for fold in result.folds] == pytest.approx(accuracies)
    assert result.spread["accuracy"].mean == pytest.approx(np.mean(accuracies))
    assert result.spread["accuracy"].sd == pytest.approx(np.std(accuracies, ddof=1))
    assert result.pooled.accuracy == pytest.approx(correct.mean())
    assert result.synthetic
    assert [len(fold.history["loss"]) for fold in result.folds] == [3, 3, 3]


def test_the_ablation_has_six_variants_scored_on_validation(root):
    result, predictions = newest(root, Ablation)
    assert [variant.name for variant in result.variants] == [
        "plain", "plain-augmented", "dropout", "dropout-augmented", "deeper", "deeper-augmented",
    ]  # fmt: skip
    assert {variant.epoch for variant in result.variants} == {2}
    assert {variant.threshold for variant in result.variants} == {0.5}
    assert {variant.test for variant in result.variants} == {None}
    assert len(predictions) == 6 * result.variants[0].scores.images
    assert predictions["path"].str.startswith("train/").all()


def test_the_report_shows_both(root):
    page = (root / "reports" / "index.html").read_text()
    assert "baseline, 3 folds" in page
    assert '<section id="ablation">' in page
    metrics = json.loads((root / "reports" / "metrics.json").read_text())
    assert metrics["cross_validations"] == [newest(root, CrossValidation)[0].model_dump(mode="json")]
    assert metrics["ablations"] == [newest(root, Ablation)[0].model_dump(mode="json")]


def test_only_logs_of_the_fits_are_left(root):
    names = {path.name for folder in root.glob("models/training/*-*") for path in folder.iterdir()}
    assert names == {"lock", "tensorboard"}


def test_a_cross_validation_killed_in_its_second_fold_lists_nothing_and_resumes_to_the_same_result(root, tmp_path):
    project = Project(tmp_path, SETTINGS)
    killed = project.start("crossval")
    while not list(tmp_path.glob("models/training/crossval-baseline-fold-2-*/state/epoch-*[0-9]")):
        assert killed.poll() is None, "the stage ended before it could be killed"
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "models" / "mlflow.db").exists()
    output = project.run("crossval")
    assert output.count("finished before") == 1
    assert "Resuming after epoch" in output
    uninterrupted, predictions = newest(root, CrossValidation)
    registry = Registry(config.Registry(directory=tmp_path / "models"))
    (resumed,) = registry.newest_experiments(CrossValidation, uninterrupted.data_fingerprint)
    assert experiment_predictions(tmp_path / "models", CrossValidation, uninterrupted.data_fingerprint).equals(predictions)
    assert [fold.history for fold in resumed.folds] == [fold.history for fold in uninterrupted.folds]
    assert resumed.spread == uninterrupted.spread
