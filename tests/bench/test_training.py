import numpy as np
import pytest

from pneumo.bench.training import our_frozen_phase, plain_frozen_phase
from pneumo.config import NO_AUGMENTATION, Backbone, Fit, TransferRecipe
from tests.tiny_datasets import tiny_dataset

RECIPE = TransferRecipe(
    image_size_px=32,
    # All views are equal, so that both phases see the same images.
    augmentation=NO_AUGMENTATION,
    network=Backbone(architecture="VGG16", weights="none", head_units=(8,), head_dropout=0),
    fit=Fit(epochs=3, batch_size=8, optimizer="adam", precision="float32"),
    views=1,
)


def test_both_phases_learn_the_same_head_from_the_same_images(tmp_path):
    random = np.random.default_rng(0)
    y_true = np.arange(24) % 2
    pixels = random.integers(0, 100, (24, 32, 32), dtype=np.uint8)
    pixels[y_true == 1, :16] += 100
    dataset = tiny_dataset(tmp_path, pixels, y_true, ["training"] * 16 + ["validation"] * 8)
    (ours, our_auroc), (plain, plain_auroc) = (phase(RECIPE, dataset) for phase in (our_frozen_phase, plain_frozen_phase))
    assert our_auroc == pytest.approx(plain_auroc)
    assert min(ours.wall_s, ours.cpu_s, plain.wall_s, plain.cpu_s) > 0
