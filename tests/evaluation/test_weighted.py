"""Scores of many weightings at once, against scikit-learn on one weighting after another."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from pneumo.evaluation import weighted

DRAWS = 12


@pytest.fixture(params=range(4))
def radiographs(request):
    """Labels, scores of which many tie, and weights of which many are zero."""
    rng = np.random.default_rng(request.param)
    y_true = rng.integers(0, 2, 60)
    y_score = np.round(rng.random(60) * 0.7 + 0.3 * y_true * rng.random(60), 2)
    return y_true, y_score, rng.multinomial(60, np.full(60, 1 / 60), size=DRAWS).astype(float)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(weighted.auroc, roc_auc_score), (weighted.average_precision, average_precision_score)]
)
def test_areas_are_those_of_scikit_learn_with_sample_weights(radiographs, ours, theirs):
    y_true, y_score, weights = radiographs
    expected = [theirs(y_true, y_score, sample_weight=row) for row in weights]
    assert ours(y_true, y_score)(weights) == pytest.approx(expected)


def test_a_share_is_the_weighted_mean_of_hits(radiographs):
    y_true, y_score, weights = radiographs
    hit, among = y_score >= 0.5, y_true == 1
    expected = [np.average(hit[among], weights=row[among]) for row in weights]
    assert weighted.share(np.stack([hit & among, among], axis=1).astype(float))(weights) == pytest.approx(expected)


def test_the_roc_curve_is_the_best_that_scikit_learns_cuts_attain(radiographs):
    y_true, y_score, weights = radiographs
    rates = np.linspace(0, 1, 11)
    for row, ours in zip(weights, weighted.roc(y_true, y_score, rates)(weights), strict=True):
        false_alarms, found, _ = roc_curve(y_true, y_score, sample_weight=row, drop_intermediate=False)
        assert ours == pytest.approx([found[false_alarms <= rate + 1e-9].max() for rate in rates])


@pytest.mark.parametrize("target", [0.5, 0.9, 0.95, 1.0])
def test_what_the_roc_curve_holds_at_a_fixed_rate(radiographs, target):
    y_true, y_score, weights = radiographs
    sensitivities = weighted.sensitivity_at_specificity(y_true, y_score, target)(weights)
    specificities = weighted.specificity_at_sensitivity(y_true, y_score, target)(weights)
    for row, sensitivity, specificity in zip(weights, sensitivities, specificities, strict=True):
        false_alarms, found, _ = roc_curve(y_true, y_score, sample_weight=row, drop_intermediate=False)
        assert sensitivity == pytest.approx(found[1 - false_alarms >= target - 1e-9].max())
        assert specificity == pytest.approx((1 - false_alarms)[found >= target - 1e-9].max())


def test_a_draw_without_one_class_is_undefined():
    y_true, y_score = np.array([0, 0, 1]), np.array([0.1, 0.2, 0.9])
    only_normal, only_pneumonia, both = np.array([[2.0, 1, 0]]), np.array([[0.0, 0, 3]]), np.array([[1.0, 0, 2]])
    for statistic in (
        weighted.auroc(y_true, y_score),
        weighted.average_precision(y_true, y_score),
        weighted.sensitivity_at_specificity(y_true, y_score, 0.9),
    ):
        assert np.isnan(statistic(only_normal)).all()
        assert np.isnan(statistic(only_pneumonia)).all()
        assert statistic(both) == pytest.approx([1])
    assert np.isnan(weighted.roc(y_true, y_score, np.array([0.5]))(only_normal)).all()
    assert np.isnan(weighted.share(np.repeat(y_true[:, None], 2, axis=1).astype(float))(only_normal)).all()


def test_a_share_counted_by_patient_is_that_of_the_radiographs(radiographs):
    y_true, y_score, _ = radiographs
    owner = np.array([f"patient {index % 17}" for index in range(60)])
    hit, among = y_score >= 0.5, y_true == 1
    counts = weighted.counts_by_owner(owner, hit, among)
    owners, place = np.unique(owner, return_inverse=True)
    weights = np.random.default_rng(5).integers(0, 3, (DRAWS, owners.size)).astype(float)
    radiographs_of = np.stack([hit & among, among], axis=1).astype(float)
    assert weighted.share(counts)(weights) == pytest.approx(weighted.share(radiographs_of)(weights[:, place]))
