"""Agreement of two raters against scikit-learn, and its intervals."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from pneumo.evaluation.agreement import agreement, kappa


def raters(seed: int, radiographs: int = 60, copied: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Two raters, of whom the second copies the first in some of the radiographs and guesses in the others."""
    rng = np.random.default_rng(seed)
    first, guess = rng.random((2, radiographs)) < 0.4
    return first, np.where(rng.random(radiographs) < copied, first, guess)


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn_for_any_weights(seed):
    first, second = raters(seed)
    weights = np.random.default_rng(seed).integers(0, 4, (20, first.size)).astype(float)
    expected = [cohen_kappa_score(first, second, sample_weight=row) for row in weights]
    np.testing.assert_allclose(kappa(first, second)(weights), expected)
    assert agreement(first, second, np.arange(first.size)).kappa.value == pytest.approx(cohen_kappa_score(first, second))


def test_a_perfect_rater_gets_one_and_an_opposite_one_the_lowest_value():
    first, patient = raters(0)[0], np.arange(60)
    perfect, opposite = agreement(first, first, patient), agreement(first, ~first, patient)
    assert (perfect.kappa.value, perfect.raw.value, perfect.same) == (1, 1, 60)
    assert perfect.kappa.low is None
    assert perfect.raw.low == pytest.approx(0.94, abs=0.01)  # exact, over patients
    assert opposite.raw.value == 0
    assert opposite.kappa.value < -0.8


def test_one_finding_throughout_leaves_kappa_undefined_or_zero():
    first, patient = raters(0)[0], np.arange(60)
    all_normal = np.zeros_like(first)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert agreement(all_normal, all_normal, patient).kappa.value is None
        assert agreement(all_normal, first, patient).kappa.value == pytest.approx(0)
        nothing = agreement(first[:0], first[:0], patient[:0])
    assert (nothing.radiographs, nothing.raw.value, nothing.kappa.value) == (0, None, None)


def test_the_interval_covers_kappa_of_the_population():
    truth = cohen_kappa_score(*raters(1000, 200_000))
    intervals = [agreement(*raters(seed, 100), np.arange(100)).kappa for seed in range(100)]
    assert np.mean([interval.low <= truth <= interval.high for interval in intervals]) >= 0.88


def test_radiographs_of_one_patient_are_drawn_together():
    first, second = (np.repeat(rater, 4) for rater in raters(3))
    by_patient = agreement(first, second, np.repeat(np.arange(60), 4)).kappa
    by_radiograph = agreement(first, second, np.arange(240)).kappa
    assert by_patient.value == by_radiograph.value
    assert by_patient.high - by_patient.low > 1.5 * (by_radiograph.high - by_radiograph.low)
