"""Scores of repeated cross-validations."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, recall_score, roc_auc_score

from pneumo.evaluation.out_of_fold import OutOfFold, auroc_spread, curve_scores, curve_statistics, differences, fold_auroc

REPEATS, IMAGES, FOLDS = 3, 100, 5
GENERATOR = np.random.default_rng(0)
Y_TRUE = np.arange(IMAGES) % 2
PATIENT = np.array([f"p{number // 2}" for number in range(IMAGES)])
FOLD = np.stack([GENERATOR.permutation(IMAGES) % FOLDS for _ in range(REPEATS)])
PROBABILITY = GENERATOR.uniform(size=(REPEATS, IMAGES)) * 0.7 + 0.3 * Y_TRUE
SCORED = OutOfFold(FOLD, PROBABILITY, PROBABILITY >= 0.6)
ONES = np.ones((1, IMAGES))


def test_the_auroc_is_the_mean_over_folds_and_repetitions():
    areas = np.array(
        [[roc_auc_score(Y_TRUE[FOLD[r] == f], PROBABILITY[r][FOLD[r] == f]) for f in range(FOLDS)] for r in range(REPEATS)]
    )
    assert fold_auroc(Y_TRUE, SCORED)(ONES)[0] == pytest.approx(areas.mean())
    assert auroc_spread(Y_TRUE, SCORED) == pytest.approx(areas.mean(axis=1).std(ddof=1))
    once = OutOfFold(FOLD[:1], PROBABILITY[:1], SCORED.predicted[:1])
    assert auroc_spread(Y_TRUE, once) is None


def test_the_scale_of_a_fold_does_not_matter_to_the_auroc():
    scaled = PROBABILITY / (1 + FOLD)
    assert fold_auroc(Y_TRUE, OutOfFold(FOLD, scaled, scaled > 0.5))(ONES) == pytest.approx(fold_auroc(Y_TRUE, SCORED)(ONES))


def test_other_scores_are_means_of_those_of_each_repetition():
    scores = curve_scores(PATIENT, curve_statistics(Y_TRUE, SCORED))
    sensitivity = np.mean([recall_score(Y_TRUE, predicted) for predicted in SCORED.predicted])
    assert scores.sensitivity.value == pytest.approx(sensitivity)
    assert scores.accuracy.value == pytest.approx((SCORED.predicted == Y_TRUE).mean())
    assert scores.brier.value == pytest.approx(np.mean([brier_score_loss(Y_TRUE, repeat) for repeat in PROBABILITY]))
    for name in ("auroc", "accuracy", "sensitivity", "specificity", "brier"):
        estimate = getattr(scores, name)
        assert estimate.low < estimate.value < estimate.high


def test_a_fold_without_a_class_in_a_draw_is_left_out():
    weights = ONES.copy()
    weights[0, (FOLD[0] == 0) & (Y_TRUE == 1)] = 0
    assert np.isfinite(fold_auroc(Y_TRUE, SCORED)(weights)[0])
    assert np.isnan(fold_auroc(Y_TRUE, SCORED)(ONES * (Y_TRUE == 1))[0])


def test_a_difference_from_itself_is_zero():
    statistics = curve_statistics(Y_TRUE, SCORED)
    for statistic in differences(statistics, statistics).values():
        assert statistic(ONES)[0] == 0
