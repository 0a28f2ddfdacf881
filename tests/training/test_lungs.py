"""Training of the lung segmentation on a few tiny phantoms."""

import numpy as np
import pytest

from pneumo.config import Config, Fit, Lungs, UNet
from pneumo.training.lungs import define_lung_run, held_out_dice, train_lungs, training_batches
from pneumo.training.segment import lung_probabilities, segment

SETTINGS = Lungs(
    image_size_px=32,
    phantoms=20,
    held_out=4,
    network=UNet(filters=(4, 8)),
    fit=Fit(epochs=2, batch_size=8, optimizer="adam", learning_rate=1e-2, precision="float32"),
)


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def run(cache_dir, tmp_path):
    return define_lung_run(SETTINGS, cache_dir, Config(registry={"directory": tmp_path}).registry)


@pytest.fixture
def trained(run, console):
    return train_lungs(run, console)


def test_phantoms_of_training_validation_and_dice_are_different(run):
    parts = (run.training, run.validation, run.held_out)
    assert [len(part.images) for part in parts] == [18, 2, 4]
    assert len({image.tobytes() for part in parts for image in part.images}) == 24


def test_the_loss_falls_and_every_held_out_phantom_has_a_dice_coefficient(trained, run):
    assert trained.history["loss"][1] < trained.history["loss"][0]
    assert len(trained.history["val_iou"]) == 2
    for values in held_out_dice(trained.model, run):
        assert values.shape == (4,)
        assert ((values >= 0) & (values <= 1)).all()


def test_a_finished_training_is_not_repeated(trained, run, console):
    again = train_lungs(run, console)
    assert again.history == trained.history
    images = run.held_out.images[..., None]
    np.testing.assert_array_equal(lung_probabilities(again.model, images), lung_probabilities(trained.model, images))


def test_batches_depend_on_seed_epoch_and_step_alone(run):
    whole = list(training_batches(run.training, SETTINGS, range(2)))
    resumed = list(training_batches(run.training, SETTINGS, range(1, 2)))
    assert len(whole) == 6
    for (images, masks), (other_images, other_masks) in zip(whole[3:], resumed, strict=True):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(masks, other_masks)


def test_masks_of_radiographs_come_with_their_rejections(trained, run):
    lungs = segment(trained.model, run.held_out.images)
    assert lungs.masks.shape == run.held_out.images.shape
    assert len(lungs.rejections) == 4
    np.testing.assert_array_equal(lungs.accepted, [reason is None for reason in lungs.rejections])


def test_settings_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match="multiple of 8 for 4 levels"):
        Lungs(image_size_px=90)
    with pytest.raises(ValueError, match=r"fit\.class_weights must be none"):
        Lungs(fit=Fit(class_weights="balanced"))
