"""Scores of a dataset's parts."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pneumo.config import Cnn, CnnRecipe, Cohort, Protocol
from pneumo.nets import cnn
from pneumo.training.dataset import at_size, load_cohort
from pneumo.training.predict import predict, predict_shifted

RECIPE = CnnRecipe(image_size_px=16, network=Cnn(filters=(4,)))
PROTOCOL = Protocol(validation_fraction=0.5)


@pytest.fixture
def dataset(tmp_path, kermany_folder):
    settings = Cohort(cache_dir=tmp_path / "data")
    cohort, parts = load_cohort(kermany_folder, settings, PROTOCOL, Console(file=io.StringIO()))
    return at_size(cohort, parts, RECIPE, settings.cache_dir)


@pytest.fixture
def model():
    return cnn.build(RECIPE.network, 16, seed=0)


def test_every_radiograph_of_a_part_is_scored_in_the_order_of_the_table_whatever_the_batch_size(dataset, model):
    small, large = (predict(model, dataset, "validation", batch_size) for batch_size in (2, 32))
    pd.testing.assert_frame_equal(small, large, check_exact=False, atol=1e-5)
    rows = dataset.rows("validation")
    assert small["path"].tolist() == dataset.table["path"].iloc[rows].tolist()
    assert small["y_true"].tolist() == dataset.y_true("validation").tolist()
    images = dataset.pixels[rows][..., None].astype(np.float32)
    np.testing.assert_allclose(small["y_score"], model(images)[:, 0], atol=1e-5)


def test_shifted_validation_has_every_view_of_every_validation_radiograph(dataset, model):
    validation, shifted = predict(model, dataset, "validation", 32), predict_shifted(model, dataset, PROTOCOL)
    assert shifted["view"].drop_duplicates().tolist() == [1, 2, 3]
    for _, view in shifted.groupby("view"):
        assert view["path"].tolist() == validation["path"].tolist()
        assert view["y_true"].tolist() == validation["y_true"].tolist()
        assert np.abs(view["y_score"].to_numpy() - validation["y_score"].to_numpy()).max() > 1e-4


def test_all_models_are_validated_on_the_same_views(dataset, model):
    pd.testing.assert_frame_equal(predict_shifted(model, dataset, PROTOCOL), predict_shifted(model, dataset, PROTOCOL))
    one_view = PROTOCOL.model_copy(update={"shifted_views": 1})
    first = predict_shifted(model, dataset, PROTOCOL).query("view == 1")
    pd.testing.assert_frame_equal(predict_shifted(model, dataset, one_view), first)
