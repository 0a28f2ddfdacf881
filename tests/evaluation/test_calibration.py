"""Calibration against closed forms."""

import math

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import brier_score_loss

from pneumo.evaluation.calibration import Calibration, fit_temperature, scaled

# Of 20 radiographs called 0.9, 15 are PNEUMONIA; of 20 called 0.1, five.
Y_TRUE = np.array([1] * 15 + [0] * 5 + [1] * 5 + [0] * 15)
Y_SCORE = np.array([0.9] * 20 + [0.1] * 20)


def test_a_temperature_in_closed_form():
    # The best logit is that of three to one: ln 9 / T = ln 3.
    assert fit_temperature(Y_TRUE, Y_SCORE) == pytest.approx(2)
    assert scaled(Y_SCORE, 2) == pytest.approx(np.where(Y_SCORE > 0.5, 0.75, 0.25))


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_logits_made_too_sure_give_back_by_how_much(temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, 200_000)
    y_true = (rng.random(logits.size) < expit(logits)).astype(int)
    assert fit_temperature(y_true, expit(logits * temperature)) == pytest.approx(temperature, rel=0.02)


def test_scaling_keeps_the_order_and_one_half():
    y_score = np.array([0.0, 0.001, 0.5, 0.7, 1.0])
    after = scaled(y_score, 3.7)
    assert (np.diff(after) > 0).all()
    assert after[2] == 0.5


@pytest.mark.parametrize(
    ("y_true", "y_score"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.6, 0.9]),  # no mistake at 0.5: surer is always better
        ([0, 0, 1, 1], [0.9, 0.6, 0.4, 0.1]),  # the contrary of the truth: less sure is always better
        ([0, 1], [0.5, 0.5]),
    ],
)
def test_where_no_temperature_is_best_there_is_none(y_true, y_score):
    assert fit_temperature(np.array(y_true), np.array(y_score)) is None


def test_a_float32_sigmoid_that_rounds_to_one_can_be_scaled():
    temperature = fit_temperature(np.array([0, 1, 1, 0]), np.array([1.0, 1.0, 1.0, 0.0]))
    assert temperature is not None
    assert math.isfinite(temperature)


def test_brier_and_calibration_error_by_hand():
    found = Calibration.of(Y_TRUE, Y_SCORE)
    assert found.brier == pytest.approx(brier_score_loss(Y_TRUE, Y_SCORE))
    assert found.brier == pytest.approx((30 * 0.01 + 10 * 0.81) / 40)
    assert found.expected_calibration_error == pytest.approx(0.15)
    assert found.loss == pytest.approx(-(0.75 * math.log(0.9) + 0.25 * math.log(0.1)))
    perfect = Calibration.of(Y_TRUE, scaled(Y_SCORE, 2))
    assert perfect.expected_calibration_error == pytest.approx(0)
    assert perfect.loss < found.loss


def test_bins_have_equal_width_and_count_every_radiograph_once():
    y_score = np.array([0.0, 0.05, 0.1, 0.95, 1.0])
    bins = Calibration.of(np.array([0, 0, 1, 1, 1]), y_score).bins
    assert [each.images for each in bins] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert (bins[0].share, bins[0].mean_probability) == (0, 0.025)
    assert bins[5].share is None
    assert [(each.lower, each.upper) for each in bins[-1:]] == [(0.9, 1.0)]


def test_the_bars_are_wilsons():
    # Wilson 1927 for 15 of 20, as in his formula.
    z, p, n = 1.959964, 0.75, 20
    centre, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    high = Calibration.of(Y_TRUE, Y_SCORE).bins[9]
    assert (high.low, high.high) == pytest.approx(((centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)), abs=1e-5)
