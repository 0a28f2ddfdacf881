import keras
import numpy as np
import pytest

from pneumo.bench.explaining import eager_lots, keras_io_maps, our_lots, our_maps
from pneumo.config import Backbone, ResidualCnn

BACKBONE = Backbone(weights="none", head_units=(8,))
RESIDUAL = ResidualCnn(filters=(4,), blocks=1)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (3, 64, 64, 1), dtype=np.uint8)


@pytest.fixture(autouse=True)
def policy_as_before():
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.slow
def test_grad_cam_of_a_batch_is_that_of_the_keras_io_example(images):
    forward, grad_cam, together, maps = our_maps(BACKBONE, images)
    example, example_maps = keras_io_maps(BACKBONE, images)
    assert all(min(cost.wall_s, cost.cpu_s) > 0 for cost in (forward, grad_cam, together, example))
    np.testing.assert_allclose(maps, example_maps, atol=1e-4)
    np.testing.assert_allclose(maps.max(axis=(1, 2)), 1)


def test_lots_of_a_batch_is_that_of_the_eager_loop(images):
    ours, maps = our_lots(RESIDUAL, images, 3)
    loop, loop_maps = eager_lots(RESIDUAL, images, 3)
    assert all(min(cost.wall_s, cost.cpu_s) > 0 for cost in (ours, loop))
    np.testing.assert_allclose(maps, loop_maps, atol=1e-3)
    np.testing.assert_allclose(maps.max(axis=(1, 2)), 1)
