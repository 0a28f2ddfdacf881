"""Calibration against closed forms."""

import math

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss

from pneumo.evaluation.calibration import Calibration, fit_temperature, scale_temperature

# Of 20 radiographs with the probability 0.9, 15 are PNEUMONIA; of 20 with 0.1, five.
Y_TRUE = np.array([1] * 15 + [0] * 5 + [1] * 5 + [0] * 15)
Y_SCORE = np.array([0.9] * 20 + [0.1] * 20)


def test_a_temperature_in_closed_form():
    # The optimal logit is that of odds 3:1: ln 9 / T = ln 3.
    assert fit_temperature(Y_TRUE, Y_SCORE) == pytest.approx(2)
    assert scale_temperature(Y_SCORE, 2) == pytest.approx(np.where(Y_SCORE > 0.5, 0.75, 0.25))


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_of_overconfident_logits_is_recovered(temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, 200_000)
    y_true = (rng.random(logits.size) < expit(logits)).astype(int)
    assert fit_temperature(y_true, expit(logits * temperature)) == pytest.approx(temperature, rel=0.02)


def test_scaling_keeps_the_order_and_one_half():
    y_score = np.array([0.0, 0.001, 0.5, 0.7, 1.0])
    after = scale_temperature(y_score, 3.7)
    assert (np.diff(after) > 0).all()
    assert after[2] == 0.5


@pytest.mark.parametrize(
    ("y_true", "y_score"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.6, 0.9]),  # no error at 0.5: T = 0 would be optimal
        ([0, 0, 1, 1], [0.9, 0.6, 0.4, 0.1]),  # reversed: T = ∞ would be optimal
        ([0, 1], [0.5, 0.5]),
    ],
)
def test_without_an_optimal_temperature_there_is_none(y_true, y_score):
    assert fit_temperature(np.array(y_true), np.array(y_score)) is None


def test_a_float32_sigmoid_that_rounds_to_one_can_be_scaled():
    temperature = fit_temperature(np.array([0, 1, 1, 0]), np.array([1.0, 1.0, 1.0, 0.0]))
    assert temperature is not None
    assert math.isfinite(temperature)


def test_brier_and_calibration_error_by_hand():
    calibration = Calibration.of(Y_TRUE, Y_SCORE)
    assert calibration.brier == pytest.approx(brier_score_loss(Y_TRUE, Y_SCORE))
    assert calibration.brier == pytest.approx((30 * 0.01 + 10 * 0.81) / 40)
    assert calibration.expected_calibration_error == pytest.approx(0.15)
    assert calibration.loss == pytest.approx(-(0.75 * math.log(0.9) + 0.25 * math.log(0.1)))
    perfect = Calibration.of(Y_TRUE, scale_temperature(Y_SCORE, 2))
    assert perfect.expected_calibration_error == pytest.approx(0)
    assert perfect.loss < calibration.loss


def test_bins_have_equal_width_and_count_every_radiograph_once():
    y_score = np.array([0.0, 0.05, 0.1, 0.95, 1.0])
    bins = Calibration.of(np.array([0, 0, 1, 1, 1]), y_score).bins
    assert [part.images for part in bins] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert (bins[0].fraction_of_positives, bins[0].mean_probability) == (0, 0.025)
    assert bins[5].fraction_of_positives is None
    assert [(last.lower, last.upper) for last in bins[-1:]] == [(0.9, 1.0)]


def test_the_intervals_are_wilsons():
    # Wilson 1927 for 15 of 20, by the formula.
    z, p, n = 1.959964, 0.75, 20
    centre, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    high = Calibration.of(Y_TRUE, Y_SCORE).bins[9]
    assert (high.low, high.high) == pytest.approx(((centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)), abs=1e-5)
