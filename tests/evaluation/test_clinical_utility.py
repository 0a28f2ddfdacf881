"""Predictive values and net benefit against hand calculations."""

import numpy as np
import pytest

from pneumo.evaluation.clinical_utility import decision_curve, predictive_values
from pneumo.evaluation.scores import evaluate


def test_bayes_rule_by_hand():
    # Of 1000 people 100 have the disease: 90 true and 90 false positives, 10 false and 810 true negatives.
    positive, negative = predictive_values(0.9, 0.9, 0.1)
    assert (positive, negative) == pytest.approx((0.5, 810 / 820))


def test_at_the_prevalence_of_the_split_they_are_its_precisions():
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, 80)
    point = evaluate(y_true, np.clip(rng.random(80) * 0.6 + 0.4 * y_true, 0, 1), ["unknown"] * 80, 0.55).locked
    positive, negative = predictive_values(point.sensitivity, point.specificity, y_true.mean())
    assert (positive, negative) == pytest.approx((point.pneumonia.precision, point.normal.precision))


def test_without_predicted_radiographs_there_is_no_predictive_value():
    positive, negative = predictive_values([0, 1, np.nan], [1, 0, 0.5], 0.2)
    assert np.isnan(positive).tolist() == [True, False, True]
    assert np.isnan(negative).tolist() == [False, True, True]
    assert np.isnan(predictive_values(None, 0.9, 0.2)).all()


def test_net_benefit_by_hand():
    y_true = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    y_score = np.array([0.9, 0.8, 0.6, 0.1, 0.7, 0.3, 0.2, 0.1, 0.1, 0.0])
    curve = decision_curve(y_true, y_score, (0.2, 0.5))
    # From 0.2 on three true and three false positives, at odds of 1/4; from 0.5 on three true and one false, at odds of 1.
    assert curve.model == pytest.approx(((3 - 3 / 4) / 10, (3 - 1) / 10))
    assert curve.treat_all == pytest.approx(((4 - 6 / 4) / 10, (4 - 6) / 10))


def test_treating_all_has_no_net_benefit_at_the_prevalence():
    y_true = np.array([1, 0, 0, 0])
    assert decision_curve(y_true, y_true.astype(float), (0.25,)).treat_all == pytest.approx([0])


def test_a_perfect_model_has_the_prevalence_as_net_benefit_throughout():
    y_true = np.array([1, 0, 0, 0])
    assert decision_curve(y_true, y_true.astype(float)).model == pytest.approx([0.25] * 99)
