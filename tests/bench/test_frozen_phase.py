import keras
import numpy as np
import pytest

from pneumo.bench.transfer import our_frozen_phase, plain_frozen_phase
from pneumo.config import Augmentation, Backbone, Fit, Transfer
from pneumo.training.features import Radiographs

# Without augmentation one view is all views, so that both ways see the same images.
UNCHANGED = Augmentation(rotation_degrees=0, shift_fraction=0, shear_degrees=0, zoom_fraction=0, horizontal_flip=False)
RECIPE = Transfer(
    image_size_px=32,
    augmentation=UNCHANGED,
    network=Backbone(architecture="VGG16", weights="none", head_units=(8,), head_dropout=0),
    fit=Fit(epochs=3, batch_size=8, optimizer="adam", precision="float32"),
    views=1,
)


def test_both_ways_learn_the_same_head_from_the_same_images():
    random = np.random.default_rng(0)
    y_true = np.arange(24) % 2
    pixels = random.integers(0, 100, (24, 32, 32), dtype=np.uint8)
    pixels[y_true == 1, :16] += 100
    radiographs = Radiographs(pixels, "f00d", np.arange(16), np.arange(16, 24))
    (ours, our_auroc), (plain, plain_auroc) = (
        phase(RECIPE, radiographs, y_true) for phase in (our_frozen_phase, plain_frozen_phase)
    )
    assert our_auroc == pytest.approx(plain_auroc)
    assert min(ours.wall_s, ours.cpu_s, plain.wall_s, plain.cpu_s) > 0


@pytest.fixture(autouse=True)
def float32_afterwards():
    yield
    keras.config.set_dtype_policy("float32")
