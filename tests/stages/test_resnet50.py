"""The backbone's stages as a user runs them: commands in, registry, search and report out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

SETTINGS = """
cohort:
  directory: {root}/data
  phantom: {{patients: 60, size_px: 96}}
registry: {{directory: {root}/models}}
report: {{directory: {root}/reports}}
resnet50:
  image_size_px: 32
  network: {{weights: none, head_units: [8], unfrozen_fraction: 0.05}}
  fit: {{epochs: 2}}
  views: 1
  fine_tuning_epochs: 1
head_search: {{points: 2, epochs: 2, layers: 2}}
"""


def run(root, *arguments):
    file = root / "config.yaml"
    file.write_text(SETTINGS.format(root=root))
    # On the phantom, whatever cohort the machine has, and without whatever weights lie in its cache.
    environment = {name: value for name, value in os.environ.items() if name != "PNEUMO_DATA"} | {"KERAS_HOME": str(root / "keras")}
    command = [sys.executable, "-m", "pneumo", *arguments, "--config", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    for stage in ("prepare", "resnet50", "gradcam", "report"):
        done = run(root, stage)
        assert done.returncode == 0, done.stdout + done.stderr
    return root


def test_the_model_is_registered_explained_and_reported_with_both_phases(root):
    (entry,) = json.loads(run(root, "registry", "list", "--json").stdout)
    assert (entry["recipe"], entry["synthetic"]) == ("resnet50", True)
    for case in json.loads((root / "reports" / "gradcam" / "resnet50-v1" / "cases.json").read_text())["cases"]:
        assert case["layer"] == "conv5_block3_out"
    assert "Phases of resnet50 v1" in (root / "reports" / "index.html").read_text()
    (model,) = json.loads((root / "reports" / "metrics.json").read_text())["models"]
    assert [phase["epochs"] for phase in model["phases"]] == [2, 1]
    assert len(model["history"]["loss"]) == 3


def test_heads_reuses_the_features_and_writes_a_recipe_that_resnet50_takes(root):
    before = {file.name: file.stat().st_ino for file in root.glob("data/cache/features/*.npy")}
    done = run(root, "heads")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {file.name: file.stat().st_ino for file in root.glob("data/cache/features/*.npy")} == before
    settings_file = Path(next(line for line in done.stdout.splitlines() if line.startswith("Next: ")).rpartition(" ")[2])
    assert yaml.safe_load(settings_file.read_text())["resnet50"]["image_size_px"] == 32
    assert len(json.loads(settings_file.with_suffix(".json").read_text())["tried"]) == 4


def test_without_the_imagenet_weights_the_command_ends_in_one_line_that_says_what_to_do(root):
    done = run(root, "resnet50", "--resnet50.network.weights", "imagenet")
    if done.returncode == 0:
        pytest.skip("there is a network, and the weights were fetched")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("pneumo: ")]
    assert "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5" in line
    assert str(root / "keras" / "models") in line
    assert "--resnet50.network.weights none" in line
    assert "Traceback" not in done.stderr
