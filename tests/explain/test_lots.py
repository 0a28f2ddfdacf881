import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from pneumo.config import Cnn
from pneumo.explain.lots import Lots, deep_features, perturbation_maps
from pneumo.nets import cnn, ensemble


@pytest.fixture(scope="module")
def model():
    return cnn.build(Cnn(filters=(4,), dense_units=6), 16)


@pytest.fixture(scope="module")
def images():
    """The first is dark, so that its feature is closer to zero than the others'."""
    radiographs = np.random.default_rng(0).uniform(0, 255, (5, 16, 16, 1)).astype(np.float32)
    radiographs[0] /= 10
    return radiographs


def reference(model, image, target, *, tolerance, step_grey, steps):
    """Algorithm 1 of Weber (2023) for one image, and the number of its steps."""
    features = keras.Model(model.input, model.get_layer("dense").output)
    current = tf.constant(image[None])
    for step in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(current)
            difference = features(current) - target
            loss = tf.reduce_sum(difference**2) / 2
        if tf.norm(difference) <= tolerance:
            return current[0], step
        gradient = tape.gradient(loss, current)
        current = tf.clip_by_value(current - gradient * (step_grey / tf.reduce_max(tf.abs(gradient))), 0, 255)
    return current[0], steps


def test_each_image_of_a_batch_ends_as_it_would_alone(model, images):
    lots = Lots(model, tolerance=0.15, step_grey=2, steps=60)
    synthesized, distances = lots.synthesize(images)
    references = [reference(model, image, np.zeros(6, np.float32), tolerance=0.15, step_grey=2, steps=60) for image in images]
    for image, (expected, _) in zip(synthesized, references, strict=True):
        np.testing.assert_allclose(image, expected, atol=0.02)
    steps = np.array([number for _, number in references])
    assert len(set(steps)) > 2
    assert ((synthesized >= 0) & (synthesized <= 255)).all()
    np.testing.assert_array_equal(steps < 60, distances <= 0.15)


def test_an_image_whose_feature_is_the_target_is_unchanged_and_its_map_is_empty(model, images):
    lots, target = Lots(model, steps=5), deep_features(model)(images[:1]).numpy()
    synthesized, distances = lots.synthesize(images[:1], target[0])
    assert distances == 0
    np.testing.assert_array_equal(synthesized, images[:1])
    assert not lots.maps(images[:1], target)[0].any()


def test_each_image_approaches_its_own_target(model, images):
    lots, features = Lots(model, tolerance=0.02, steps=40), deep_features(model)
    targets = features(images[::-1]).numpy()
    before = np.linalg.norm(features(images) - targets, axis=1)
    after = np.linalg.norm(features(lots.synthesize(images, targets)[0]) - targets, axis=1)
    # The one in the middle is its own target.
    moved = [0, 1, 3, 4]
    assert (after[moved] < before[moved]).all()


def test_the_mean_of_a_class_is_a_target(model, images):
    maps, _ = Lots(model, steps=3).maps(images, deep_features(model)(images[2:]).numpy().mean(axis=0))
    assert maps.shape == (5, 16, 16)
    np.testing.assert_allclose(maps.max(axis=(1, 2)), 1)
    np.testing.assert_allclose(maps.min(axis=(1, 2)), 0, atol=1e-6)


def test_an_image_that_activates_no_unit_is_unchanged():
    inputs = keras.Input((4, 4, 1))
    dead = layers.Dense(2, activation="relu", bias_initializer=keras.initializers.Constant(-1e6))(layers.Flatten()(inputs))
    model = keras.Model(inputs, layers.Activation("sigmoid")(layers.Dense(1, name="logit")(dead)))
    synthesized, distances = Lots(model).synthesize(np.full((2, 4, 4, 1), 100), np.ones(2, np.float32))
    np.testing.assert_array_equal(synthesized, 100)
    np.testing.assert_allclose(distances, np.sqrt(2))


def test_the_logit_is_a_weighted_sum_of_the_feature(model, images):
    kernel, bias = model.get_layer("logit").get_weights()
    logit = keras.Model(model.input, model.get_layer("logit").output)(images)
    np.testing.assert_allclose(deep_features(model)(images) @ kernel + bias, logit, rtol=1e-4, atol=1e-5)


def test_the_feature_of_an_ensemble_is_the_concatenation_of_its_members_features(model, images, tmp_path):
    other = cnn.build(Cnn(filters=(3,), dense_units=5), 16, seed=1)
    ensemble.build([model, other]).save(tmp_path / "ensemble.keras")
    loaded = keras.saving.load_model(tmp_path / "ensemble.keras")
    expected = np.concatenate([deep_features(member)(images) for member in (model, other)], axis=1)
    np.testing.assert_allclose(deep_features(loaded)(images), expected, rtol=1e-5)
    assert Lots(loaded, steps=2).maps(images)[0].shape == (5, 16, 16)


@pytest.fixture
def changed():
    """A pair in which two pixels of the first image differ, by -4 and 2, and none of the second."""
    before = np.full((2, 32, 32, 1), 100, np.float32)
    after = before.copy()
    after[0, 8, 20] -= 4
    after[0, 24, 4] += 2
    return before, after


def test_a_map_is_the_blurred_change_whatever_its_sign(changed):
    first, unchanged = perturbation_maps(*changed)
    assert not unchanged.any()
    assert np.unravel_index(first.argmax(), first.shape) == (8, 20)
    assert first[24, 4] == pytest.approx(0.5)
    # A kernel of 7 px around each of the two.
    assert np.count_nonzero(first) == 2 * 7**2
    np.testing.assert_allclose(first[8, 17:24], first[5:12, 20], rtol=1e-5)


def test_the_standard_deviation_of_the_blur_follows_from_its_kernel(changed):
    line = perturbation_maps(*changed)[0, 8, 17:24]
    deviation_px = 0.3 * (3 - 1) + 0.8
    np.testing.assert_allclose(line, np.exp(-(np.arange(-3, 4) ** 2) / (2 * deviation_px**2)), rtol=1e-4)


@pytest.mark.parametrize(("side_px", "kernel_px"), [(224, 49), (128, 29), (32, 7), (2, 1)])
def test_the_kernel_is_49_px_at_224_and_in_proportion_elsewhere(side_px, kernel_px):
    before, after = np.zeros((1, side_px, side_px, 1), np.float32), np.zeros((1, side_px, side_px, 1), np.float32)
    after[0, side_px // 2, side_px // 2] = 1
    assert np.count_nonzero(perturbation_maps(before, after)) == kernel_px**2
