"""What the page says of how certain, how calibrated and how useful the models are."""

import html
import io
import json
import re
from dataclasses import replace
from urllib.parse import urldefrag

import numpy as np
import pytest
from PIL import Image

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.model_statistics import ModelStatistics
from pneumo.evaluation.predictions import PARTS
from pneumo.evaluation.scores import evaluate
from pneumo.figures import statistics as statistics_figures
from pneumo.report.checklist import EXPECTED, checklist
from pneumo.report.page import write_report
from pneumo.report.statistics import work_out
from pneumo.results import formatting as words
from pneumo.results.cross_validation import Spread


def every_figure(models, synthetic):
    statistics = work_out(models, models).models
    yield statistics_figures.certainty(models, statistics, synthetic)
    yield statistics_figures.predictive_values(models, statistics, synthetic)
    yield statistics_figures.decision_curves(models, statistics, synthetic)
    for model, each in zip(models, statistics, strict=True):
        yield statistics_figures.roc_band(model, each, synthetic)
        yield statistics_figures.reliability(model, each, synthetic)


def only_pneumonia(model):
    rows = model.predictions_test[model.predictions_test["y_true"] == 1]
    scores = evaluate(rows["y_true"], rows["y_score"], rows["subtype"], model.facts.threshold)
    return replace(model, facts=model.facts.model_copy(update={"test": scores}), predictions_test=rows)


def test_every_figure_is_an_image_with_words_and_stamped_where_synthetic(inputs):
    models = inputs().models
    pictures = list(every_figure(models, synthetic=True))
    assert len({picture.name for picture in pictures}) == len(pictures) == 7
    for stamped, plain in zip(pictures, every_figure(models, synthetic=False), strict=True):
        image = Image.open(io.BytesIO(stamped.png))
        assert image.size == (stamped.width, stamped.height)
        assert len(np.unique(np.asarray(image))) > 10
        assert stamped.alt
        assert stamped.caption
        assert stamped.png != plain.png


def test_a_test_split_of_one_class_is_drawn_and_told_as_far_as_it_goes(inputs):
    given = inputs()
    models = tuple(only_pneumonia(model) for model in given.models)
    index = write_report(given.directory, given.cohort, given.samples, models, given.experiments)
    told = json.loads(index.with_name("metrics.json").read_text())
    assert told["models"][0]["statistics"]["certainty"]["test"]["band"] is None
    assert told["comparisons"][0]["delong"] is None


def test_the_page_and_metrics_json_tell_the_same_intervals(index_of):
    index = index_of(False)
    page = html.unescape(index.read_text())
    told = json.loads(index.with_name("metrics.json").read_text())
    for model in told["models"]:
        statistics = ModelStatistics.model_validate(model["statistics"])
        for part in PARTS:
            certainty = statistics.certainty[part]
            assert all(words.interval(estimate) in page for estimate in certainty.scores.values())
            assert certainty.scores["auroc"].value == pytest.approx(model[part]["auroc"])
        assert all(words.percent_interval(point.test_read_off) in page for point in statistics.fixed)
        assert all(words.percent_interval(point.negative) in page for point in statistics.predictive)
        assert words.percent_interval(statistics.certainty["test"].subtypes["viral"]["locked"]) in page
        assert all(words.percent_interval(at.specificity) in page for at in statistics.thresholds.values())
        assert statistics.temperature is None or f"temperature {statistics.temperature:.2f}" in page
    pair = told["comparisons"][0]
    assert (pair["first"], pair["second"]) == ("baseline v1", "weighted $x^$ v2")
    assert words.signed_interval(Estimate.model_validate(pair["auroc"])) in page
    assert f"{pair['half']['only_first_right']} : {pair['half']['only_second_right']}" in page


def compared(*models):
    return work_out(models, models).comparisons[0].difference


def test_models_are_compared_on_the_radiographs_that_both_have_read_whatever_their_order(inputs):
    models = inputs().models
    whole = compared(*models)
    shuffled = replace(models[1], predictions_test=models[1].predictions_test.sample(frac=1, random_state=0))
    assert compared(models[0], shuffled) == whole
    fewer = replace(models[1], predictions_test=models[1].predictions_test.iloc[10:])
    assert compared(models[0], fewer).radiographs == whole.radiographs - 10


def test_one_model_alone_is_compared_with_nothing(inputs):
    given = inputs()
    page = write_report(given.directory, given.cohort, given.samples, given.models[:1]).read_text()
    assert 'id="comparisons"' not in page
    assert "DeLong and McNemar: not yet" in page


def test_ids_are_unique_and_every_link_within_the_page_leads_somewhere(index_of):
    page = index_of(True).read_text()
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {urldefrag(link).fragment for link in re.findall(r'href="(#[^"]+)"', page)} <= set(ids)


def test_the_checklist_ticks_what_the_page_has_and_nothing_else(index_of):
    page = index_of(True).read_text()
    items = {item.name: item for item in checklist(page)}
    assert list(items) == list(EXPECTED)
    assert items["Calibration on validation and test"].held == "yes"
    assert items["Failures with heatmaps"].held == "yes"
    without = checklist(page.replace(' id="calibration-table"', "").replace(' id="decision"', ""))
    held = {item.name: item.held for item in without}
    assert held["Calibration on validation and test"] == "in part"
    assert held["Decision curve"] == "not yet"
    assert {item.held for item in checklist("<p>nothing</p>")} == {"not yet"}


def test_a_gallery_that_shows_nothing_is_not_ticked(inputs):
    given = inputs()
    for cases in given.directory.glob("gradcam/*/cases.json"):
        cases.unlink()
    index = write_report(given.directory, given.cohort, given.samples, given.models)
    told = {item["item"]: item["held"] for item in json.loads(index.with_name("metrics.json").read_text())["checklist"]}
    assert told["Failures with heatmaps"] == "not yet"


def test_how_numbers_are_written():
    assert words.interval(Estimate(value=0.95, low=0.9, high=0.9998)) == "0.950 (0.900\xa0to\xa0>\xa00.999)"
    assert words.interval(Estimate(value=1)) == "1.000 (–)"
    assert words.percent_interval(Estimate(value=0.5, low=0.25, high=0.75)) == "50.0% (25.0\xa0to\xa075.0)"
    assert words.signed_interval(Estimate(value=-0.01, low=-0.02, high=0.01)) == "−0.010 (−0.020\xa0to\xa0+0.010)"
    assert [words.interval(Estimate(value=None)), words.signed(None), words.probability(None)] == ["–"] * 3
    assert words.of_hundred(Estimate(value=0.951, low=0.902, high=0.999)) == "95 (90 to over 99)"
    assert words.of_hundred(Estimate(value=1, low=0.9986, high=1)) == "100 (over 99 to 100)"
    assert words.of_hundred(Estimate(value=0.004)) == "under 1"
    assert words.spread(Spread.of([0.9, 0.95, 1.0])) == "0.950\xa0±\xa00.050"
    assert [words.times(1), words.times(2), words.times(5)] == ["once", "twice", "5 times"]
    assert [words.listed(["a"]), words.listed(["a", "b", "c"])] == ["a", "a, b and c"]
    assert [words.of_hundred(Estimate(value=None)), words.spread(Spread.of([0.9, None]))] == ["–", "–"]
    assert [words.probability(0.0004), words.probability(0.04)] == ["< 0.001", "0.040"]
