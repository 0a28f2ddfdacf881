"""All of the protocol on one model's predictions."""

import numpy as np
import pytest

from pneumo.evaluation.calibration import Calibration, scaled
from pneumo.evaluation.model_statistics import Locked, ModelStatistics, compare, describe
from pneumo.evaluation.operating_point import threshold_at
from pneumo.evaluation.predictions import PARTS, Predictions
from pneumo.evaluation.scores import evaluate

SCORED = (
    "auroc", "average_precision", "locked.accuracy", "locked.sensitivity", "locked.specificity",
    "half.accuracy", "half.sensitivity", "half.specificity",
)  # fmt: skip


def radiographs(seed, distance=2.0):
    rng = np.random.default_rng(seed)
    y_true = np.array([0] * 40 + [1] * 60)
    return Predictions(
        y_true=y_true,
        y_score=1 / (1 + np.exp(-rng.normal(distance * (2 * y_true - 1), 2))),
        patient=np.array([f"patient {index // 2}" for index in range(100)]),
        subtype=np.where(y_true == 0, "normal", np.where(np.arange(100) % 3, "bacterial", "viral")),
    )


def only_pneumonia(all_radiographs):
    ill = all_radiographs.y_true == 1
    return Predictions(
        all_radiographs.y_true[ill], all_radiographs.y_score[ill], all_radiographs.patient[ill], all_radiographs.subtype[ill]
    )


def radiographs_of_each_part():
    # Under acquisition shift every radiograph comes twice, and is harder.
    views = [radiographs(0), radiographs(2, distance=1.5)]
    fields = ("y_true", "y_score", "patient", "subtype")
    changed = Predictions(*(np.concatenate([getattr(view, field) for view in views]) for field in fields))
    return {"validation": radiographs(0), "validation_shifted": changed, "test": radiographs(1)}


LOCKED = Locked(threshold=0.4, thresholds={"calibration": 0.4, "youden": 0.7, "half": 0.5}, temperature=1.7)


@pytest.fixture(scope="module")
def found():
    return describe(radiographs_of_each_part(), LOCKED)


def value_of(evaluation, path):
    for name in path.split("."):
        evaluation = getattr(evaluation, name)
    return evaluation


def test_every_value_is_the_one_that_evaluate_gives_and_lies_in_its_interval(found):
    assert tuple(found.certainty) == PARTS
    for name, certainty in found.certainty.items():
        part = radiographs_of_each_part()[name]
        evaluation = evaluate(part.y_true, part.y_score, part.subtype, 0.4)
        assert certainty.patients == 50
        assert set(certainty.scores) == set(SCORED)
        for path, estimate in certainty.scores.items():
            assert estimate.value == pytest.approx(value_of(evaluation, path))
            assert estimate.low < estimate.value < estimate.high
        for kind, points in certainty.subtypes.items():
            for point, estimate in points.items():
                expected = getattr(evaluation, point).subtypes[kind].sensitivity
                assert estimate.value == (None if expected is None else pytest.approx(expected))
        assert certainty.subtypes["unknown"]["half"].low is None


def test_the_band_holds_the_curve_and_rises(found):
    low, high = np.array(found.certainty["test"].band.low), np.array(found.certainty["test"].band.high)
    assert (low <= high).all()
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) >= 0).all()
    assert low[-1] == high[-1] == 1


def test_fixed_points_are_chosen_under_randomised_acquisition_and_only_scored_on_test(found):
    acquisition, test = radiographs_of_each_part()["validation_shifted"], radiographs(1)
    for point in found.fixed:
        kept = {"sensitivity": point.validation_shifted_sensitivity, "specificity": point.validation_shifted_specificity}
        assert kept[point.fixed].value >= point.target
        at = evaluate(test.y_true, test.y_score, test.subtype, point.threshold).locked
        assert point.test_sensitivity.value == pytest.approx(at.sensitivity)
        assert point.test_specificity.value == pytest.approx(at.specificity)
        other = {"sensitivity": "specificity", "specificity": "sensitivity"}[point.fixed]
        best = threshold_at(test.y_true, test.y_score, point.fixed, point.target)
        assert point.test_read_off.value == pytest.approx(
            getattr(evaluate(test.y_true, test.y_score, test.subtype, best).locked, other)
        )
        assert point.validation_shifted_sensitivity.value == pytest.approx(
            evaluate(acquisition.y_true, acquisition.y_score, acquisition.subtype, point.threshold).locked.sensitivity
        )


def test_the_temperature_is_the_one_that_was_locked_and_used_on_every_part(found):
    assert found.temperature == LOCKED.temperature
    for part, calibration in found.calibration.items():
        y_true, y_score = radiographs_of_each_part()[part].y_true, radiographs_of_each_part()[part].y_score
        assert calibration.scaled == Calibration.of(y_true, scaled(y_score, LOCKED.temperature))


def test_without_a_temperature_nothing_is_scaled():
    found = describe(radiographs_of_each_part(), Locked(threshold=0.4, thresholds={}, temperature=None))
    assert [each.scaled for each in found.calibration.values()] == [None] * 3


def test_test_is_scored_at_what_each_rule_would_have_locked(found):
    test = radiographs(1)
    assert list(found.thresholds) == ["calibration", "youden", "half"]
    for rule, at in found.thresholds.items():
        expected = evaluate(test.y_true, test.y_score, test.subtype, LOCKED.thresholds[rule]).locked
        assert at.threshold == LOCKED.thresholds[rule]
        for name in ("accuracy", "sensitivity", "specificity"):
            estimate = getattr(at, name)
            assert estimate.value == pytest.approx(getattr(expected, name))
            assert estimate.low < estimate.value < estimate.high
    # The same threshold has the same interval, wherever it is told.
    assert found.thresholds["validation_shifted"].sensitivity == found.certainty["test"].scores["locked.sensitivity"]


def test_views_of_a_radiograph_are_no_further_patients(found):
    assert found.certainty["validation_shifted"].patients == found.certainty["validation"].patients


def test_predictive_values_follow_the_prevalence(found):
    positive = [each.positive.value for each in found.predictive]
    assert positive == sorted(positive)
    assert all(each.positive.low < each.positive.value < each.positive.high for each in found.predictive)


def test_survives_json_unchanged(found):
    assert ModelStatistics.model_validate_json(found.model_dump_json()) == found


def test_what_a_missing_class_leaves_undefined_is_none():
    found = describe(radiographs_of_each_part() | {"test": only_pneumonia(radiographs(1))}, LOCKED)
    assert found.certainty["test"].scores["auroc"].value is None
    assert found.certainty["test"].scores["average_precision"].value is None
    assert found.certainty["test"].scores["half.specificity"].value is None
    assert found.certainty["test"].scores["half.sensitivity"].low is not None
    assert found.certainty["test"].band is None
    assert found.fixed[0].test_read_off.value is None
    assert found.predictive[0].positive.value is None


def test_without_a_class_under_randomised_acquisition_no_threshold_is_chosen():
    found = describe(radiographs_of_each_part() | {"validation_shifted": only_pneumonia(radiographs(0))}, LOCKED)
    assert [point.threshold for point in found.fixed] == [None] * 4
    assert found.fixed[0].test_sensitivity.value is None
    assert found.fixed[0].test_read_off.value is not None


def test_two_models_are_compared_radiograph_by_radiograph():
    better, worse = radiographs(1, distance=3.0), radiographs(1, distance=0.5)
    found = compare(better, 0.4, worse, 0.6)
    areas = [evaluate(each.y_true, each.y_score, each.subtype, 0.5).auroc for each in (better, worse)]
    assert found.auroc.value == pytest.approx(areas[0] - areas[1])
    assert found.delong.difference == pytest.approx(areas[0] - areas[1])
    assert found.auroc.low > 0
    assert found.delong.p < 0.01
    assert found.locked.only_first_right - found.locked.only_second_right == (better.right(0.4).sum() - worse.right(0.6).sum())
    assert compare(only_pneumonia(better), 0.4, only_pneumonia(worse), 0.4).delong is None
