"""`pneumo audit` on phantom cohorts with and without a planted shortcut."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from pneumo.cli import main
from pneumo.config import Config
from pneumo.config import Registry as RegistrySettings
from pneumo.errors import UserError
from pneumo.registry import Registry
from pneumo.stages import audit

pytestmark = pytest.mark.slow

# Enough patients for 20 of each class in test; large enough for a legible marker.
PHANTOM = {"patients": 260, "size_px": 128}


@pytest.fixture(autouse=True)
def no_data(monkeypatch):
    monkeypatch.delenv("PNEUMO_DATA", raising=False)


def audited(directory, **settings):
    """Run the stage, and return the file it wrote and what it printed."""
    folders = {"report": {"directory": directory / "reports"}, "registry": {"directory": directory / "models"}}
    config = Config(cohort={"cache_dir": directory, "phantom": PHANTOM | settings}, **folders)
    with (directory / "printed.txt").open("w") as printed:
        assert audit.run(config, Console(file=printed, width=160)) is None
    return json.loads((directory / "reports/audit.json").read_text()), (directory / "printed.txt").read_text()


def shortcuts(found):
    return {finding["trait"] for finding in found["findings"] if finding["verdict"] == "shortcut"}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_clean_phantom_has_no_shortcut_and_no_leakage(tmp_path, seed):
    found, printed = audited(tmp_path, seed=seed)
    assert found["synthetic"]
    assert shortcuts(found) == set()
    assert {finding["verdict"] for finding in found["findings"]} <= {"uninformative", "shared", "unclear", "constant"}
    assert "SYNTHETIC" in printed
    assert "No shortcut: no trait predicts the label in train" in printed
    assert "no model is scored" in printed
    assert found["leakage"]["identical"] == found["leakage"]["near_duplicates"] == []
    assert found["leakage"]["patients_in_several_splits"] == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_a_planted_marker_is_the_only_shortcut(tmp_path, seed):
    found, printed = audited(tmp_path, seed=seed, shortcut="marker")
    assert shortcuts(found) == {"marker"}
    assert not [finding for finding in found["findings"] if finding["verdict"] == "redundant"]
    assert "PNEUMONIA radiographs have brighter side markers than NORMAL ones" in printed


@pytest.mark.parametrize("seed", [0, 1])
def test_a_planted_aspect_ratio_is_found_and_traits_correlated_with_it_are_redundant(tmp_path, seed):
    found, printed = audited(tmp_path, seed=seed, shortcut="aspect")
    assert shortcuts(found) == {"aspect_ratio"}
    assert {finding["redundant_with"] for finding in found["findings"]} <= {None, "aspect_ratio"}
    assert "PNEUMONIA radiographs are wider for their height than NORMAL ones in 100 % of pairs" in printed


def test_a_planted_aspect_ratio_is_found_after_resizing_all_radiographs_to_squares(tmp_path):
    directory = tmp_path / "data"
    folders = {"report": {"directory": tmp_path}, "registry": {"directory": tmp_path / "models"}}
    audit.run(Config(cohort={"cache_dir": tmp_path, "phantom": PHANTOM | {"shortcut": "aspect"}}, **folders), Console(quiet=True))
    (folder,) = tmp_path.glob("phantom-*/chest_xray")
    for file in folder.glob("*/*/*.jpeg"):
        square = tmp_path / "square" / file.relative_to(folder)
        square.parent.mkdir(parents=True, exist_ok=True)
        Image.open(file).resize((128, 128), Image.Resampling.BICUBIC).save(square, quality=90)
    config = Config(data=tmp_path / "square", cohort={"cache_dir": directory}, audit={"originals": folder}, **folders)
    audit.run(config, Console(quiet=True))
    found = json.loads((tmp_path / "audit.json").read_text())
    assert "stretch" in shortcuts(found)
    assert shortcuts(found["originals"]) == {"aspect_ratio"}
    assert found["originals"]["stretch_follows_shape"]["value"] > 0.7


def test_the_command_needs_no_tensorflow_and_succeeds_with_findings(tmp_path):
    code = "import sys; from pneumo.cli import main; status = main(sys.argv[1:]); "
    code += "sys.exit(status or 3 * any(name in sys.modules for name in ('tensorflow', 'keras', 'mlflow')))"
    options = [
        "--cohort.cache_dir",
        str(tmp_path),
        "--registry.directory",
        str(tmp_path / "models"),
        "--report.directory",
        str(tmp_path / "reports"),
    ]
    options += ["--cohort.phantom.patients", "260", "--cohort.phantom.size_px", "64", "--cohort.phantom.shortcut", "aspect"]
    done = subprocess.run([sys.executable, "-c", code, "audit", *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "a network may predict the label from the aspect ratio" in done.stdout
    assert "Next: pneumo baseline" in done.stdout


def test_an_audit_is_logged_as_an_access_to_test_that_scores_no_model(tmp_path):
    found, _ = audited(tmp_path)
    registry = Registry(RegistrySettings(directory=tmp_path / "models"))
    assert [access.recipe for access in registry.test_accesses(found["data_fingerprint"])] == ["audit"]


def test_a_report_folder_that_cannot_be_written_is_reported(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    options = ["--cohort.cache_dir", str(tmp_path), "--cohort.phantom.patients", "40", "--cohort.phantom.size_px", "64"]
    options += ["--registry.directory", str(tmp_path / "models")]
    assert main(["audit", *options, "--report.directory", str(tmp_path / "file" / "reports")]) == 2
    assert "set another report.directory" in capsys.readouterr().err


def test_missing_originals_are_an_error(tmp_path):
    config = Config(
        cohort={"cache_dir": tmp_path, "phantom": {"patients": 40, "size_px": 64}}, audit={"originals": tmp_path / "absent"}
    )
    with pytest.raises(UserError, match=r"audit\.originals"):
        audit.run(config, Console(quiet=True))


def test_the_same_cohort_gives_the_same_audit(tmp_path):
    first, second = (audited(tmp_path, patients=60, size_px=64)[0] for _ in range(2))
    assert {**first, "created": None} == {**second, "created": None}
    assert np.isfinite(first["linear_baseline"]["test"]["value"])
