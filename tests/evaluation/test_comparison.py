"""Paired tests against placement values from all pairs, hand calculations and simulation; ranking by shifted validation."""

import numpy as np
import pytest

from pneumo.evaluation.comparison import delong, delong_covariance, mcnemar, rank_models
from pneumo.evaluation.scores import evaluate


def by_counting(y_true, y_score):
    """DeLong et al. 1988 literally: each placement value is a mean over pairs."""
    kernel = [
        (positive[:, None] > negative[None]) + 0.5 * (positive[:, None] == negative[None])
        for positive, negative in ((row[y_true == 1], row[y_true == 0]) for row in y_score)
    ]
    v10, v01 = np.stack([pairs.mean(axis=1) for pairs in kernel]), np.stack([pairs.mean(axis=0) for pairs in kernel])
    areas = np.array([pairs.mean() for pairs in kernel])
    m, n = v10.shape[1], v01.shape[1]
    s10 = (v10 - areas[:, None]) @ (v10 - areas[:, None]).T / (m - 1)
    s01 = (v01 - areas[:, None]) @ (v01 - areas[:, None]).T / (n - 1)
    return areas, s10 / m + s01 / n


@pytest.mark.parametrize("seed", range(5))
def test_midranks_give_what_counting_pairs_gives(seed):
    rng = np.random.default_rng(seed)
    y_true = rng.permutation([0] * 23 + [1] * 41)
    y_score = np.round(rng.random((3, 64)) + 0.4 * y_true, 1)  # rounded: many scores tie
    for value, expected in zip(delong_covariance(y_true, y_score), by_counting(y_true, y_score), strict=True):
        assert value == pytest.approx(expected)


def test_four_radiographs_by_hand():
    # Placement values 2/2 and 1/2 in either class: variances ⅛ each, divided by two radiographs each.
    area, variance = delong_covariance(np.array([1, 1, 0, 0]), np.array([[3.0, 1.0, 2.0, 0.0]]))
    assert area == pytest.approx([0.75])
    assert variance == pytest.approx(np.array([[0.125]]))


def test_under_the_null_p_is_below_five_per_cent_five_times_in_a_hundred():
    rng = np.random.default_rng(0)
    y_true = np.array([0] * 60 + [1] * 80)
    p = []
    for _ in range(1000):
        common = rng.normal(y_true * 1.2)  # shared by both models
        p.append(delong(y_true, common + rng.normal(size=140), common + rng.normal(size=140)).p)
    # Three standard errors of a proportion of 1000 are 2 %.
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.02)
    assert np.mean(p) == pytest.approx(0.5, abs=0.03)


def test_a_model_equal_to_itself_cannot_be_tested():
    y_true, y_score = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9])
    same = delong(y_true, y_score, y_score)
    assert (same.difference, same.p) == (0, None)


def test_the_difference_changes_sign_with_the_order():
    rng = np.random.default_rng(1)
    y_true = rng.integers(0, 2, 50)
    first, second = rng.random((2, 50))
    there, back = delong(y_true, first, second), delong(y_true, second, first)
    assert there.difference == pytest.approx(-back.difference)
    assert there.p == pytest.approx(back.p)


def test_too_few_of_a_class_are_named():
    with pytest.raises(ValueError, match="got 1 NORMAL and 2 PNEUMONIA"):
        delong(np.array([0, 1, 1]), np.zeros(3), np.zeros(3))


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    # Both tails of the binomial distribution: 2 · (1 + 9) / 2⁹, then 2 / 2⁵; equal or no discordant pairs give 1.
    [(1, 8, 20 / 512), (8, 1, 20 / 512), (0, 5, 2 / 32), (3, 3, 1), (0, 0, 1)],
)
def test_mcnemar_is_the_binomial_sum_by_hand(only_first, only_second, p):
    first = np.array([True] * only_first + [False] * only_second + [True, False] * 7)
    second = np.array([False] * only_first + [True] * only_second + [True, False] * 7)
    result = mcnemar(first, second)
    assert (result.only_first_correct, result.only_second_correct) == (only_first, only_second)
    assert result.p == pytest.approx(p)


def evaluation(*scores):
    return evaluate([0, 0, 1, 1], scores, ["normal", "normal", "viral", "viral"], 0.5)


def test_the_highest_auroc_comes_first():
    poor, good, middling = evaluation(0.9, 0.8, 0.1, 0.2), evaluation(0.1, 0.2, 0.8, 0.9), evaluation(0.1, 0.85, 0.8, 0.9)
    assert rank_models([poor, good, middling]) == [1, 2, 0]


def test_of_models_that_tie_the_one_with_the_lower_cross_entropy_comes_first():
    uncertain, confident = evaluation(0.4, 0.4, 0.6, 0.6), evaluation(0.1, 0.1, 0.9, 0.9)
    assert rank_models([uncertain, confident]) == [1, 0]


def test_an_undefined_auroc_comes_last():
    one_class = evaluate(np.ones(4, int), [0.9] * 4, ["viral"] * 4, 0.5)
    assert rank_models([one_class, evaluation(0.9, 0.8, 0.1, 0.2)]) == [1, 0]
