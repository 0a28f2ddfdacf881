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
    """The first is dark, hence nearer to zero than the others."""
    radiographs = np.random.default_rng(0).uniform(0, 255, (5, 16, 16, 1)).astype(np.float32)
    radiographs[0] /= 10
    return radiographs


def one_by_one(model, image, target, *, tolerance, step_grey, steps):
    """Algorithm 1 as it is written, for one image."""
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


def test_a_batch_ends_where_its_images_would_end_one_by_one(model, images):
    lots = Lots(model, tolerance=0.15, step_grey=2, steps=60)
    found = lots.synthesise(images, lots.zero_target())
    for number, image in enumerate(images):
        expected, steps = one_by_one(model, image, np.zeros(6, np.float32), tolerance=0.15, step_grey=2, steps=60)
        assert found.steps[number] == steps
        np.testing.assert_allclose(found.images[number], expected, atol=0.02)
    assert len(set(found.steps)) > 2
    assert ((found.images >= 0) & (found.images <= 255)).all()
    np.testing.assert_array_equal(found.steps < 60, found.distances <= 0.15)


def test_an_image_whose_feature_is_the_target_is_left_alone_and_its_map_is_empty(model, images):
    lots = Lots(model, steps=5)
    found = lots.synthesise(images[:1], lots.features(images[:1])[0])
    assert (found.steps, found.distances) == (0, 0)
    np.testing.assert_array_equal(found.images, images[:1])
    assert not lots.maps(images[:1], lots.features(images[:1])).any()


def test_an_example_of_its_own_for_each_image_draws_it_nearer(model, images):
    lots = Lots(model, tolerance=0.02, steps=40)
    targets = lots.features(images[::-1])
    before = np.linalg.norm(lots.features(images) - targets, axis=1)
    after = np.linalg.norm(lots.features(lots.synthesise(images, targets).images) - targets, axis=1)
    moved = [0, 1, 3, 4]
    assert (after[moved] < before[moved]).all()


def test_a_classs_mean_is_a_target(model, images):
    lots = Lots(model, steps=3)
    maps = lots.maps(images, lots.features(images[2:]).mean(axis=0))
    assert maps.shape == (5, 16, 16)
    np.testing.assert_allclose(maps.max(axis=(1, 2)), 1)
    np.testing.assert_allclose(maps.min(axis=(1, 2)), 0, atol=1e-6)


def test_an_image_that_stirs_no_unit_stops_at_once():
    inputs = keras.Input((4, 4, 1))
    dead = layers.Dense(2, activation="relu", bias_initializer=keras.initializers.Constant(-1e6))(layers.Flatten()(inputs))
    model = keras.Model(inputs, layers.Activation("sigmoid")(layers.Dense(1, name="logit")(dead)))
    lots = Lots(model)
    found = lots.synthesise(np.full((2, 4, 4, 1), 100), np.ones(2, np.float32))
    np.testing.assert_array_equal(found.steps, 0)
    np.testing.assert_allclose(found.distances, np.sqrt(2))


def test_the_feature_is_what_the_logit_is_a_weighed_sum_of(model, images):
    kernel, bias = model.get_layer("logit").get_weights()
    logit = keras.Model(model.input, model.get_layer("logit").output)(images)
    np.testing.assert_allclose(Lots(model).features(images) @ kernel + bias, logit, rtol=1e-4, atol=1e-5)


def test_an_ensembles_feature_is_that_of_its_members_side_by_side(model, images, tmp_path):
    other = cnn.build(Cnn(filters=(3,), dense_units=5), 16, seed=1)
    ensemble.build([model, other]).save(tmp_path / "ensemble.keras")
    lots = Lots(keras.saving.load_model(tmp_path / "ensemble.keras"), steps=2)
    expected = np.concatenate([deep_features(one)(images) for one in (model, other)], axis=1)
    np.testing.assert_allclose(lots.features(images), expected, rtol=1e-5)
    assert lots.maps(images, lots.zero_target()).shape == (5, 16, 16)


@pytest.fixture
def touched():
    before = np.full((2, 32, 32, 1), 100, np.float32)
    after = before.copy()
    after[0, 8, 20] -= 4
    after[0, 24, 4] += 2
    return before, after


def test_a_map_is_the_blurred_change_whatever_its_sign(touched):
    first, untouched = perturbation_maps(*touched, blur_px=5)
    assert not untouched.any()
    assert np.unravel_index(first.argmax(), first.shape) == (8, 20)
    assert first[24, 4] == pytest.approx(0.5)
    # Half a kernel of 5 px around each of the two.
    assert np.count_nonzero(first) == 50
    np.testing.assert_allclose(first[8, 18:23], first[6:11, 20], rtol=1e-5)


def test_the_blur_has_the_width_that_goes_with_its_kernel(touched):
    line = perturbation_maps(*touched, blur_px=7)[0, 8, 17:24]
    deviation_px = 0.3 * (3 - 1) + 0.8
    np.testing.assert_allclose(line, np.exp(-(np.arange(-3, 4) ** 2) / (2 * deviation_px**2)), rtol=1e-4)


@pytest.mark.parametrize(("side_px", "kernel_px"), [(224, 49), (128, 29), (32, 7), (2, 1)])
def test_the_default_kernel_is_49_px_at_224_and_in_proportion_elsewhere(side_px, kernel_px):
    before, after = np.zeros((1, side_px, side_px, 1), np.float32), np.zeros((1, side_px, side_px, 1), np.float32)
    after[0, side_px // 2, side_px // 2] = 1
    np.testing.assert_array_equal(perturbation_maps(before, after), perturbation_maps(before, after, blur_px=kernel_px))


def test_weak_activations_are_left_out_on_demand(touched):
    maps = perturbation_maps(*touched, blur_px=5, threshold=0.6)
    assert maps[0].max() == pytest.approx(1)
    assert maps[maps > 0].min() >= 0.6
    assert not maps[0, 24, 4]


@pytest.mark.parametrize("blur_px", [0, 4])
def test_a_kernel_without_a_centre_is_refused(touched, blur_px):
    with pytest.raises(ValueError, match="has no centre"):
        perturbation_maps(*touched, blur_px=blur_px)
