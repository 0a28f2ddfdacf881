"""The galleries of mistakes: whose they are, what they lack, and what a broken one does."""

import json
from dataclasses import replace

import pytest

from pneumo.errors import UserError
from pneumo.evaluation.scores import evaluate
from pneumo.report.page import write_report
from tests.report.report_inputs import subtypes


def written(given):
    return write_report(given.directory, given.cohort, given.samples, given.models)


def test_galleries_say_what_they_lack(inputs, index_of):
    page = index_of(True).read_text()
    point = inputs().models[0].facts.test.locked
    assert f"2 of {point.false_positives} shown" in page
    assert page.count("<strong>Empty heatmap:</strong>") == 2


def test_no_mistakes_are_told_from_missing_heatmaps(inputs):
    given = inputs()
    model = given.models[0]
    flawless = model.predictions_test.assign(y_score=model.predictions_test["y_true"] * 0.8 + 0.1)
    scores = evaluate(flawless["y_true"], flawless["y_score"], subtypes(flawless["y_true"]), 0.31)
    model = replace(model, facts=model.facts.model_copy(update={"test": scores}), predictions_test=flawless)
    (given.directory / "gradcam/baseline-v1/cases.json").write_text(json.dumps({"model_sha256": model.sha256, "cases": []}))
    page = written(given.but(models=(model,))).read_text()
    assert "No false negatives" in page
    assert "No false positives" in page


def test_a_gallery_that_is_not_this_models_is_not_shown(inputs):
    given = inputs()
    stale = tuple(replace(model, sha256="00" * 32) for model in given.models)
    page = written(given.but(models=stale)).read_text()
    assert page.count("made from another model file") == 2
    assert "gradcam/" not in page


def test_a_missing_and_an_incomplete_gallery_say_what_to_run(inputs):
    given = inputs()
    (given.directory / "gradcam/baseline-v1/cases.json").unlink()
    (given.directory / "gradcam/weighted $x^$-v2/false_positive-0-overlay.png").unlink()
    page = written(given).read_text()
    assert "No heatmaps have been made" in page
    assert "is incomplete" in page


def test_a_gallery_cannot_point_out_of_its_folder(inputs):
    given = inputs()
    (given.directory / "secret.png").write_bytes(b"")
    cases = given.directory / "gradcam/baseline-v1/cases.json"
    cases.write_text(cases.read_text().replace("false_positive-0-overlay.png", "../../secret.png"))
    assert "secret.png" not in written(given).read_text()


def test_a_broken_gallery_is_one_clear_line(inputs):
    given = inputs()
    (given.directory / "gradcam/baseline-v1/cases.json").write_text('{"cases": [')
    with pytest.raises(UserError, match=r"cases\.json is not a heatmap gallery .* run `pneumo gradcam`"):
        written(given)
