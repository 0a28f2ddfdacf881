"""The command, on a small phantom with registered models that took no training."""

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
from pneumo.results.robustness import read
from pneumo.stages import robustness
from tests.registry.tiny_models import tiny_model, tiny_record

pytestmark = pytest.mark.slow

FILMS = 20


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A registry with two recipes' models, one of them padded, whose validation is the phantom's."""
    root = tmp_path_factory.mktemp("project")
    config = Config(
        cohort={"cache_dir": root / "data", "phantom": {"patients": 40, "size_px": 64}, "validation_fraction": 0.5},
        registry={"directory": root / "models"},
        report={"directory": root / "reports"},
        robustness={"radiographs": FILMS},
    )
    for recipe, resize in (("baseline", "squash"), ("weighted", "pad")):
        register(config, recipe, resize)
    return config


def register(config, recipe, resize="squash"):
    cohort = index(config)
    radiographs = cohort.table[partition(cohort, config.cohort) == "validation"]
    y_true = (radiographs["label"] == "PNEUMONIA").astype(int)
    table = radiographs[["path", "patient"]].assign(y_true=y_true, y_score=0.5)
    changes = {"data_fingerprint": cohort.fingerprint, "resize": resize, "threshold": 0.5}
    keras.utils.set_random_seed(0)
    # A test radiograph that does not exist: who wants to look at it fails.
    predictions = {"validation": table, "validation_shifted": table, "test": table.assign(path="absent.jpeg")}
    return Registry(config.registry).add(tiny_record(recipe).model_copy(update=changes), tiny_model(), predictions)


def run(config):
    """Run the stage, and return what is kept and what was printed."""
    console = Console(file=io.StringIO(), width=200)
    assert robustness.run(config, console) is None
    return {model.recipe: model for model in read(config.report.directory / "robustness.json").models}, console.file.getvalue()


@pytest.fixture(scope="module")
def first(config):
    return run(config)


def test_every_recipe_has_every_score_at_every_severity(first):
    found, printed = first
    assert list(found) == ["baseline", "weighted"]
    for model in found.values():
        assert 0 < model.images <= FILMS
        assert {curve.perturbation: tuple(point.severity for point in curve.points) for curve in model.curves} == {
            name: each.severities for name, each in PERTURBATIONS.items()
        }
        unchanged = {curve.unchanged.model_copy(update={"severity": 0}).model_dump_json() for curve in model.curves}
        assert len(unchanged) == 1
    assert "baseline v1, on radiographs as they are and at the worst: AUROC" in printed
    assert "Next: pneumo report" in printed


def test_radiographs_are_of_validation_and_changing_them_changes_scores(first):
    found, _ = first
    assert any(point.auroc != curve.unchanged.auroc for model in found.values() for curve in model.curves for point in curve.points)


def test_a_rerun_measures_nothing_and_changes_nothing(config, first):
    found, printed = run(config)
    assert found == first[0]
    assert printed.count("(measured before)") == 2


@pytest.mark.parametrize(
    "stale", [{"model_sha256": "00"}, {"data_fingerprint": "00"}, {"definition": "of old"}, {"radiographs_at_most": 30}]
)
def test_what_is_stale_is_measured_anew_and_the_rest_is_not(config, first, stale):
    file = config.report.directory / "robustness.json"
    content = json.loads(file.read_text())
    content["models"][0] |= stale
    file.write_text(json.dumps(content))
    found, printed = run(config)
    assert printed.count("(measured before)") == 1
    assert found["weighted"] == first[0]["weighted"]
    assert found["baseline"].model_copy(update={"created": None}) == first[0]["baseline"].model_copy(update={"created": None})


@pytest.mark.usefixtures("first")
def test_a_damaged_file_is_made_anew(config):
    (config.report.directory / "robustness.json").write_text('{"models": [')
    found, printed = run(config)
    assert "(measured before)" not in printed
    assert list(found) == ["baseline", "weighted"]


def test_a_report_folder_that_cannot_be_written_is_named(config, tmp_path):
    (tmp_path / "file").write_text("")
    report = config.report.model_copy(update={"directory": tmp_path / "file" / "reports"})
    with pytest.raises(UserError, match=r"set another report\.directory"):
        run(config.model_copy(update={"report": report}))


def test_without_a_model_it_says_what_to_do(config, tmp_path):
    registry = config.registry.model_copy(update={"directory": tmp_path})
    with pytest.raises(UserError, match="run `make train` first"):
        run(config.model_copy(update={"registry": registry}))
