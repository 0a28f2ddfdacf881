"""Scores for many weightings at once, against scikit-learn with sample weights."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from pneumo.evaluation import weighted_scores
from pneumo.evaluation.bootstrap import Proportion

DRAWS = 12


@pytest.fixture(params=range(4))
def radiographs(request):
    """Labels, scores with many ties, and weights with many zeros."""
    rng = np.random.default_rng(request.param)
    y_true = rng.integers(0, 2, 60)
    y_score = np.round(rng.random(60) * 0.7 + 0.3 * y_true * rng.random(60), 2)
    return y_true, y_score, rng.multinomial(60, np.full(60, 1 / 60), size=DRAWS).astype(float)


@pytest.mark.parametrize(
    ("function", "reference"),
    [(weighted_scores.auroc, roc_auc_score), (weighted_scores.average_precision, average_precision_score)],
)
def test_areas_are_those_of_scikit_learn_with_sample_weights(radiographs, function, reference):
    y_true, y_score, weights = radiographs
    expected = [reference(y_true, y_score, sample_weight=row) for row in weights]
    assert function(y_true, y_score)(weights) == pytest.approx(expected)


def test_a_proportion_is_the_weighted_mean_of_successes(radiographs):
    y_true, y_score, weights = radiographs
    success, among = y_score >= 0.5, y_true == 1
    expected = [np.average(success[among], weights=row[among]) for row in weights]
    assert Proportion(success, among).statistic(np.arange(60))(weights) == pytest.approx(expected)


def test_the_roc_curve_is_the_best_of_scikit_learns_thresholds(radiographs):
    y_true, y_score, weights = radiographs
    rates = np.linspace(0, 1, 11)
    for row, curve in zip(weights, weighted_scores.roc(y_true, y_score, rates)(weights), strict=True):
        false_positive_rate, true_positive_rate, _ = roc_curve(y_true, y_score, sample_weight=row, drop_intermediate=False)
        assert curve == pytest.approx([true_positive_rate[false_positive_rate <= rate + 1e-9].max() for rate in rates])


@pytest.mark.parametrize("target", [0.5, 0.9, 0.95, 1.0])
def test_sensitivity_and_specificity_at_a_fixed_value_of_the_other(radiographs, target):
    y_true, y_score, weights = radiographs
    sensitivities = weighted_scores.sensitivity_at_specificity(y_true, y_score, target)(weights)
    specificities = weighted_scores.specificity_at_sensitivity(y_true, y_score, target)(weights)
    for row, sensitivity, specificity in zip(weights, sensitivities, specificities, strict=True):
        false_positive_rate, true_positive_rate, _ = roc_curve(y_true, y_score, sample_weight=row, drop_intermediate=False)
        assert sensitivity == pytest.approx(true_positive_rate[1 - false_positive_rate >= target - 1e-9].max())
        assert specificity == pytest.approx((1 - false_positive_rate)[true_positive_rate >= target - 1e-9].max())


def test_a_draw_without_one_class_is_undefined():
    y_true, y_score = np.array([0, 0, 1]), np.array([0.1, 0.2, 0.9])
    only_normal, only_pneumonia, both = np.array([[2.0, 1, 0]]), np.array([[0.0, 0, 3]]), np.array([[1.0, 0, 2]])
    for statistic in (
        weighted_scores.auroc(y_true, y_score),
        weighted_scores.average_precision(y_true, y_score),
        weighted_scores.sensitivity_at_specificity(y_true, y_score, 0.9),
    ):
        assert np.isnan(statistic(only_normal)).all()
        assert np.isnan(statistic(only_pneumonia)).all()
        assert statistic(both) == pytest.approx([1])
    assert np.isnan(weighted_scores.roc(y_true, y_score, np.array([0.5]))(only_normal)).all()
    assert np.isnan(Proportion(y_true == 1, y_true == 1).statistic(np.arange(3))(only_normal)).all()


def test_a_proportion_counted_by_patient_is_that_of_the_radiographs(radiographs):
    y_true, y_score, _ = radiographs
    patient = np.array([f"patient {index % 17}" for index in range(60)])
    success, among = y_score >= 0.5, y_true == 1
    patients, index = np.unique(patient, return_inverse=True)
    weights = np.random.default_rng(5).integers(0, 3, (DRAWS, patients.size)).astype(float)
    by_patient, by_radiograph = (Proportion(success, among).statistic(units) for units in (patient, np.arange(60)))
    assert by_patient(weights) == pytest.approx(by_radiograph(weights[:, index]))
