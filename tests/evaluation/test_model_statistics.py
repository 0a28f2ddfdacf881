"""Statistics of a model from its predictions."""

import numpy as np
import pytest

from pneumo.evaluation.calibration import Calibration, scale_temperature
from pneumo.evaluation.model_statistics import ModelStatistics, compare_models, model_statistics
from pneumo.evaluation.operating_point import threshold_at
from pneumo.evaluation.scores import PARTS, Predictions, evaluate

FIELDS = ("y_true", "y_score", "patient", "subtype")
SCORES = (
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


def only_pneumonia(predictions):
    positive = predictions.y_true == 1
    return Predictions(*(getattr(predictions, field)[positive] for field in FIELDS))


def radiographs_of_each_part():
    # Shifted validation has two views of every radiograph, which are harder to classify.
    views = [radiographs(0), radiographs(2, distance=1.5)]
    shifted = Predictions(*(np.concatenate([getattr(view, field) for view in views]) for field in FIELDS))
    return {"validation": radiographs(0), "validation_shifted": shifted, "test": radiographs(1)}


WORST = radiographs(3, distance=1.0)
LOCKED = {"threshold": 0.4, "thresholds": {"calibration": 0.4, "youden": 0.7, "half": 0.5}, "temperature": 1.7}


@pytest.fixture(scope="module")
def statistics():
    return model_statistics(radiographs_of_each_part(), WORST, **LOCKED)


def value_of(evaluation, path):
    for name in path.split("."):
        evaluation = getattr(evaluation, name)
    return evaluation


def test_every_value_is_that_of_evaluate_and_lies_in_its_interval(statistics):
    assert tuple(statistics.certainty) == PARTS
    for name, certainty in statistics.certainty.items():
        part = radiographs_of_each_part()[name]
        evaluation = evaluate(part.y_true, part.y_score, part.subtype, 0.4)
        assert certainty.patients == 50
        assert set(certainty.scores) == set(SCORES)
        for path, estimate in certainty.scores.items():
            assert estimate.value == pytest.approx(value_of(evaluation, path))
            assert estimate.low < estimate.value < estimate.high
        for kind, points in certainty.subtypes.items():
            for point, estimate in points.items():
                expected = getattr(evaluation, point).subtypes[kind].sensitivity
                assert estimate.value == (None if expected is None else pytest.approx(expected))
        assert certainty.subtypes["unknown"]["half"].low is None


def test_the_roc_band_is_monotonic(statistics):
    low, high = np.array(statistics.certainty["test"].band.low), np.array(statistics.certainty["test"].band.high)
    assert (low <= high).all()
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) >= 0).all()
    assert low[-1] == high[-1] == 1


def test_fixed_operating_points_are_chosen_on_shifted_validation_and_only_scored_on_test(statistics):
    shifted, test = radiographs_of_each_part()["validation_shifted"], radiographs(1)
    for point in statistics.fixed:
        reached = {"sensitivity": point.validation_shifted_sensitivity, "specificity": point.validation_shifted_specificity}
        assert reached[point.fixed].value >= point.target
        at = evaluate(test.y_true, test.y_score, test.subtype, point.threshold).locked
        assert point.test_sensitivity.value == pytest.approx(at.sensitivity)
        assert point.test_specificity.value == pytest.approx(at.specificity)
        other = {"sensitivity": "specificity", "specificity": "sensitivity"}[point.fixed]
        best = threshold_at(test.y_true, test.y_score, point.fixed, point.target)
        assert point.test_read_off.value == pytest.approx(
            getattr(evaluate(test.y_true, test.y_score, test.subtype, best).locked, other)
        )
        assert point.validation_shifted_sensitivity.value == pytest.approx(
            evaluate(shifted.y_true, shifted.y_score, shifted.subtype, point.threshold).locked.sensitivity
        )


def test_the_locked_temperature_is_used_on_every_part(statistics):
    assert statistics.temperature == LOCKED["temperature"]
    for part, calibration in statistics.calibration.items():
        y_true, y_score = radiographs_of_each_part()[part].y_true, radiographs_of_each_part()[part].y_score
        assert calibration.scaled == Calibration.of(y_true, scale_temperature(y_score, LOCKED["temperature"]))


def test_without_a_temperature_no_part_is_scaled():
    statistics = model_statistics(radiographs_of_each_part(), WORST, threshold=0.4, thresholds={}, temperature=None)
    assert [calibration.scaled for calibration in statistics.calibration.values()] == [None] * 3


def test_test_is_scored_at_the_threshold_of_each_rule(statistics):
    test = radiographs(1)
    assert list(statistics.thresholds) == ["calibration", "youden", "half"]
    for rule, at in statistics.thresholds.items():
        expected = evaluate(test.y_true, test.y_score, test.subtype, LOCKED["thresholds"][rule]).locked
        assert at.threshold == LOCKED["thresholds"][rule]
        for name in ("accuracy", "sensitivity", "specificity"):
            estimate = getattr(at, name)
            assert estimate.value == pytest.approx(getattr(expected, name))
            assert estimate.low < estimate.value < estimate.high
    # The threshold of this rule is the locked one.
    assert statistics.thresholds["calibration"].sensitivity == statistics.certainty["test"].scores["locked.sensitivity"]


def test_views_of_a_radiograph_do_not_count_as_patients(statistics):
    assert statistics.certainty["validation_shifted"].patients == statistics.certainty["validation"].patients


def test_predictive_values_follow_the_prevalence(statistics):
    positive = [values.positive.value for values in statistics.predictive]
    assert positive == sorted(positive)
    assert all(values.positive.low < values.positive.value < values.positive.high for values in statistics.predictive)


def test_json_round_trip(statistics):
    assert ModelStatistics.model_validate_json(statistics.model_dump_json()) == statistics


def test_scores_that_a_missing_class_leaves_undefined_are_none():
    statistics = model_statistics(radiographs_of_each_part() | {"test": only_pneumonia(radiographs(1))}, WORST, **LOCKED)
    assert statistics.certainty["test"].scores["auroc"].value is None
    assert statistics.certainty["test"].scores["average_precision"].value is None
    assert statistics.certainty["test"].scores["half.specificity"].value is None
    assert statistics.certainty["test"].scores["half.sensitivity"].low is not None
    assert statistics.certainty["test"].band is None
    assert statistics.fixed[0].test_read_off.value is None
    assert statistics.predictive[0].positive.value is None


def test_with_a_class_missing_from_shifted_validation_no_threshold_is_chosen():
    statistics = model_statistics(
        radiographs_of_each_part() | {"validation_shifted": only_pneumonia(radiographs(0))}, WORST, **LOCKED
    )
    assert [point.threshold for point in statistics.fixed] == [None] * 4
    assert statistics.fixed[0].test_sensitivity.value is None
    assert statistics.fixed[0].test_read_off.value is not None


def test_two_models_are_compared_radiograph_by_radiograph():
    better, worse = radiographs(1, distance=3.0), radiographs(1, distance=0.5)
    difference = compare_models(better, 0.4, worse, 0.6)
    areas = [evaluate(model.y_true, model.y_score, model.subtype, 0.5).auroc for model in (better, worse)]
    assert difference.auroc.value == pytest.approx(areas[0] - areas[1])
    assert difference.delong.difference == pytest.approx(areas[0] - areas[1])
    assert difference.auroc.low > 0
    assert difference.delong.p < 0.01
    discordant = difference.locked.only_first_correct - difference.locked.only_second_correct
    assert discordant == better.correct(0.4).sum() - worse.correct(0.6).sum()
    assert compare_models(only_pneumonia(better), 0.4, only_pneumonia(worse), 0.4).delong is None
