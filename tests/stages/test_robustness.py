"""The robustness command on a small phantom cohort with untrained registered models."""

import io
import json

import keras
import pytest
from rich.console import Console

from pneumo.cohort.index import index
from pneumo.cohort.splits import partition
from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.radiographs.perturbation import PERTURBATIONS
from pneumo.registry import Registry
from pneumo.results.files import load_result
from pneumo.results.robustness import Robustness
from pneumo.stages import robustness
from tests.registry.tiny_models import tiny_model, tiny_record

pytestmark = pytest.mark.slow

RADIOGRAPHS = 20


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A registry with models of two recipes, one of which pads, validated on the phantom cohort."""
    root = tmp_path_factory.mktemp("project")
    config = Config(
        cohort={"cache_dir": root / "data", "phantom": {"patients": 40, "size_px": 64}},
        protocol={"validation_fraction": 0.5},
        registry={"directory": root / "models"},
        report={"directory": root / "reports"},
        robustness={"radiographs": RADIOGRAPHS},
    )
    for recipe, resize in (("baseline", "squash"), ("weighted", "pad")):
        register(config, recipe, resize)
    return config


def register(config, recipe, resize="squash"):
    cohort = index(config.data, config.cohort)
    radiographs = cohort.table[partition(cohort, config.protocol) == "validation"]
    y_true = (radiographs["label"] == "PNEUMONIA").astype(int)
    table = radiographs[["path", "patient"]].assign(y_true=y_true, y_score=0.5)
    changes = {
        "data_fingerprint": cohort.fingerprint,
        "protocol_fingerprint": config.protocol.fingerprint,
        "resize": resize,
        "threshold": 0.5,
    }
    keras.utils.set_random_seed(0)
    # The stage would fail if it read the test radiograph, which does not exist.
    predictions = {"validation": table, "validation_shifted": table, "test": table.assign(path="absent.jpeg")}
    return Registry(config.registry).add(tiny_record(recipe).model_copy(update=changes), tiny_model(), predictions)


def run(config):
    """Run the stage; return the saved results by recipe, and the output."""
    console = Console(file=io.StringIO(), width=200)
    assert robustness.run(config, console) is None
    saved = load_result(config.report.directory / "robustness.json", Robustness)
    return {model.recipe: model for model in saved.models}, console.file.getvalue()


@pytest.fixture(scope="module")
def first_run(config):
    return run(config)


def test_every_recipe_is_scored_at_every_severity(first_run):
    models, output = first_run
    assert list(models) == ["baseline", "weighted"]
    for model in models.values():
        assert 0 < model.images <= RADIOGRAPHS
        assert {curve.perturbation: tuple(point.severity for point in curve.points) for curve in model.curves} == {
            name: perturbation.severities for name, perturbation in PERTURBATIONS.items()
        }
        unperturbed = {curve.unperturbed.model_copy(update={"severity": 0}).model_dump_json() for curve in model.curves}
        assert len(unperturbed) == 1
    assert "baseline v1: AUROC" in output
    assert "Next: pneumo report" in output


def test_validation_radiographs_are_scored_and_perturbing_them_changes_scores(first_run):
    models, _ = first_run
    assert any(
        point.auroc != curve.unperturbed.auroc for model in models.values() for curve in model.curves for point in curve.points
    )


def test_a_rerun_measures_nothing_and_changes_nothing(config, first_run):
    models, output = run(config)
    assert models == first_run[0]
    assert output.count("(measured before)") == 2


def test_an_outdated_measurement_is_repeated_and_the_other_is_not(config, first_run):
    file = config.report.directory / "robustness.json"
    content = json.loads(file.read_text())
    content["models"][0]["definition"] = "other"
    file.write_text(json.dumps(content))
    models, output = run(config)
    assert output.count("(measured before)") == 1
    assert models["weighted"] == first_run[0]["weighted"]
    assert models["baseline"].model_copy(update={"created": None}) == first_run[0]["baseline"].model_copy(update={"created": None})


@pytest.mark.usefixtures("first_run")
def test_a_damaged_file_is_replaced(config):
    (config.report.directory / "robustness.json").write_text('{"models": [')
    models, output = run(config)
    assert "(measured before)" not in output
    assert list(models) == ["baseline", "weighted"]


def test_a_report_folder_that_cannot_be_written_is_named(config, tmp_path):
    (tmp_path / "file").write_text("")
    report = config.report.model_copy(update={"directory": tmp_path / "file" / "reports"})
    with pytest.raises(UserError, match=r"set another report\.directory"):
        run(config.model_copy(update={"report": report}))


def test_without_a_model_the_error_says_what_to_do(config, tmp_path):
    registry = config.registry.model_copy(update={"directory": tmp_path})
    with pytest.raises(UserError, match="run `make train` first"):
        run(config.model_copy(update={"registry": registry}))
