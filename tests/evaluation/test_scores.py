"""Scores against hand counts and closed forms."""

import math

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from pneumo.evaluation.scores import Evaluation, evaluate

# At 0.5 two true negatives, one false positive, three true positives, one false negative (viral); at 0.7 another false negative.
Y_TRUE = [0, 0, 0, 1, 1, 1, 1]
Y_SCORE = [0.1, 0.2, 0.6, 0.9, 0.8, 0.5, 0.3]
SUBTYPE = ["normal", "normal", "normal", "bacterial", "bacterial", "viral", "viral"]


@pytest.fixture
def evaluation() -> Evaluation:
    return evaluate(Y_TRUE, Y_SCORE, SUBTYPE, threshold=0.7)


def counts(point):
    return point.true_negatives, point.false_positives, point.false_negatives, point.true_positives


def test_counts_by_hand_at_both_operating_points(evaluation):
    assert evaluation.images == 7
    assert counts(evaluation.half) == (2, 1, 1, 3)
    assert counts(evaluation.locked) == (3, 0, 2, 2)


def test_a_score_equal_to_the_threshold_is_predicted_pneumonia():
    assert evaluate([1], [0.5], ["viral"], threshold=0.5).half.true_positives == 1


def test_ratios_follow_from_the_counts(evaluation):
    half = evaluation.half
    assert half.accuracy == pytest.approx(5 / 7)
    assert half.sensitivity == pytest.approx(3 / 4)
    assert half.specificity == pytest.approx(2 / 3)
    assert half.pneumonia.precision == pytest.approx(3 / 4)
    assert half.pneumonia.f1 == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert half.normal.precision == pytest.approx(2 / 3)
    assert (half.normal.support, half.pneumonia.support) == (3, 4)


def test_the_areas_count_pairs(evaluation):
    # Of 12 pairs of a NORMAL and a PNEUMONIA two are in the wrong order: 0.6 with 0.5 and with 0.3.
    assert evaluation.auroc == pytest.approx(10 / 12)
    # Precision at each true positive, from the highest score down: 1/1, 2/2, 3/4, 4/5.
    assert evaluation.average_precision == pytest.approx((1 + 1 + 3 / 4 + 4 / 5) / 4)


def test_loss_is_the_mean_negative_logarithm(evaluation):
    probabilities = [0.9, 0.8, 0.4, 0.9, 0.8, 0.5, 0.3]
    assert evaluation.loss == pytest.approx(-np.log(probabilities).mean())


def test_the_loss_of_a_certain_error_is_that_of_keras():
    assert evaluate([0], [1.0], ["normal"], 0.5).loss == pytest.approx(-math.log(1e-7))


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_averages_are_those_of_scikit_learn(evaluation, average):
    precision, recall, f1, _ = precision_recall_fscore_support(Y_TRUE, np.array(Y_SCORE) >= 0.7, average=average)
    averages = getattr(evaluation.locked, average)
    assert (averages.precision, averages.recall, averages.f1) == pytest.approx((precision, recall, f1))


def test_sensitivity_by_subtype(evaluation):
    assert evaluation.half.subtypes["bacterial"].sensitivity == 1
    assert evaluation.half.subtypes["viral"].sensitivity == 0.5
    assert evaluation.locked.subtypes["viral"].sensitivity == 0
    assert evaluation.half.subtypes["viral"].images == 2
    assert evaluation.half.subtypes["unknown"].images == 0
    assert evaluation.half.subtypes["unknown"].sensitivity is None


def test_scores_that_a_missing_class_leaves_undefined_are_none():
    only_pneumonia = evaluate([1, 1], [0.9, 0.2], ["viral", "viral"], threshold=0.5)
    assert only_pneumonia.auroc is None
    assert only_pneumonia.average_precision is None
    assert only_pneumonia.half.specificity is None
    assert only_pneumonia.half.macro.recall is None
    assert only_pneumonia.half.weighted.recall == 0.5


def test_precision_is_none_where_no_radiograph_is_predicted_pneumonia():
    blind = evaluate([0, 1], [0.1, 0.2], ["normal", "viral"], threshold=0.5)
    assert blind.half.pneumonia.precision is None
    assert blind.half.pneumonia.f1 == 0
    assert blind.half.macro.precision is None


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, -0.1, 1.1])
def test_a_score_that_is_not_a_probability_is_refused(score):
    with pytest.raises(ValueError, match="not probabilities"):
        evaluate([0, 1], [0.5, score], ["normal", "viral"], threshold=0.5)


@pytest.mark.parametrize(
    ("y_true", "y_score", "subtype"),
    [
        ([], [], []),
        ([0, 1], [0.5], ["normal", "viral"]),
        ([0, 1], [0.5, 0.6], ["normal"]),
        ([0, 2], [0.5, 0.6], ["normal", "viral"]),
    ],
)
def test_inconsistent_arrays_are_refused(y_true, y_score, subtype):
    with pytest.raises(ValueError, match=r"as many labels|subtypes for|labels are"):
        evaluate(y_true, y_score, subtype, threshold=0.5)


def test_json_round_trip(evaluation):
    assert Evaluation.model_validate_json(evaluation.model_dump_json()) == evaluation


def test_single_and_double_precision_give_one_result():
    single = np.array(Y_SCORE, np.float32)
    assert evaluate(Y_TRUE, single, SUBTYPE, 0.7) == evaluate(Y_TRUE, single.astype(np.float64), SUBTYPE, 0.7)
