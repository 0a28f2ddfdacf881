"""Intervals, calibration, clinical utility and paired comparisons on the page."""

import html
import json
from dataclasses import replace

import pytest

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.model_statistics import ModelStatistics
from pneumo.evaluation.scores import PARTS
from pneumo.report.page import INDEX, render_report, write_report
from pneumo.report.scores import paired_comparisons
from pneumo.results import formatting
from tests.report.report_inputs import with_sections, with_test


def test_a_test_split_of_one_class_is_reported_as_far_as_it_goes(inputs):
    given = inputs()
    models = tuple(with_test(model, model.predictions["test"][model.predictions["test"]["y_true"] == 1]) for model in given.models)
    index = write_report(given.directory, given.cohort, given.samples, models, given.experiments)
    metrics = json.loads(index.with_name("metrics.json").read_text())
    assert metrics["models"][0]["statistics"]["certainty"]["test"]["band"] is None
    assert metrics["comparisons"][0]["delong"] is None


def test_the_page_and_metrics_json_have_the_same_intervals(index_of):
    index = index_of(False)
    page = html.unescape(index.read_text())
    metrics = json.loads(index.with_name("metrics.json").read_text())
    for model in metrics["models"]:
        statistics = ModelStatistics.model_validate(model["statistics"])
        for part in PARTS:
            certainty = statistics.certainty[part]
            assert all(formatting.interval(estimate) in page for estimate in certainty.scores.values())
            assert certainty.scores["auroc"].value == pytest.approx(model[part]["auroc"])
        assert all(formatting.percent_interval(point.test_read_off) in page for point in statistics.fixed)
        assert all(formatting.percent_interval(point.negative) in page for point in statistics.predictive)
        assert formatting.percent_interval(statistics.certainty["test"].subtypes["viral"]["locked"]) in page
        assert all(formatting.percent_interval(at.specificity) in page for at in statistics.thresholds.values())
        assert statistics.temperature is None or f"temperature {statistics.temperature:.2f}" in page
    pair = metrics["comparisons"][0]
    assert (pair["first"], pair["second"]) == ("baseline v1", "weighted $x^$ v2")
    assert formatting.signed_interval(Estimate.model_validate(pair["auroc"])) in page
    assert f"{pair['half']['only_first_correct']} : {pair['half']['only_second_correct']}" in page


def difference(*models):
    return paired_comparisons(models)[0].difference


def test_models_are_compared_on_their_common_radiographs_in_any_order(inputs):
    first, second = inputs().models
    expected, rows = difference(first, second), second.predictions["test"]
    shuffled = replace(second, predictions={**second.predictions, "test": rows.sample(frac=1, random_state=0)})
    assert difference(first, shuffled) == expected
    fewer = replace(second, predictions={**second.predictions, "test": rows.iloc[10:]})
    assert difference(first, fewer).images == expected.images - 10


def test_a_single_model_is_not_compared(content_of):
    section = content_of(True).sections[0]
    single = replace(with_sections(content_of(True), section), comparisons=paired_comparisons([section.model]))
    pages, _ = render_report(single)
    assert 'id="comparisons"' not in pages[INDEX]
    assert "DeLong and McNemar: not yet" in pages[INDEX]
