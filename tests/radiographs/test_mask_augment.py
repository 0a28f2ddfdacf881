import numpy as np
import pytest
import tensorflow as tf

from pneumo.config import LungAugmentation, Lungs
from pneumo.radiographs.mask_augment import MaskAugmentation

NONE = {"rotation_degrees": 0, "shift_fraction": 0, "shear_degrees": 0, "zoom_fraction": 0, "horizontal_flip": False}
SIDE = 48


@pytest.fixture
def landmark():
    """A bright disc, and its mask, in eight images."""
    disc = np.hypot(*(np.mgrid[:SIDE, :SIDE] - [[[20]], [[28]]])) < 8
    masks = np.repeat(disc[None, ..., None], 8, axis=0)
    return np.where(masks, 220, 40).astype(np.uint8), masks


def changed(images, masks, seed=0, **settings):
    augment = MaskAugmentation(LungAugmentation(**NONE | settings))
    return [tensor.numpy() for tensor in augment(images, masks, tf.constant(seed, tf.int64))]


def test_a_landmark_stays_inside_its_mask(landmark):
    affine = {"rotation_degrees": 20, "shift_fraction": 0.1, "shear_degrees": 8, "zoom_fraction": 0.2, "aspect_log_range": 0.3}
    images, masks = changed(*landmark, **affine, horizontal_flip=True, fill="constant")
    for image, mask in zip(images[..., 0], masks[..., 0] == 1, strict=True):
        bright = image > 130
        assert mask.any()
        assert 2 * (bright & mask).sum() / (bright.sum() + mask.sum()) > 0.9
    assert len({mask.tobytes() for mask in masks}) == 8


def test_photometry_changes_the_image_and_not_the_mask(landmark):
    strong = {"contrast_fraction": 0.5, "gamma_log_range": 0.5, "blur_fraction": 1, "noise_fraction": 0.1, "gradient_fraction": 0.3}
    images, masks = changed(*landmark, **strong)
    np.testing.assert_array_equal(masks, landmark[1])
    assert images.min() >= 0
    assert images.max() <= 255
    assert not np.allclose(images, landmark[0], atol=5)


def test_nothing_is_changed_where_every_range_is_zero(landmark):
    images, masks = changed(*landmark)
    np.testing.assert_allclose(images, landmark[0], atol=1e-3)
    np.testing.assert_array_equal(masks, landmark[1])


def test_a_black_border_also_covers_the_mask(landmark):
    white, whole = np.full_like(landmark[0], 255), np.ones_like(landmark[1])
    images, masks = changed(white, whole, border_fraction=0.4)
    np.testing.assert_array_equal(images > 0, masks == 1)
    assert 0.05 < 1 - masks.mean() < 0.8
    assert (masks[:, 22:26, 22:26] == 1).all()


def test_the_seed_decides_the_changes(landmark):
    settings = Lungs().augmentation.model_dump()
    first, same, other = (changed(*landmark, **settings, seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)
