"""Distance of features from training: against a direct computation, and what becomes of degenerate features."""

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from pneumo.evaluation import feature_distance
from pneumo.evaluation.feature_distance import FeatureReference, fit_reference, measure_shift


def features(images: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Correlated features, (images, width), whose mean depends on the class, and the labels."""
    rng = np.random.default_rng(seed)
    y_true = np.arange(images) % 2
    mixed = rng.normal(size=(images, width)) @ np.random.default_rng(9).normal(size=(width, width))
    return mixed + 2 * y_true[:, None], y_true


def direct_distances(training: np.ndarray, y_true: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Mahalanobis distance to the nearer class mean, with the inverse of scikit-learn's shrunk covariance."""
    means = np.stack([training[y_true == label].mean(axis=0) for label in (0, 1)])
    precision = LedoitWolf(assume_centered=True).fit(training - means[y_true]).precision_
    differences = points[:, None] - means
    return np.sqrt(np.einsum("ncd,de,nce->nc", differences, precision, differences).min(axis=1))


@pytest.mark.parametrize(("images", "width"), [(200, 12), (40, 60)], ids=["more images than features", "fewer"])
def test_distances_are_those_of_a_direct_computation(images, width):
    (training, y_true), (others, _) = features(images, width), features(30, width, seed=1)
    reference = fit_reference(training, y_true, others)
    assert reference.distances(others) == pytest.approx(direct_distances(training, y_true, others), rel=1e-4)
    assert reference.validation_distances == pytest.approx(reference.distances(others), rel=1e-6)
    assert int(reference.training_images) == images


def test_components_that_do_not_fit_are_replaced_by_their_mean_variance(monkeypatch):
    training, y_true = features(300, 20)
    whole = fit_reference(training, y_true, training)
    monkeypatch.setattr(feature_distance, "MAX_VALUES", 20 * 15)
    reduced = fit_reference(training, y_true, training)
    assert reduced.components.shape == (15, 20)
    assert reduced.variances == pytest.approx(whole.variances[:15])
    assert float(reduced.other_variance) == pytest.approx(whole.variances[15:].mean(), rel=1e-4)
    assert np.corrcoef(reduced.validation_distances, whole.validation_distances)[0, 1] > 0.8


def test_a_stored_reference_is_the_same_bytes_again_and_a_damaged_one_is_refused():
    training, y_true = features(50, 8)
    reference = fit_reference(training, y_true, training)
    content = reference.to_bytes()
    assert fit_reference(training, y_true, training).to_bytes() == content
    loaded = FeatureReference.from_bytes(content)
    assert (loaded.distances(training) == reference.distances(training)).all()
    for damaged in (b"", b"text", content[:-200], content[: len(content) // 2]):
        with pytest.raises(ValueError, match="no reference of features"):
            FeatureReference.from_bytes(damaged)


def test_features_that_do_not_vary_or_are_not_finite_have_no_reference():
    training, y_true = features(20, 4)
    assert fit_reference(np.ones_like(training), y_true, training) is None
    assert fit_reference(training, np.zeros_like(y_true), training) is None
    assert fit_reference(np.where(training > 0, np.inf, training), y_true, training) is None
    for undefined in (np.nan, np.inf):
        validation = training.copy()
        validation[3, 1] = undefined
        assert fit_reference(training, y_true, validation) is None


def test_a_unit_that_is_silent_in_training_gives_a_large_but_finite_distance_where_it_is_active():
    training, y_true = features(100, 6)
    training[:, 0] = 0
    reference = fit_reference(training, y_true, training)
    active = training.copy()
    active[:, 0] = 5
    distances = reference.distances(active)
    assert np.isfinite(distances).all()
    assert distances.min() > reference.validation_distances.max()


def test_the_shift_is_the_auroc_of_the_distance():
    training, y_true = features(200, 6)
    validation, _ = features(80, 6, seed=1)
    reference = fit_reference(training, y_true, validation)
    for others, expected in ((validation, 0.5), (validation + 100, 1.0), (1.5 * validation, None)):
        distances = reference.distances(others)
        shift = measure_shift(reference, np.arange(80), distances, np.arange(80))
        compared = np.r_[reference.validation_distances, distances.astype(np.float32)]
        auroc = roc_auc_score(np.repeat([0, 1], 80), compared)
        assert shift.further.value == pytest.approx(auroc)
        assert expected is None or shift.further.value == pytest.approx(expected)
        assert (shift.training_images, shift.validation_images, shift.features) == (200, 80, 6)
    assert shift.further.low < auroc < shift.further.high


def test_equal_names_of_patients_in_both_cohorts_are_different_patients():
    training, y_true = features(200, 6)
    reference = fit_reference(training, y_true, training[:60])
    distances = reference.distances(1.2 * training[60:120])
    # In the same order, so that the samples of patients are the same.
    names, others = ([f"{prefix}{number:02}" for number in range(60)] for prefix in "ab")
    same = measure_shift(reference, names, distances, names).further
    assert same == measure_shift(reference, names, distances, others).further


def test_the_patients_of_both_are_drawn_within_each():
    training, y_true = features(200, 6)
    reference = fit_reference(training, y_true, training[:6])
    distances = reference.distances(1.5 * training[60:120])
    # Drawn from all together, the one validation patient would be missing in a third of the samples, which then had no value.
    shift = measure_shift(reference, ["same"] * 6, distances, np.arange(60))
    assert shift.further.low < shift.further.value < shift.further.high


def test_the_interval_does_not_depend_on_how_many_samples_are_evaluated_at_once(monkeypatch):
    training, y_true = features(200, 6)
    reference = fit_reference(training, y_true, training[:50])
    distances = reference.distances(1.2 * training[60:120])
    whole = measure_shift(reference, np.arange(50), distances, np.arange(60))
    monkeypatch.setattr(feature_distance, "_BLOCK_VALUES", 7 * 110)
    assert measure_shift(reference, np.arange(50), distances, np.arange(60)) == whole
