"""Rules that choose the threshold on validation."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import roc_curve

from pneumo.evaluation.operating_point import balanced_threshold, threshold_at, youden_threshold


def youden(y_true, y_score, threshold):
    predicted = np.asarray(y_score) >= threshold
    return predicted[np.asarray(y_true) == 1].mean() - predicted[np.asarray(y_true) == 0].mean()


@pytest.mark.parametrize("seed", range(20))
def test_no_threshold_on_the_roc_curve_is_better(seed):
    rng = np.random.default_rng(seed)
    y_true = rng.permutation([0] * 30 + [1] * 50)
    y_score = np.round(rng.beta(2, 2, 80) * 0.6 + 0.4 * y_true * rng.random(80), 2)  # rounded: many scores tie
    false_positive_rate, true_positive_rate, _ = roc_curve(y_true, y_score, drop_intermediate=False)
    threshold = youden_threshold(y_true, y_score)
    assert youden(y_true, y_score, threshold) == pytest.approx((true_positive_rate - false_positive_rate).max())


def test_saturated_validation_gives_the_middle_of_the_gap():
    assert youden_threshold([0, 0, 1, 1], [0.0, 0.02, 0.96, 1.0]) == pytest.approx(0.49)


def test_among_ties_the_widest_gap_wins():
    # 0.6 (sensitivity 2/3, specificity 1) and 0.2 (sensitivity 1, specificity 2/3) are equally good.
    assert youden_threshold([0, 0, 1, 0, 1, 1], [0.0, 0.1, 0.2, 0.3, 0.6, 0.9]) == pytest.approx(0.45)


def test_among_equal_gaps_the_more_sensitive_threshold_wins():
    assert youden_threshold([0, 0, 1, 0, 1, 1], [0.0, 0.0, 0.25, 0.5, 0.75, 1.0]) == pytest.approx(0.125)


@pytest.mark.parametrize("score", [0.0, 0.3, 1.0])
def test_equal_scores_give_an_attainable_threshold(score):
    assert youden_threshold([0, 1, 1], [score] * 3) == score


def test_between_adjacent_numbers_the_decisions_stay_the_same():
    low = 0.5
    high = float(np.nextafter(low, 1))
    assert youden_threshold([0, 1], [low, high]) == high


def test_the_order_of_the_radiographs_does_not_matter():
    rng = np.random.default_rng(0)
    y_true, y_score = rng.integers(0, 2, 50), rng.random(50)
    order = rng.permutation(50)
    assert youden_threshold(y_true, y_score) == youden_threshold(y_true[order], y_score[order])


def test_a_missing_class_is_named():
    with pytest.raises(ValueError, match="0 NORMAL and 2 PNEUMONIA"):
        youden_threshold([1, 1], [0.5, 0.6])


def test_a_score_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="not probabilities"):
        youden_threshold([0, 1], [0.5, float("nan")])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("fixed", "target"), [("sensitivity", 0.95), ("sensitivity", 0.5), ("specificity", 0.9)])
def test_no_threshold_that_reaches_the_target_gives_the_other_class_more(seed, fixed, target):
    rng = np.random.default_rng(seed)
    y_true = rng.permutation([0] * 30 + [1] * 50)
    y_score = np.round(rng.random(80) * 0.6 + 0.4 * y_true * rng.random(80), 2)
    false_positive_rate, true_positive_rate, thresholds = roc_curve(y_true, y_score, drop_intermediate=False)
    specificity = 1 - false_positive_rate
    rates = (true_positive_rate, specificity) if fixed == "sensitivity" else (specificity, true_positive_rate)
    reached, other = rates
    predicted = y_score >= threshold_at(y_true, y_score, fixed, target)
    scores = {"sensitivity": predicted[y_true == 1].mean(), "specificity": 1 - predicted[y_true == 0].mean()}
    assert scores.pop(fixed) >= target - 1e-9
    assert scores.popitem()[1] == pytest.approx(other[(reached >= target - 1e-9) & np.isfinite(thresholds)].max())


def test_a_target_that_no_score_reaches_has_no_threshold():
    assert threshold_at(np.array([1, 0, 0]), np.array([0.2, 0.9, 0.9]), "specificity", 0.5) is None
    assert threshold_at(np.array([1, 1]), np.array([0.2, 0.9]), "sensitivity", 0.5) is None


def test_at_the_balanced_threshold_both_classes_would_be_equally_likely_if_equally_frequent():
    # Normal logits of equal spread about -1 and 3: their densities cross at 1, whatever the prevalence.
    rng = np.random.default_rng(0)
    y_true = np.repeat([0, 1], [2_000, 18_000])
    y_score = expit(rng.normal(np.where(y_true, 3, -1), 1.5))
    assert logit(balanced_threshold(y_true, y_score)) == pytest.approx(1, abs=0.06)


def test_the_balanced_threshold_moves_less_between_samples_than_youdens():
    def spread(rule):
        chosen = []
        for seed in range(30):
            rng = np.random.default_rng(seed)
            y_true = np.repeat([0, 1], [100, 300])
            chosen.append(logit(rule(y_true, expit(rng.normal(np.where(y_true, 3, -1), 1.5)))))
        return np.std(chosen)

    assert spread(balanced_threshold) < spread(youden_threshold) / 1.5


def test_the_balanced_threshold_of_separated_classes_lies_between_them():
    assert 0.2 < balanced_threshold([0, 0, 1, 1], [0.05, 0.2, 0.8, 0.95]) < 0.8


@pytest.mark.parametrize("y_score", [[0.5, 0.5, 0.5, 0.5], [0.9, 0.8, 0.2, 0.1]])
def test_scores_that_do_not_indicate_pneumonia_give_one_half(y_score):
    assert balanced_threshold([0, 0, 1, 1], y_score) == 0.5
