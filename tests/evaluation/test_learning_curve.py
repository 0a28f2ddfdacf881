"""Learning curves by nested cross-validation: outer folds are never used for choosing anything."""

from dataclasses import replace

import numpy as np
import pytest

from pneumo.evaluation.learning_curve import (
    OUTER_FOLDS,
    curve_point,
    curve_sizes,
    labelled_outside,
    repeated_folds,
    score_out_of_fold,
    unadapted_scores,
)
from tests.evaluation.sites import site, unadapted


def test_no_patient_is_on_both_sides_of_an_outer_fold_nor_among_the_labelled():
    given = site(150, per_patient=3)
    folds = repeated_folds(given, 2, seed=0)
    assert folds.shape == (2, 150)
    assert (folds[0] != folds[1]).any()
    for repeat, number in np.ndindex(2, OUTER_FOLDS):
        scored = folds[repeat] == number
        assert len(set(given.y_true[scored])) == 2
        for labels in (25, None):
            rows = labelled_outside(given, scored, labels, [0, repeat, number, labels or 0])
            assert not set(given.patient[rows]) & set(given.patient[scored])
            assert rows.size == (labels or (~scored).sum()) or rows.size in {23, 24}


def test_labels_of_the_outer_fold_do_not_change_what_is_fitted_outside():
    given = site(150)
    scored = repeated_folds(given, 1, seed=0)[0] == 2
    permuted = given.y_true.copy()
    permuted[scored] = 1 - permuted[scored]
    for labels in (50, None):
        rows, others = (labelled_outside(of, scored, labels, [0, 0, 2, 0]) for of in (given, replace(given, y_true=permuted)))
        assert rows.tolist() == others.tolist()
        first, second = given.rows(rows).adapt(0), replace(given, y_true=permuted).rows(others).adapt(0)
        assert first.heads[0].kernel.tolist() == second.heads[0].kernel.tolist()
        assert (first.thresholds, first.temperature, first.penalties) == (second.thresholds, second.temperature, second.penalties)


def test_sizes_fit_outside_a_fold_and_have_both_classes():
    balanced = np.arange(493) % 2
    assert curve_sizes(balanced, None) == [25, 50, 100, 200, None]
    assert curve_sizes(balanced, 130) == [25, 50, 100, 130, 200, None]
    assert curve_sizes(balanced, 450) == [25, 50, 100, 200, None]
    assert curve_sizes(np.arange(120) % 2, None) == [25, 50, None]
    assert curve_sizes((np.arange(493) % 20 == 0).astype(int), None) == [100, 200, None]


def test_labels_gain_over_a_head_that_is_wrong_there():
    given = site(200, separation=3)
    folds, before = repeated_folds(given, 2, seed=0), unadapted(given)
    few, _ = curve_point(given, folds, before, 25, rule="calibration", seed=0)
    everything, scored = curve_point(given, folds, before, None, rule="calibration", seed=0)
    assert few.labelled == pytest.approx(25, abs=1)
    assert everything.labelled == pytest.approx(160, abs=2)
    assert everything.scores.auroc.value > 0.9
    assert everything.difference.auroc.low > 0
    assert everything.difference.brier.high < 0
    assert 0.5 < few.scores.auroc.value <= everything.scores.auroc.value + 0.02
    own = unadapted_scores(given, folds, before)
    assert everything.difference.auroc.value == pytest.approx(everything.scores.auroc.value - own.auroc.value)
    assert scored.probability.shape == scored.predicted.shape == (2, 200)


def test_random_labels_give_an_interval_that_covers_chance():
    given = site(160, separation=0, seed=3)
    shuffled = np.random.default_rng(1).permutation(80) % 2
    given = replace(given, y_true=np.repeat(shuffled, 2))
    point, _ = curve_point(given, repeated_folds(given, 3, seed=0), unadapted(given), None, rule="calibration", seed=0)
    assert point.scores.auroc.low < 0.5 < point.scores.auroc.high


def test_the_seed_alone_decides():
    given = site(100)
    folds = repeated_folds(given, 1, seed=4)
    first, again, other = (score_out_of_fold(given, folds, 25, rule="half", seed=seed)[0].probability for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
