"""Paired tests against placement values counted one by one, hand calculations and simulation."""

import numpy as np
import pytest

from pneumo.evaluation.comparison import delong, delong_covariance, mcnemar


def by_counting(y_true, y_score):
    """DeLong et al. 1988 as written: each placement value a mean over pairs."""
    kernel = [
        (positive[:, None] > negative[None]) + 0.5 * (positive[:, None] == negative[None])
        for positive, negative in ((row[y_true == 1], row[y_true == 0]) for row in y_score)
    ]
    v10, v01 = np.stack([each.mean(axis=1) for each in kernel]), np.stack([each.mean(axis=0) for each in kernel])
    areas = np.array([each.mean() for each in kernel])
    m, n = v10.shape[1], v01.shape[1]
    s10 = (v10 - areas[:, None]) @ (v10 - areas[:, None]).T / (m - 1)
    s01 = (v01 - areas[:, None]) @ (v01 - areas[:, None]).T / (n - 1)
    return areas, s10 / m + s01 / n


@pytest.mark.parametrize("seed", range(5))
def test_midranks_give_what_counting_pairs_gives(seed):
    rng = np.random.default_rng(seed)
    y_true = rng.permutation([0] * 23 + [1] * 41)
    y_score = np.round(rng.random((3, 64)) + 0.4 * y_true, 1)  # rounded: many scores tie
    for ours, counted in zip(delong_covariance(y_true, y_score), by_counting(y_true, y_score), strict=True):
        assert ours == pytest.approx(counted)


def test_a_case_small_enough_for_pen_and_paper():
    # The PNEUMONIA beat 2 and 1 of 2 normals, the NORMAL are beaten by 1 and 2 of 2: variances ⅛ each, over two each.
    area, variance = delong_covariance(np.array([1, 1, 0, 0]), np.array([[3.0, 1.0, 2.0, 0.0]]))
    assert area == pytest.approx([0.75])
    assert variance == pytest.approx(np.array([[0.125]]))


def test_under_the_null_p_is_below_five_per_cent_five_times_in_a_hundred():
    rng = np.random.default_rng(0)
    y_true = np.array([0] * 60 + [1] * 80)
    p = []
    for _ in range(1000):
        common = rng.normal(y_true * 1.2)  # what makes both models agree
        p.append(delong(y_true, common + rng.normal(size=140), common + rng.normal(size=140)).p)
    # Three standard errors of a share of 1000 are 2 %.
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
    # Both tails of a coin thrown as often: 2 · (1 + 9) / 2⁹, then 2 / 2⁵; an even draw and no draw say nothing.
    [(1, 8, 20 / 512), (8, 1, 20 / 512), (0, 5, 2 / 32), (3, 3, 1), (0, 0, 1)],
)
def test_mcnemar_is_the_binomial_sum_by_hand(only_first, only_second, p):
    first = np.array([True] * only_first + [False] * only_second + [True, False] * 7)
    second = np.array([False] * only_first + [True] * only_second + [True, False] * 7)
    found = mcnemar(first, second)
    assert (found.only_first_right, found.only_second_right) == (only_first, only_second)
    assert found.p == pytest.approx(p)
