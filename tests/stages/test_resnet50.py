"""The stages `resnet50` and `heads`, and what the heatmaps and the report show of their model."""

import json
from pathlib import Path

import pytest
import yaml

from tests.stages.project import SMALL_PHANTOM, Project

pytestmark = pytest.mark.slow

SETTINGS = (
    SMALL_PHANTOM
    + """
resnet50:
  image_size_px: 32
  network: {{weights: none, head_units: [8], unfrozen_fraction: 0.05}}
  fit: {{epochs: 2}}
  views: 1
  fine_tuning_epochs: 1
head_search: {{points: 2, epochs: 2, layers: 2}}
"""
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    # A cache without weights, whatever the cache of this machine holds.
    project = Project(root, SETTINGS, KERAS_HOME=str(root / "keras"))
    project.run_all("prepare", "resnet50", "gradcam", "report")
    return project


def test_the_model_is_registered_explained_and_reported_with_both_phases(project):
    (entry,) = json.loads(project.call("registry", "list", "--json"))
    assert (entry["recipe"], entry["synthetic"]) == ("resnet50", True)
    for mistake in json.loads((project.root / "reports" / "gradcam" / "resnet50-v1" / "mistakes.json").read_text())["mistakes"]:
        assert mistake["layer"] == "conv5_block3_out"
    assert "Training phases of resnet50 v1" in (project.root / "reports" / "index.html").read_text()
    (model,) = json.loads((project.root / "reports" / "metrics.json").read_text())["models"]
    assert [phase["epochs"] for phase in model["phases"]] == [2, 1]
    assert len(model["history"]["loss"]) == 3


def test_heads_reuses_the_features_and_writes_a_recipe_that_resnet50_takes(project):
    before = {file.name: file.stat().st_ino for file in project.root.glob("data/cache/features/*.npy")}
    printed = project.run("heads")
    assert {file.name: file.stat().st_ino for file in project.root.glob("data/cache/features/*.npy")} == before
    settings_file = Path(next(line for line in printed.splitlines() if line.startswith("Next: ")).rpartition(" ")[2])
    assert yaml.safe_load(settings_file.read_text())["resnet50"]["image_size_px"] == 32
    assert len(json.loads(settings_file.with_suffix(".json").read_text())["evaluated"]) == 4


def test_without_the_imagenet_weights_the_command_ends_in_one_line_with_the_remedy(project):
    done = project.attempt("resnet50", "--resnet50.network.weights", "imagenet")
    if done.returncode == 0:
        pytest.skip("there is a network, and the weights were fetched")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("pneumo: ")]
    assert "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5" in line
    assert str(project.root / "keras" / "models") in line
    assert "`network.weights`" in line
    assert "Traceback" not in done.stderr
