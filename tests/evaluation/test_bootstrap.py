"""The patient bootstrap against analytic standard errors, and where it gives no interval."""

import numpy as np
import pytest
from scipy.stats import norm

from pneumo.evaluation import weighted_scores
from pneumo.evaluation.bootstrap import Proportion, estimates, exact_interval, patient_bootstrap, percentile_interval
from pneumo.evaluation.comparison import delong_covariance


def binormal(rng, normals, pneumonias, distance=1.5):
    y_true = np.array([0] * normals + [1] * pneumonias)
    return y_true, rng.normal(y_true * distance)


def hanley_mcneil(area, positives, negatives):
    """Hanley & McNeil 1982, equations 1 and 2."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    return np.sqrt(variance / (positives * negatives))


def test_one_radiograph_for_each_patient_gives_the_analytic_standard_error():
    y_true, y_score = binormal(np.random.default_rng(0), 234, 390)
    draws = patient_bootstrap(np.arange(624), {"auroc": weighted_scores.auroc(y_true, y_score)})["auroc"]
    area, variance = delong_covariance(y_true, y_score[None])
    assert draws.shape == (2000,)
    assert draws.mean() == pytest.approx(area[0], abs=0.002)
    assert draws.std() == pytest.approx(np.sqrt(variance[0, 0]), rel=0.06)
    assert draws.std() == pytest.approx(hanley_mcneil(area[0], 390, 234), rel=0.15)


def test_copies_of_a_radiograph_are_no_further_evidence():
    y_true, y_score = binormal(np.random.default_rng(1), 60, 90)
    copies = np.repeat(np.arange(150), 4)
    statistics = {"auroc": weighted_scores.auroc(y_true[copies], y_score[copies])}
    by_patient = patient_bootstrap(copies, statistics)["auroc"]
    by_radiograph = patient_bootstrap(np.arange(600), statistics)["auroc"]
    once = patient_bootstrap(np.arange(150), {"auroc": weighted_scores.auroc(y_true, y_score)})["auroc"]
    assert by_patient == pytest.approx(once)
    # With four times the patients the standard error would be half as large.
    assert by_radiograph.std() == pytest.approx(by_patient.std() / 2, rel=0.1)


def test_intervals_have_their_nominal_coverage():
    rng = np.random.default_rng(2)
    truth = {"auroc": norm.cdf(1.5 / np.sqrt(2)), "sensitivity": norm.sf(0.7 - 1.5)}
    covered = dict.fromkeys(truth, 0)
    for _ in range(400):
        y_true, y_score = binormal(rng, 60, 90)
        intervals, _ = estimates(
            np.arange(150),
            {"auroc": weighted_scores.auroc(y_true, y_score)},
            {"sensitivity": Proportion(success=y_score >= 0.7, among=y_true == 1)},
        )
        for name, value in truth.items():
            covered[name] += intervals[name].low <= value <= intervals[name].high
    # 380 expected, within three standard errors of 4.4; a proportion of 90 is discrete, which costs a hundredth.
    assert all(364 <= count <= 393 for count in covered.values()), covered


def test_the_same_patients_and_seed_give_the_same_draws_in_any_order():
    rng = np.random.default_rng(3)
    y_true, y_score = binormal(rng, 20, 30)
    patient, order = np.arange(50) // 2, rng.permutation(50)
    straight = patient_bootstrap(patient, {"auroc": weighted_scores.auroc(y_true, y_score)})["auroc"]
    shuffled = patient_bootstrap(patient[order], {"auroc": weighted_scores.auroc(y_true[order], y_score[order])})["auroc"]
    other = patient_bootstrap(patient, {"auroc": weighted_scores.auroc(y_true, y_score)}, seed=1)["auroc"]
    assert straight == pytest.approx(shuffled)
    assert not np.array_equal(straight, other)


def test_undefined_draws_are_omitted_unless_they_are_many():
    few, many = np.linspace(0, 1, 1000), np.linspace(0, 1, 1000)
    few[:40], many[:60] = np.nan, np.nan
    assert percentile_interval(0.5, few).low == pytest.approx(np.quantile(few[40:], 0.025))
    assert percentile_interval(0.5, many).model_dump() == {"value": 0.5, "low": None, "high": None}
    assert percentile_interval(float("nan"), few).value is None


def test_where_all_draws_are_equal_the_bootstrap_gives_no_interval():
    y_true, y_score = np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    perfect = estimates([f"patient {index}" for index in range(6)], {"auroc": weighted_scores.auroc(y_true, y_score)})[0]["auroc"]
    assert (perfect.value, perfect.low, perfect.high) == (1, None, None)


def test_a_proportion_of_zero_or_one_has_the_exact_interval_of_its_patients():
    every = np.ones(12, bool)
    intervals, _ = estimates(np.arange(12) // 2, {}, {"all": Proportion(every, every), "none": Proportion(~every, every)})
    # Of six patients: (α / 2) to the power of one sixth.
    assert (intervals["all"].low, intervals["all"].high) == pytest.approx((0.025 ** (1 / 6), 1))
    assert (intervals["none"].low, intervals["none"].high) == pytest.approx((0, 1 - 0.025 ** (1 / 6)))
    assert exact_interval(1, 100).low == pytest.approx(1 - 3.7 / 100, abs=0.002)  # the rule of three, two-sided


def test_a_proportion_of_no_radiographs_is_undefined():
    no = np.zeros(4, bool)
    intervals, _ = estimates(np.arange(4), {}, {"viral": Proportion(~no, no)})
    assert intervals["viral"].model_dump() == {"value": None, "low": None, "high": None}
