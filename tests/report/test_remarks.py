"""Remarks on the selected model."""

import re
from dataclasses import replace

import pytest

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.worst_view import worst_views
from pneumo.report import remarks
from pneumo.report.inputs import count_test_accesses
from pneumo.report.page import INDEX, render_report
from pneumo.report.scores import model_statistics
from pneumo.results.formatting import per_hundred
from tests.report.report_inputs import audited, trained, with_record, with_test


@pytest.fixture(scope="module")
def models():
    return trained(1, "baseline", True, 1.8, 0.31), trained(2, "weighted $x^$", False, 1.2, 0.62)


@pytest.fixture(scope="module")
def statistics(models):
    """Of the second model."""
    return model_statistics(models[1])


def test_results_that_are_missing_are_named_first_with_their_command(content_of):
    remark = remarks.remarks_on_selected(content_of(True))[0]
    assert (remark.topic, remark.section) == ("missing_results", "checklist")
    assert "no robustness curves for weighted $x^$ v2: run pneumo robustness, then pneumo report" in remark.sentence


def test_a_score_below_its_expected_value_is_named(models):
    selected = models[1]
    as_expected = with_test(selected, worst_views(selected.predictions["validation_shifted"]))
    assert "No score on test is clearly lower" in remarks.expected_performance(model_statistics(as_expected))
    perfect = selected.predictions["test"].assign(y_score=lambda table: 0.1 + 0.8 * table["y_true"])
    sentence = remarks.expected_performance(model_statistics(with_test(selected, perfect)))
    assert "On test, sensitivity is clearly higher: worst views suppose" in sentence
    rows = selected.predictions["test"].assign(y_score=lambda table: table["y_score"].where(table["y_true"] == 1, 0.9))
    sentence = remarks.expected_performance(model_statistics(with_test(selected, rows)))
    assert re.search(r"The expected AUROC.* and specificity lie above the 95 % interval on test", sentence)


def test_a_higher_auroc_on_test_is_named_and_not_used_for_selection(models):
    other, selected = models
    assert remarks.highest_on_test(selected, [other, selected]) is None
    better = with_test(other, other.predictions["test"].assign(y_score=other.predictions["test"]["y_true"] * 0.8 + 0.1))
    sentence = remarks.highest_on_test(selected, [better, selected])
    assert f"higher AUROC on test (1.000 against {selected.record.test.auroc:.3f}). This is not used for selection" in sentence
    barely = selected.record.test.model_copy(update={"auroc": selected.record.test.auroc + 1e-5})
    assert remarks.highest_on_test(selected, [with_record(other, test=barely), selected]) is None


def test_another_champion_is_named_with_the_command_that_changes_it(models):
    assert [model.champion for model in models] == [True, False]
    sentence = remarks.champion(models[1], models)
    assert "champion, baseline v1, not this model; pneumo registry promote 2 makes this model the champion" in sentence
    assert remarks.champion(models[0], models) is None


def test_sensitivity_by_subtype_and_calibration_error_are_given(statistics):
    for subtype in ("bacterial", "viral"):
        share = statistics.certainty["test"].subtypes[subtype]["locked"]
        assert f"{per_hundred(share)} {subtype}" in remarks.subtypes(statistics)
    calibration, sentence = statistics.calibration["test"], remarks.calibration(statistics)
    assert f"by {calibration.raw.expected_calibration_error:.1%} on average" in sentence
    assert f"and by {calibration.scaled.expected_calibration_error:.1%} after temperature scaling" in sentence
    unscaled = statistics.model_copy(update={"temperature": None})
    assert "no temperature that improves this could be fitted" in remarks.calibration(unscaled)


def test_shortcuts_are_named_or_said_to_be_unknown():
    assert "a shortcut: aspect ratio predicts" in remarks.shortcuts(audited(True))
    assert "have not been audited" in remarks.shortcuts(None)
    assert "found no shortcut" in remarks.shortcuts(audited(True).model_copy(update={"findings": ()}))


def test_the_model_is_compared_with_the_linear_pixel_baseline(statistics):
    audit = audited(True)
    sentence = remarks.linear_baseline(audit, statistics)
    assert "0.700 on test, and at 0.5 90.0% sensitivity and 40.0% specificity. The AUROC of this model is clearly" in sentence
    perfect = audit.linear_baseline.model_copy(update={"test": Estimate(value=1.0)})
    assert "not clearly higher" in remarks.linear_baseline(audit.model_copy(update={"linear_baseline": perfect}), statistics)
    assert remarks.linear_baseline(None, statistics) is None


def test_several_accesses_to_test_are_named(models):
    selected = models[1]
    once = remarks.test_access(selected, {"baseline": 1, "weighted $x^$": 1})
    assert once.endswith("accessed twice from this registry, once for weighted $x^$.")
    several = remarks.test_access(selected, {"baseline": 1, "weighted $x^$": 3})
    assert "selected from these 3 is too optimistic" in several


def test_where_the_log_is_lost_the_accesses_in_the_records_count(inputs):
    given = inputs()
    models = (with_record(given.models[0], test_accesses_of_recipe=4), given.models[1])
    assert sum(count_test_accesses(replace(given.cohort, test_accesses={}), models).values()) == 5


def test_the_test_access_log_is_on_the_page(content_of):
    content = content_of(True)
    cohort = replace(content.cohort, test_accesses={"baseline": 2, "weighted $x^$": 1, "forgotten": 1}, audits=2)
    counts = count_test_accesses(cohort, [section.model for section in content.sections])
    pages, metrics = render_report(replace(content, cohort=cohort, test_accesses=counts))
    section = pages[INDEX].split('id="test-access"')[1].split("</table>")[0]
    text = " ".join(re.sub(r"<.*?>", " ", section).split())
    assert "4 times in all" in text
    assert "The audit has read the test radiographs and their labels twice" in text
    assert "A recipe with more than one access has several test results" in text
    assert "baseline 2 2026-01-02" in text
    assert "forgotten 1 no model of this recipe is registered" in text
    assert metrics["test_accesses"] == dict(cohort.test_accesses)
    assert metrics["test_audits"] == cohort.audits
