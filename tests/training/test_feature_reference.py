"""Features before the logit, of single networks and ensembles, and the reference of a training's radiographs."""

import keras
import numpy as np
import pytest
from rich.console import Console

from pneumo.config import Cnn, ResidualCnn
from pneumo.nets import cnn, ensemble, residual
from pneumo.nets.outputs import with_outputs
from pneumo.training import feature_reference as module
from pneumo.training.feature_reference import feature_reference, own_features, score_radiographs
from tests.tiny_datasets import tiny_dataset

SIZE_PX = 16


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIZE_PX, SIZE_PX), dtype=np.uint8)


def outputs(model, pixels):
    predicted = with_outputs(model).predict(pixels, verbose=0)
    return predicted["probability"], predicted["features"]


@pytest.fixture(scope="module")
def network():
    return cnn.build(Cnn(filters=(4,), dense_units=6, dense_dropout=0.5), SIZE_PX, seed=1)


def dataset(folder, count=60, parts=None):
    y_true = np.arange(count) % 2
    return tiny_dataset(folder, images(count), y_true, parts or ["training" if row % 3 else "validation" for row in range(count)])


def test_the_logit_is_a_linear_function_of_the_features_and_the_probability_that_of_the_model(network):
    pixels = images(5)[..., None].astype(np.float32)
    probability, features = outputs(network, pixels)
    weights, bias = network.get_layer("logit").get_weights()
    assert probability == pytest.approx(network.predict(pixels, verbose=0), abs=1e-6)
    assert features.shape == (5, 6)
    assert probability == pytest.approx(1 / (1 + np.exp(-(features @ weights + bias))), abs=1e-5)


def test_the_features_of_an_ensemble_are_those_of_its_members_side_by_side_also_after_reloading(network, tmp_path):
    other = residual.build(ResidualCnn(filters=(4, 8), blocks=1), SIZE_PX, seed=2)
    whole = ensemble.build([network, other])
    whole.save(tmp_path / "model.keras")
    pixels = images(4)[..., None].astype(np.float32)
    members = np.concatenate([outputs(member, pixels)[1] for member in (network, other)], axis=1)
    for model in (whole, keras.saving.load_model(tmp_path / "model.keras", compile=False)):
        probability, features = outputs(model, pixels)
        assert features == pytest.approx(members, abs=1e-5)
        assert probability == pytest.approx(whole.predict(pixels, verbose=0), abs=1e-6)


def test_the_reference_is_of_training_alone_and_measures_every_validation_radiograph(network, tmp_path):
    data = dataset(tmp_path)
    reference = feature_reference(own_features(network, data, 8))
    assert int(reference.training_images) == len(data.rows("training"))
    assert len(reference.validation_distances) == len(data.rows("validation"))
    scored = score_radiographs(network, data.pixels, data.rows("validation"), reference, Console(quiet=True))
    assert scored["distance"].to_numpy() == pytest.approx(reference.validation_distances, rel=1e-3)
    again = feature_reference(own_features(network, data, 8))
    assert again.to_bytes() == reference.to_bytes()


def test_at_most_so_many_training_radiographs_of_each_class_are_used(network, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_PER_CLASS", 10)
    assert int(feature_reference(own_features(network, dataset(tmp_path), 8)).training_images) == 20


def test_all_rows_are_scored_in_their_order_and_without_a_reference_there_is_no_distance(network, tmp_path):
    data = dataset(tmp_path, count=70)
    rows = np.arange(70)[::-1]
    scored = score_radiographs(network, data.pixels, rows, None, Console(quiet=True))
    expected = network.predict(data.pixels[rows][..., None].astype(np.float32), verbose=0)[:, 0]
    assert scored["y_score"].to_numpy() == pytest.approx(expected, abs=1e-6)
    assert scored["distance"].isna().all()
