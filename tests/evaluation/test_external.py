"""Scores of a model on another cohort, and what is undefined where a class is missing."""

import numpy as np
import pandas as pd
import pytest

from pneumo.evaluation import bootstrap
from pneumo.evaluation.calibration import Calibration, scale_temperature
from pneumo.evaluation.external import external_statistics
from pneumo.evaluation.operating_point import youden_threshold
from pneumo.evaluation.scores import evaluate
from tests.tiny_external import OWN_TEST


def cohort(images: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(1)
    y_true = (np.arange(images) % 3 > 0).astype(int)
    table = pd.DataFrame(
        {
            "patient": (np.arange(images) // 2).astype(str),
            "subtype": np.where(y_true, "unknown", "normal"),
            "y_true": y_true,
            "sex": np.where(np.arange(images) % 4 < 2, "F", "M"),
        }
    )
    return table, 1 / (1 + np.exp(-rng.normal(np.where(y_true, 1.5, 0.0), 1.5)))


def test_scores_are_taken_at_the_locked_threshold_and_intervals_by_patient():
    table, y_score = cohort()
    result = external_statistics(table, y_score, own_test=OWN_TEST, threshold=0.3, temperature=2.0, shift=None)
    assert result.scores == evaluate(table["y_true"], y_score, table["subtype"], 0.3)
    assert result.certainty.patients == 60
    for path in ("auroc", "average_precision", "locked.sensitivity", "locked.specificity", "locked.accuracy"):
        estimate = result.certainty.scores[path]
        assert estimate.low < estimate.value < estimate.high
    assert result.certainty.scores["locked.sensitivity"].value == pytest.approx(result.scores.locked.sensitivity)
    assert [(group.attribute, group.group) for group in result.subgroups] == [("sex", "female"), ("sex", "male")]
    y_true = table["y_true"].to_numpy()
    assert result.calibration.raw == Calibration.of(y_true, y_score)
    assert result.calibration.scaled == Calibration.of(y_true, scale_temperature(y_score, 2.0))


def test_the_threshold_that_is_chosen_there_is_youdens_and_is_never_worse_there_than_the_locked_one():
    table, y_score = cohort()
    for threshold in (0.05, 0.5, 0.95):
        result = external_statistics(table, y_score, own_test=OWN_TEST, threshold=threshold, temperature=None, shift=None)
        assert result.rechosen.threshold == youden_threshold(table["y_true"], y_score)
        locked = result.scores.locked
        assert result.rechosen.sensitivity.value + result.rechosen.specificity.value >= locked.sensitivity + locked.specificity
    assert result.calibration.scaled is None


@pytest.mark.parametrize(("label", "defined", "undefined"), [(1, "sensitivity", "specificity"), (0, "specificity", "sensitivity")])
def test_with_one_class_what_is_defined_is_reported(label, defined, undefined):
    table, y_score = cohort()
    table["y_true"], table["subtype"] = label, "unknown" if label else "normal"
    result = external_statistics(table, y_score, own_test=OWN_TEST, threshold=0.5, temperature=1.0, shift=None)
    assert result.scores.auroc is result.rechosen is result.certainty.band is None
    assert result.certainty.scores["auroc"].value is None
    assert result.certainty.scores[f"locked.{defined}"].value is not None
    assert result.certainty.scores[f"locked.{undefined}"].value is None
    assert result.calibration.raw.brier > 0


def test_the_intervals_do_not_depend_on_how_many_samples_are_evaluated_at_once(monkeypatch):
    table, y_score = cohort()
    whole = external_statistics(table, y_score, own_test=OWN_TEST, threshold=0.5, temperature=None, shift=None)
    monkeypatch.setattr(bootstrap, "_BLOCK_VALUES", 7 * len(table))
    bootstrap._samples.cache_clear()
    assert external_statistics(table, y_score, own_test=OWN_TEST, threshold=0.5, temperature=None, shift=None) == whole


def test_no_radiograph_is_an_error():
    table, y_score = cohort()
    with pytest.raises(ValueError, match="at least one"):
        external_statistics(table[:0], y_score[:0], own_test=OWN_TEST, threshold=0.5, temperature=None, shift=None)


def test_the_auroc_is_compared_with_own_test_as_of_two_independent_samples():
    table, y_score = cohort()
    # The same radiographs: were the patients of both drawn alike, no draw would differ.
    own_test = table.assign(y_score=y_score)
    result = external_statistics(table, y_score, own_test=own_test, threshold=0.5, temperature=None, shift=None)
    difference, auroc = result.auroc_difference, result.certainty.scores["auroc"]
    assert difference.value == pytest.approx(0)
    assert difference.high - difference.low == pytest.approx(np.sqrt(2) * (auroc.high - auroc.low), rel=0.15)
    better = own_test.assign(y_score=table["y_true"])
    lower = external_statistics(table, y_score, own_test=better, threshold=0.5, temperature=None, shift=None).auroc_difference
    assert lower.value == pytest.approx(result.scores.auroc - 1)
    assert lower.high < 0


def test_without_a_class_in_own_test_no_difference_is_defined():
    table, y_score = cohort()
    own_test = OWN_TEST.assign(y_true=1)
    result = external_statistics(table, y_score, own_test=own_test, threshold=0.5, temperature=None, shift=None)
    assert result.auroc_difference.value is None
