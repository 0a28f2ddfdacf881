"""Refitted heads: equal to scikit-learn's pipeline, chosen within the labelled radiographs alone."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pneumo.evaluation.calibration import fit_temperature
from pneumo.evaluation.linear_head import (
    STRENGTHS,
    LinearHead,
    Penalty,
    TooFewPatientsError,
    adapt_head,
    fit_head,
    inner_folds,
    mean_score,
)
from pneumo.evaluation.operating_point import balanced_threshold
from tests.evaluation.sites import site


def test_drawn_to_zero_it_is_scikit_learns_pipeline_with_the_standardization_folded_in():
    given = site()
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000)).fit(given.features[0], given.y_true)
    head = fit_head(given.features[0], given.y_true, given.heads[0], Penalty(target="zero", strength=0.1))
    expected = pipeline.predict_proba(given.features[0])[:, 1]
    assert expit(head.logits(given.features[0])) == pytest.approx(expected, abs=1e-5)


def test_drawn_strongly_to_the_old_head_it_keeps_the_order_of_its_scores():
    given = site()
    old = LinearHead(np.array([1.0, 0, 0, 0, 0, 0]), -5.0)
    head = fit_head(given.features[0], given.y_true, old, Penalty(target="old head", strength=STRENGTHS[0]))
    order = spearmanr(head.logits(given.features[0]), old.logits(given.features[0])).statistic
    assert order > 0.999
    free = fit_head(given.features[0], given.y_true, old, Penalty(target="zero", strength=STRENGTHS[0]))
    assert np.abs(head.kernel[0]) > 50 * np.abs(free.kernel[0])


def test_a_good_old_head_is_corrected_and_a_useless_one_is_not():
    few = site(24, width=60, separation=4, per_patient=1)
    good = LinearHead(np.eye(60)[0] * 2, -14.0)
    corrected = adapt_head(few.features, few.y_true, few.patient, [good], seed=0)
    assert corrected.penalties[0].target == "old head"
    many = site(400, per_patient=1, separation=3)
    useless = LinearHead(np.eye(6)[5], 0.0)
    assert adapt_head(many.features, many.y_true, many.patient, [useless], seed=0).scores(many.features).std() > 0.2


def test_threshold_and_temperature_come_from_scores_out_of_fold():
    given = site()
    adapted = given.adapt(seed=0)
    assert adapted.thresholds["calibration"] == balanced_threshold(given.y_true, adapted.out_of_fold)
    assert set(adapted.thresholds) == {"calibration", "youden", "half"}
    assert adapted.temperature == fit_temperature(given.y_true, adapted.out_of_fold)
    penalty = adapted.penalties[0]
    for fitted, scored in inner_folds(given.y_true, given.patient, 0):
        head = fit_head(given.features[0][fitted], given.y_true[fitted], given.heads[0], penalty)
        assert adapted.out_of_fold[scored] == pytest.approx(expit(head.logits(given.features[0][scored])))


def test_no_patient_is_on_both_sides_of_an_inner_fold():
    given = site(90, per_patient=3)
    for fitted, scored in inner_folds(given.y_true, given.patient, 0):
        assert not set(given.patient[fitted]) & set(given.patient[scored])


def test_an_ensembles_members_are_refitted_one_by_one_and_their_logits_averaged():
    given = site(members=3)
    adapted = given.adapt(seed=0)
    assert len(adapted.heads) == len(adapted.penalties) == 3
    alone = adapt_head(given.features[1:2], given.y_true, given.patient, given.heads[1:2], seed=0)
    assert adapted.heads[1].kernel == pytest.approx(alone.heads[0].kernel)
    logits = [head.logits(block) for head, block in zip(adapted.heads, given.features, strict=True)]
    assert adapted.scores(given.features) == pytest.approx(expit(np.mean(logits, axis=0)))
    assert mean_score(adapted.heads, given.features) == pytest.approx(adapted.scores(given.features))


def test_one_patient_of_a_class_is_too_few():
    given = site(9, per_patient=3)
    with pytest.raises(TooFewPatientsError, match="two patients of each class"):
        given.adapt(seed=0)
