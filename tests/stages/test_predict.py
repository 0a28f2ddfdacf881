"""`pneumo predict`: any radiographs in, a table out, for every recipe."""

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pneumo.config import Registry as RegistrySettings
from pneumo.evaluation.calibration import scale_temperature
from pneumo.registry import Registry
from tests.stages.project import SMALL_PHANTOM, Project

pytestmark = pytest.mark.slow

SETTINGS = (
    SMALL_PHANTOM
    + """
baseline:
  image_size_px: 48
  network: {{filters: [8, 8]}}
  fit: {{epochs: 3}}
weighted:
  image_size_px: 32
  network: {{filters: [4, 4], dense_units: 8}}
  fit: {{epochs: 1}}
robust:
  image_size_px: 32
  resize: pad
  seeds: [0, 1]
  network: {{filters: [4, 8], blocks: 1}}
  fit: {{epochs: 1}}
resnet50:
  image_size_px: 32
  network: {{weights: none, head_units: [8], unfrozen_fraction: 0.05}}
  fit: {{epochs: 1}}
  views: 1
  fine_tuning_epochs: 1
hpo:
  points: 2
  initial_points: 1
  folds: 2
  recipe:
    image_size_px: 32
    network: {{filters: [4, 4]}}
    fit: {{epochs: 1}}
"""
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project"), SETTINGS)
    project.run_all("prepare", "baseline", "weighted", "robust", "resnet50", "hpo", "report")
    return project


@pytest.fixture(scope="module")
def radiographs(project) -> Path:
    """The folder of the phantom's test split."""
    (folder,) = project.root.glob("data/phantom-*/chest_xray/test")
    return folder


@pytest.mark.parametrize("recipe", ["baseline", "weighted", "robust-seed-0", "robust-seed-1", "robust-ensemble", "resnet50", "hpo"])
def test_predictions_are_those_of_the_registry(project, radiographs, recipe):
    registry = Registry(RegistrySettings(directory=project.root / "models"))
    entry = registry.get(recipe)
    record, expected = registry.record(entry), registry.predictions(entry, "test").set_index("path")["y_score"]
    output = project.root / f"{recipe}.csv"
    project.call("predict", str(radiographs), "--output", str(output), "--model", recipe)
    table = pd.read_csv(output)
    table.index = [str(Path(path).relative_to(radiographs.parent)) for path in table["path"]]
    assert set(table.index) == set(expected.index)
    expected = expected[table.index]
    np.testing.assert_allclose(table["score"], expected, atol=1e-6)
    tempered = expected if record.temperature is None else scale_temperature(expected.to_numpy(), record.temperature)
    np.testing.assert_allclose(table["probability"], tempered, atol=1e-6)
    decided = table[table["decision"].isin(["NORMAL", "PNEUMONIA"])]
    assert ((decided["decision"] == "PNEUMONIA") == (expected[decided.index] >= record.threshold)).all()
    assert set(table["model"]) == {f"{recipe} v{entry.version}"}


def test_bad_files_are_rows_and_strict_says_so_in_its_status(project, radiographs, tmp_path):
    shutil.copy(next(radiographs.rglob("*.png"), None) or next(radiographs.rglob("*.jpeg")), tmp_path / "good.jpeg")
    (tmp_path / "bad.jpeg").write_bytes(b"no image")
    done = project.attempt("predict", str(tmp_path), "--strict", "--heatmaps", str(tmp_path / "maps"))
    assert done.returncode == 3, done.stderr
    bad, good = csv.DictReader(io.StringIO(done.stdout))
    assert (bad["decision"], bad["probability"]) == ("refused", "")
    assert bad["reason"]
    assert good["probability"]
    assert f"Heatmaps of 1 of 2 radiographs in {tmp_path / 'maps'}" in done.stderr
    (picture,) = (tmp_path / "maps").glob("good-*.png")
    assert picture.stat().st_size > 10_000
    assert project.attempt("predict", str(tmp_path)).returncode == 0
    missing = project.attempt("predict", str(tmp_path / "missing"))
    assert missing.returncode == 2
    assert "no such file or folder" in missing.stderr.splitlines()[-1]


def test_a_list_on_standard_input_is_predicted(project, radiographs, monkeypatch):
    files = sorted(map(str, radiographs.rglob("*.*")))[:3]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(files) + "\n"))
    rows = list(csv.DictReader(io.StringIO(project.call("predict", "-"))))
    assert [row["path"] for row in rows] == files


def test_the_report_shows_referral_on_all_parts(project):
    page = (project.root / "reports" / "index.html").read_text()
    assert 'id="referral"' in page
    assert "spread" in page
    referrals = json.loads((project.root / "reports" / "metrics.json").read_text())["referral"]
    for entry in referrals:
        share = entry["validation_shifted"]
        assert share["errors"]["value"] is None or share["errors"]["value"] <= 0.02
    assert (project.root / "reports" / "figures" / "risk-coverage.png").exists()
