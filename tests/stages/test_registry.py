"""`pneumo registry`, and how every command refuses a model of an earlier version."""

import json
import re
import sqlite3
from pathlib import Path

import pytest

from pneumo.cli import main
from pneumo.cohort.index import index
from pneumo.config import Cohort
from pneumo.evaluation.scores import PARTS
from tests.registry.tiny_models import register, registry_in, tiny_model, tiny_predictions, tiny_record

GUIDE = Path(__file__).parents[2] / "docs"


def test_models_are_listed_by_cohort_shown_and_promoted(tmp_path, capsys):
    settings = ["--registry.directory", str(tmp_path / "models")]
    assert main(["registry", "list", *settings]) == 0
    assert "No model is registered in" in capsys.readouterr().out
    registry = registry_in(tmp_path / "models")
    register(registry, "baseline")
    register(registry, "weighted")
    assert main(["registry", "list", *settings]) == 0
    table = capsys.readouterr().out
    assert "cohort phantom (SYNTHETIC radiographs), f00d" in table
    assert all(text in table for text in ("baseline", "weighted", "champion"))
    assert main(["registry", "promote", "weighted", *settings]) == 0
    assert "weighted v2 is the champion now" in capsys.readouterr().out
    assert main(["registry", "show", "champion", "--json", *settings]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["version"], shown["record"]["recipe"]) == (2, "weighted")


def test_names_are_never_cut(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    register(registry_in(tmp_path / "models"), "robust-without-augmentation-seed-0")
    assert main(["registry", "list", "--registry.directory", str(tmp_path / "models")]) == 0
    printed = capsys.readouterr().out
    assert "robust-without-augmentation-seed-0" in printed
    assert "…" not in printed


def test_the_code_of_the_guide_loads_the_champion(tmp_path, monkeypatch):
    register(registry_in(tmp_path / "models"), "baseline")
    (code,) = re.findall(r"^```python\n(.*?)^```$", (GUIDE / "registry.md").read_text(), re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)  # noqa: S102
    assert names["model"].layers[-1].name == "probability"


@pytest.fixture
def settings(kermany_folder, tmp_path) -> list[str]:
    """Settings of a cohort and of a registry whose only model was registered by an earlier version."""
    cohort = index(kermany_folder, Cohort(cache_dir=tmp_path / "data"))
    record = tiny_record("weighted").model_copy(update={"data_fingerprint": cohort.fingerprint})
    registry_in(tmp_path / "models").add(record, tiny_model(), dict.fromkeys(PARTS, tiny_predictions()))
    with sqlite3.connect(tmp_path / "models" / "mlflow.db") as connection:
        connection.execute("DELETE FROM model_version_tags WHERE key = 'protocol_fingerprint'")
    of_cohort = ["--data", str(kermany_folder), "--cohort.cache_dir", str(tmp_path / "data"), "--protocol.validation", "shipped"]
    return [*of_cohort, "--report.directory", str(tmp_path / "reports"), "--registry.directory", str(tmp_path / "models")]


def test_a_model_of_an_earlier_version_is_refused_in_one_line_by_every_command(settings, tmp_path, capsys):
    registry_only = settings[-2:]
    refusal = (
        f"pneumo: Model 1 in {tmp_path / 'models'} is of an incompatible version of pneumo (without a valid protocol_fingerprint): "
        "train weighted again, or set another registry.directory\n"
    )
    assert main(["registry", "list", *registry_only]) == 0
    assert capsys.readouterr() == ("", refusal)
    assert main(["registry", "list", "--json", *registry_only]) == 0
    assert capsys.readouterr() == ("[]\n", refusal)
    for command in (["registry", "show", "1"], ["registry", "show", "weighted"], ["registry", "promote", "champion"]):
        assert main([*command, *registry_only]) == 2
        assert capsys.readouterr().err == refusal
    for command in ("gradcam", "report"):
        assert main([command, *settings]) == 2
        assert capsys.readouterr().err.endswith(refusal)
    assert not (tmp_path / "reports").exists()
