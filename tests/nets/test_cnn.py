import random

import keras
import numpy as np
import pytest

from pneumo.config import BASELINE, WEIGHTED, Cnn
from pneumo.nets import cnn


def test_weighted_has_the_layers_and_the_number_of_weights_that_its_reference_documents():
    model = cnn.build(WEIGHTED.network, WEIGHTED.image_size_px)
    # 001 counts 10,636,481 weights on RGB; one grey channel needs 2 · 9 · 32 fewer in the first convolution.
    assert model.count_params() == 10_636_481 - 2 * 9 * 32
    assert [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)] == [32, 64]
    assert [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)] == [0.5]


def test_baseline_has_the_four_blocks_of_its_reference():
    model = cnn.build(BASELINE.network, BASELINE.image_size_px)
    assert [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)] == [32, 64, 128, 256]
    assert model.get_layer("dense").units == 128
    assert (BASELINE.fit.optimizer, BASELINE.fit.batch_size, BASELINE.fit.epochs) == ("rmsprop", 32, 12)


@pytest.mark.usefixtures("bfloat16")
def test_grey_values_give_a_float32_probability_under_bfloat16():
    model = cnn.build(Cnn(filters=(4,), dense_units=4), 20)
    probability = model(np.random.default_rng(0).integers(0, 256, (3, 20, 20, 1)))
    assert probability.dtype == "float32"
    assert model.get_layer("logit").compute_dtype == "float32"
    assert ((probability > 0) & (probability < 1)).numpy().all()
    assert model.get_layer("convolution_1").compute_dtype == "bfloat16"


def test_a_saved_model_needs_only_keras(tmp_path):
    model = cnn.build(Cnn(filters=(4,), dense_units=4, convolution_dropout=0.1), 20)
    model.save(tmp_path / "model.keras")
    images = np.random.default_rng(0).integers(0, 256, (3, 20, 20, 1))
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)
    np.testing.assert_array_equal(loaded(images), model(images))
    assert {type(layer).__module__.split(".")[0] for layer in loaded.layers} == {"keras"}


def test_too_many_blocks_for_the_image_are_refused():
    with pytest.raises(ValueError, match=r"negative|smaller|dimension"):
        cnn.build(Cnn(filters=(4, 4, 4, 4)), 20)


@pytest.fixture
def bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


def test_the_initial_weights_depend_only_on_the_seed_and_not_on_pythons_random_state():
    def weights(seed):
        return np.concatenate(
            [variable.numpy().ravel() for variable in cnn.build(Cnn(filters=(4,), dense_units=4), 20, seed).weights]
        )

    first = weights(1)
    random.random()
    assert np.array_equal(weights(1), first)
    assert not np.array_equal(weights(2), first)
