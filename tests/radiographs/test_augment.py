import numpy as np
import pytest
import tensorflow as tf
from keras.src.legacy.preprocessing.image import apply_affine_transform
from scipy.ndimage import convolve1d

from pneumo.config import Augmentation
from pneumo.radiographs.augment import RandomAffine, RandomPhotometry, affine_transforms, augmentation_layers, blurred

NONE = Augmentation(rotation_degrees=0, shift_fraction=0, shear_degrees=0, zoom_fraction=0, horizontal_flip=False)
SEED = tf.constant([1, 2], tf.int64)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (4, 24, 24, 1), dtype=np.uint8)


@pytest.mark.parametrize(
    "change",
    [
        {"theta": 17},
        {"tx": 3.5, "ty": -2},
        {"shear": 12},
        {"zx": 1.2, "zy": 0.8},
        {"theta": -20, "tx": 2, "ty": 4, "shear": 5, "zx": 0.9, "zy": 1.15},
    ],
)
def test_the_affine_transform_equals_that_of_image_data_generator(images, change):
    # Square images: for others, Keras itself exchanges the centre's row and column.
    image = images[0].astype(np.float32)
    given = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1} | change
    expected = apply_affine_transform(image, **given, row_axis=0, col_axis=1, channel_axis=2, fill_mode="nearest", order=1)
    value = {name: tf.constant([number], tf.float32) for name, number in given.items()}
    transforms = affine_transforms(
        rotation=value["theta"] * np.pi / 180,
        shift_columns=value["tx"],
        shift_rows=value["ty"],
        shear=value["shear"] * np.pi / 180,
        zoom_columns=value["zx"],
        zoom_rows=value["zy"],
        height_px=tf.constant(24.0),
        width_px=tf.constant(24.0),
    )
    ours = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=transforms,
        output_shape=(24, 24),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )[0]
    np.testing.assert_allclose(ours, expected, atol=0.1)


def test_zero_ranges_give_no_layers():
    assert augmentation_layers(NONE) == []
    assert [type(layer) for layer in augmentation_layers(Augmentation(gamma_log_range=0.1))] == [RandomAffine, RandomPhotometry]


def test_a_flip_alone_gives_the_image_or_its_mirror_image(images):
    many = np.repeat(images[:1], 40, axis=0)
    flipped = RandomAffine(NONE.model_copy(update={"horizontal_flip": True}))(many, seed=SEED).numpy()
    mirrored = np.isclose(flipped, images[0][:, ::-1], atol=1e-2).all(axis=(1, 2, 3))
    unchanged = np.isclose(flipped, images[0], atol=1e-2).all(axis=(1, 2, 3))
    assert (mirrored ^ unchanged).all()
    assert 8 <= mirrored.sum() <= 32


def test_the_transform_depends_on_the_seed_alone(images):
    layer = RandomAffine(Augmentation())
    np.testing.assert_array_equal(layer(images, seed=SEED), layer(images, seed=SEED))
    assert not np.allclose(layer(images, seed=SEED), layer(images, seed=SEED + 1))


def test_the_images_of_a_batch_are_transformed_independently(images):
    changed = RandomAffine(Augmentation())(np.repeat(images[:1], 4, axis=0), seed=SEED).numpy()
    assert len({image.tobytes() for image in changed}) == 4


def test_the_aspect_ratio_changes_at_constant_area():
    disc = np.hypot(*np.mgrid[-32:32, -32:32]) < 12
    radiographs = np.repeat(disc[None, ..., None] * np.float32(255), 64, axis=0)
    stretched = RandomAffine(NONE.model_copy(update={"aspect_log_range": 0.6}))(radiographs, seed=SEED).numpy()[..., 0] > 127
    heights, widths = stretched.any(axis=2).sum(axis=1), stretched.any(axis=1).sum(axis=1)
    logs = np.log(heights / widths)
    assert np.abs(logs).max() <= 0.6 + 0.1
    assert logs.min() < -0.3
    assert logs.max() > 0.3
    np.testing.assert_allclose(stretched.sum(axis=(1, 2)), disc.sum(), rtol=0.05)


def test_pixels_beyond_the_edge_are_filled_as_configured():
    white = np.full((16, 16, 16, 1), 255, np.uint8)
    shifting = NONE.model_copy(update={"shift_fraction": 0.5})
    assert RandomAffine(shifting)(white, seed=SEED).numpy().min() == 255
    assert RandomAffine(shifting.model_copy(update={"fill": "constant"}))(white, seed=SEED).numpy().min() == 0


def test_photometry_preserves_the_order_and_the_range_of_grey_values(images):
    layer = RandomPhotometry(Augmentation(contrast_fraction=0.3, brightness_fraction=0.2, gamma_log_range=0.4))
    changed = layer(images, seed=SEED).numpy()
    assert changed.min() >= 0
    assert changed.max() <= 255
    for before, after in zip(images, changed, strict=True):
        assert (np.diff(after.ravel()[np.argsort(before, axis=None)]) >= -1e-3).all()
        assert not np.allclose(before, after, atol=1)


def test_photometry_with_zero_ranges_changes_nothing(images):
    np.testing.assert_allclose(RandomPhotometry(NONE)(images, seed=SEED), images, atol=1e-3)


def test_the_blur_is_the_binomial_filter_with_mirrored_edges(images):
    taps = np.array([1, 4, 6, 4, 1]) / 16
    expected = convolve1d(convolve1d(images.astype(float), taps, axis=1), taps, axis=2)
    np.testing.assert_allclose(blurred(tf.cast(images, tf.float32)), expected, atol=1e-3)


def test_sharpness_moves_an_image_away_from_its_blurred_copy_or_towards_it():
    image = np.tile(np.random.default_rng(0).integers(80, 170, (1, 24, 24, 1)), (64, 1, 1, 1)).astype(np.float32)
    changed = RandomPhotometry(NONE.model_copy(update={"sharpness_fraction": 1}))(image, seed=SEED).numpy()
    detail = image - blurred(tf.constant(image)).numpy()
    strengths = ((changed - image) * detail).sum(axis=(1, 2, 3)) / (detail**2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(changed, image + strengths[:, None, None, None] * detail, atol=0.01)
    assert strengths.min() < -0.8
    assert strengths.max() > 0.8
