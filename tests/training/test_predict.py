"""Scores of a study's parts."""

import io

import numpy as np
import pytest
from rich.console import Console

from pneumo.config import Cnn, Config, Fit, Recipe
from pneumo.errors import UserError
from pneumo.nets import cnn
from pneumo.training.dataset import load
from pneumo.training.predict import predict_shifted
from pneumo.training.train import train


def study(folder, radiographs, recipe):
    config = Config(
        data=radiographs,
        cohort={"cache_dir": folder / "data", "validation_fraction": 0.5},
        registry={"directory": folder / "models"},
    )
    return load(config, "tiny", recipe, quiet())


def quiet():
    return Console(file=io.StringIO(), width=200)


def test_models_are_tuned_on_the_same_views_whatever_their_batch_size(tmp_path, kermany_folder):
    recipes = [Recipe(image_size_px=16, network=Cnn(filters=(4,)), fit=Fit(batch_size=size)) for size in (2, 32)]
    model = cnn.build(recipes[0].network, 16, seed=0)
    small, large = (predict_shifted(study(tmp_path, kermany_folder, recipe), model) for recipe in recipes)
    assert len(small) > 2
    np.testing.assert_allclose(small["y_score"], large["y_score"], atol=1e-5)


def test_a_network_too_deep_for_its_image_is_refused(tmp_path, kermany_folder):
    recipe = Recipe(image_size_px=16, network=Cnn(filters=(4, 4, 4, 4)))
    with pytest.raises(UserError, match=r"tiny: no such network at 16 px .*; raise image_size_px or shorten network.filters"):
        train(study(tmp_path, kermany_folder, recipe), quiet())
