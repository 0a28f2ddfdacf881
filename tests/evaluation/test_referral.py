import numpy as np
import pytest

from pneumo.evaluation.referral import choose_referral, margin, risk_area, risk_coverage

CERTAINTY = np.array([5.0, 4, 3, 2, 1])
ERRORS = np.array([False, False, True, False, True])


def test_risk_and_coverage_of_a_small_example() -> None:
    coverage, risk = risk_coverage(ERRORS, CERTAINTY)
    np.testing.assert_allclose(coverage, [0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_allclose(risk, [0, 0, 1 / 3, 1 / 4, 2 / 5])
    assert risk_area(ERRORS, CERTAINTY) == pytest.approx((0 + 0 + 1 / 3 + 1 / 4 + 2 / 5) / 5)


def test_radiographs_of_equal_certainty_are_referred_together() -> None:
    coverage, risk = risk_coverage(ERRORS, np.ones(5))
    np.testing.assert_allclose((coverage, risk), [[1], [0.4]])


@pytest.mark.parametrize(("most_errors", "referred"), [(0.01, 3), (0.25, 1), (0.3, 1), (0.4, 0)])
def test_as_few_as_possible_are_referred(most_errors: float, referred: int) -> None:
    referral = choose_referral(ERRORS, {"margin": CERTAINTY}, most_errors)
    mask = referral.referred(CERTAINTY)
    assert mask.sum() == referred
    assert ERRORS[~mask].mean() <= most_errors


def test_all_are_referred_where_even_the_most_certain_is_wrong() -> None:
    referral = choose_referral(np.ones(5, bool), {"margin": CERTAINTY}, 0.02)
    assert referral.cutoff is None
    assert referral.referred(CERTAINTY).all()


def test_the_criterion_that_orders_errors_better_is_chosen() -> None:
    referral = choose_referral(ERRORS, {"margin": -CERTAINTY, "spread": CERTAINTY}, 0.02)
    assert referral.criterion == "spread"
    assert referral.risk_area["spread"] < referral.risk_area["margin"]


def test_the_margin_is_zero_at_the_threshold_and_symmetric_in_logits() -> None:
    odds = np.array([0.2 / 0.8 * 3, 0.2 / 0.8, 0.2 / 0.8 / 3])
    np.testing.assert_allclose(margin(odds / (1 + odds), 0.2), [np.log(3), 0, np.log(3)], atol=1e-12)
