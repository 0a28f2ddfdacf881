"""What `pneumo predict` and `pneumo explain` say to their user, with an untrained registered model."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumo.cli import USER_MISTAKE, main
from tests.registry.tiny_models import register, registry_in


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a registry."""
    folder = tmp_path_factory.mktemp("registry") / "models"
    register(registry_in(folder), "weighted")
    register(registry_in(folder), "baseline")
    return folder


@pytest.fixture
def settings(models: Path, tmp_path: Path) -> list[str]:
    return ["--registry.directory", str(models), "--cohort.cache_dir", str(tmp_path / "data")]


@pytest.fixture
def radiographs(tmp_path: Path) -> Path:
    """A folder with two radiographs, a damaged one, and a file of another format."""
    folder = tmp_path / "radiographs"
    folder.mkdir()
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 50), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "bad.png").write_bytes(b"no image")
    (folder / "notes.txt").write_text("text")
    return folder


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == USER_MISTAKE
    message = capsys.readouterr().err
    assert message.count("\n") == 1, message
    return message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "table.xlsx"], "--output table.xlsx: give a file named *.csv"),
        (["--resume"], "--resume continues a table in a file: give that with --output"),
        (["--heatmaps", __file__], "not a folder; give the path of a folder"),
        (["--dicom-out", __file__], "not a folder; give the path of a folder"),
        (["absent.png"], "absent.png: no such file or folder"),
    ],
)
def test_a_mistake_is_reported_before_the_model_is_loaded(
    options: list[str], message: str, radiographs: Path, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in refused(capsys, "predict", radiographs, *options, *settings)
    assert [file.name for file in radiographs.parent.iterdir()] == ["radiographs"]


def test_a_wrong_model_leaves_no_key(radiographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--registry.directory", tmp_path / "models", "--cohort.cache_dir", tmp_path / "data"]
    message = refused(capsys, "predict", radiographs, *options)
    assert "or give the folder of another registry with --registry.directory" in message
    assert [file.name for file in tmp_path.iterdir()] == ["radiographs"]


def test_the_summary_says_what_was_predicted_drawn_kept_and_skipped(
    radiographs: Path, settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", str(radiographs), "--output", str(tmp_path / "table.csv"), *settings]
    assert main([*command, "--heatmaps", str(tmp_path / "maps")]) == 0
    printed = capsys.readouterr().err
    assert "weighted v1, threshold 0.300" in printed
    assert "3 radiographs: " in printed
    assert "1 refused" in printed
    assert "Skipped 1 file of other formats" in printed
    assert f"Heatmaps of 2 of 3 radiographs in {tmp_path / 'maps'}" in printed
    assert main([*command, "--resume"]) == 0
    assert "3 radiographs kept, 0 new\n" in capsys.readouterr().err
    assert main([*command, "--resume", "--model", "baseline"]) == USER_MISTAKE
    assert "has rows of another model, weighted v1, and not of baseline v2" in capsys.readouterr().err


def test_nothing_to_predict_is_a_warning(settings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["predict", str(tmp_path / "empty"), *settings]) == 0
    assert f"Warning: no radiograph was found in {tmp_path / 'empty'}" in capsys.readouterr().err


def test_a_wrong_line_of_standard_input_is_a_row(
    radiographs: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"absent.png\n{radiographs / '0.png'}\n"))
    assert main(["predict", "-", *settings]) == 0
    absent, good = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (absent["path"], absent["decision"]) == ("absent.png", "refused")
    assert "no such file" in absent["reason"]
    assert good["probability"]


def test_explain_draws_the_usable_radiographs_and_says_why_not_the_others(
    radiographs: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--registry.directory", models, "--report.directory", tmp_path / "reports", "--explain.methods", '["grad-cam"]']
    files = [radiographs / name for name in ("0.png", "bad.png", "1.png")]
    assert main([str(argument) for argument in ("explain", *files, "--model", "2", *settings)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("baseline v2, threshold 0.300")
    assert printed[-2].startswith("bad.png: refused (not a DICOM, JPEG")
    assert len(list((tmp_path / "reports" / "explained").iterdir())) == 2
    message = refused(capsys, "explain", radiographs / "bad.png", *settings)
    assert message.startswith("pneumo: bad.png: not a DICOM")
    assert "no heatmaps were drawn: give a frontal radiograph" in message


@pytest.mark.parametrize(
    ("name", "message"),
    [("", " is a folder: give the files of the radiographs, such as "), ("absent", "absent: no such file; give")],
)
def test_explain_takes_files(name: str, message: str, radiographs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in refused(capsys, "explain", radiographs / name)
