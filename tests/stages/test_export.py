"""`pneumo export`: a small model, trained on noise, as bundles."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from pneumo.cli import main
from pneumo.config import FORMATS, Cnn, CnnRecipe, Config, Fit
from pneumo.errors import UserError
from pneumo.inference.bundle import README, read_bundle
from pneumo.inference.predictor import Predictor
from pneumo.stages import export
from tests.stages.trained_project import trained_project, write_cohort

pytestmark = pytest.mark.slow

RECIPE = CnnRecipe(
    image_size_px=16,
    network=Cnn(filters=(4,), dense_units=16, dense_dropout=0),
    fit=Fit(epochs=1, batch_size=8, precision="mixed_bfloat16"),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Settings of a project with one trained model."""
    return trained_project(tmp_path_factory.mktemp("project"), RECIPE)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_registered_model_becomes_a_verified_bundle(
    format_: str, trained: Config, tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    export.run(trained, console, "champion", format_, None)
    folder = Path("exports") / f"tiny-v1-{format_}"
    bundle, printed = read_bundle(folder), console.file.getvalue()
    assert 0 < bundle.parity.radiographs <= 64
    assert f"Exported tiny v1 as {format_} to {folder}" in printed
    assert "Model card" in (folder / README).read_text(encoding="utf-8")
    if format_ == "litert":
        assert bundle.int8.auroc is not None
        assert "of decisions agree" in printed
    if format_ in ("keras", "onnx"):
        assert f"pneumo predict PATH --model {folder}" in printed
        files = sorted((trained.data / "train" / "NORMAL").iterdir())
        own, exported = (
            [prediction.probability for prediction in Predictor.load(model, registry=trained.registry).predict(files)]
            for model in ("champion", folder)
        )
        assert None not in own
        assert np.abs(np.subtract(own, exported)).max() < 0.01


def test_the_default_format_is_keras(trained: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = {
        "--data": trained.data,
        "--cohort.cache_dir": trained.cohort.cache_dir,
        "--protocol.validation_fraction": trained.protocol.validation_fraction,
        "--registry.directory": trained.registry.directory,
        "--output": tmp_path / "bundle",
    }
    assert main(["export", "tiny", *(str(text) for option in options.items() for text in option)]) == 0, capsys.readouterr().err
    assert read_bundle(tmp_path / "bundle").format == "keras"


def test_an_unknown_format_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "champion", "--format", "pickle", "--output", str(tmp_path / "bundle")]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert all(text in message for text in ("--format", "pickle", *FORMATS))
    assert not (tmp_path / "bundle").exists()


def test_another_cohort_is_refused(trained: Config, tmp_path: Path, console: Console) -> None:
    other = trained.model_copy(update={"data": write_cohort(tmp_path / "other", 1)})
    with pytest.raises(UserError, match=r"other is not the cohort that tiny v1 was trained on.*named own, with --data"):
        export.run(other, console, "champion", "keras", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_another_protocol_is_refused(trained: Config, tmp_path: Path, console: Console) -> None:
    other = trained.model_copy(update={"protocol": trained.protocol.model_copy(update={"validation_fraction": 0.4})})
    with pytest.raises(UserError, match="tiny v1 was validated under another protocol"):
        export.run(other, console, "champion", "keras", tmp_path / "bundle")
