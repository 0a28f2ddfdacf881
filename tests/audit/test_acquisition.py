"""Acquisition traits alone as predictors of the label."""

import numpy as np
import pandas as pd
import pytest

from pneumo.audit.acquisition import acquisition_baseline

IMAGES = 120
GENERATOR = np.random.default_rng(0)
Y_TRUE = np.arange(IMAGES) % 2
PATIENT = np.array([f"p{number}" for number in range(IMAGES)])
FOLDS = np.stack([GENERATOR.permutation(IMAGES) % 5 for _ in range(2)])


def test_a_trait_that_tells_the_label_is_found():
    traits = pd.DataFrame(
        {"mean": GENERATOR.normal(size=IMAGES) + 2 * Y_TRUE, "colour": 0.0, "sharpness": GENERATOR.normal(size=IMAGES)}
    )
    found = acquisition_baseline(traits, Y_TRUE, PATIENT, FOLDS)
    assert found.all_traits.low > 0.8
    assert set(found.by_trait) == {"mean", "sharpness"}
    assert found.strongest(1)[0][0] == "mean"


def test_traits_that_are_the_same_everywhere_say_nothing():
    constant = pd.DataFrame({"width": np.full(IMAGES, 256.0), "quantisation": np.full(IMAGES, np.nan)})
    found = acquisition_baseline(constant, Y_TRUE, PATIENT, FOLDS)
    assert found.all_traits.value == pytest.approx(0.5)
    assert found.by_trait == {}


def test_a_trait_that_some_radiographs_lack_is_used_where_they_have_it():
    quantisation = np.where(Y_TRUE == 1, 20.0, 5.0)
    quantisation[:30] = np.nan
    found = acquisition_baseline(pd.DataFrame({"quantisation": quantisation}), Y_TRUE, PATIENT, FOLDS)
    assert found.by_trait["quantisation"].value == pytest.approx(1)
    assert found.all_traits.value > 0.8
