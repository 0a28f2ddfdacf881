import numpy as np
import pytest

from pneumo.config import UNet
from pneumo.nets import build_network

SETTINGS = UNet(filters=(4, 8, 8))
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1)).astype(np.float32)


def test_each_pixel_has_a_probability():
    model = build_network(SETTINGS, 32, 0)
    probabilities = model.predict(IMAGES, verbose=0)
    assert probabilities.shape == (2, 32, 32, 1)
    assert probabilities.dtype == np.float32
    assert ((probabilities > 0) & (probabilities < 1)).all()
    assert model.get_layer("logit").output.shape == (None, 32, 32, 1)


def test_the_seed_decides_the_initial_weights():
    first, same, other = (build_network(SETTINGS, 32, seed).predict(IMAGES, verbose=0) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)


def test_a_pixel_sees_its_surroundings_and_not_the_whole_image():
    model = build_network(SETTINGS, 64, 0)
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 1)).astype(np.float32)
    changed = images.copy()
    changed[:, 32, 32] = 255 - changed[:, 32, 32]
    differences = np.abs(model.predict(changed, verbose=0) - model.predict(images, verbose=0)).max(axis=(0, 3))
    assert differences[32, 32] > 0
    assert differences[0, 0] == 0


def test_a_side_that_cannot_be_halved_often_enough_is_refused():
    with pytest.raises(ValueError, match="3 levels need a side that is a multiple of 4 px, not 30"):
        build_network(SETTINGS, 30, 0)
