import keras
import numpy as np
import pytest
from keras import layers

from pneumo.explain.activations import ActivationModel
from pneumo.explain.cam import (
    METHODS,
    class_activation_maps,
    grad_cam_plus_plus,
    hires_cam,
    labels,
    layer_cam,
    resize_maps,
    smooth_grad_cam_plus_plus,
)


def gradcam(explained, images, target):
    return class_activation_maps(explained, images, target)["grad-cam"]


def linear_model(bias=0.0, gain=(1.0, -2.0)):
    """Two channels, proportional to the image, pooled and weighted: every gradient is known."""
    inputs = keras.Input((6, 6, 1))
    features = layers.Conv2D(2, 1, activation="relu", use_bias=False, name="features")(inputs)
    logit = layers.Dense(1, name="logit")(layers.GlobalAveragePooling2D()(features))
    model = keras.Model(inputs, layers.Activation("sigmoid", name="probability")(logit))
    model.get_layer("features").set_weights([np.array([[[[1.0, 0.5]]]])])
    model.get_layer("logit").set_weights([np.array([[gain[0]], [gain[1]]]), np.array([bias])])
    return model


@pytest.fixture
def image():
    return np.random.default_rng(0).uniform(0, 1, (1, 6, 6, 1))


@pytest.mark.parametrize(("gain", "target", "sign"), [((3.0, -2.0), "PNEUMONIA", 1), ((1.0, -4.0), "NORMAL", -1)])
def test_gradcam_is_the_closed_form_of_a_linear_model(image, gain, target, sign):
    maps = gradcam(ActivationModel(linear_model(gain=gain)), image, target)
    # Every gradient is gain / 36, so the map is the weighted sum of the channels x and x / 2.
    expected = np.maximum(0, sign * (gain[0] * image + gain[1] * image / 2) / 36)[..., 0]
    np.testing.assert_allclose(maps, expected, rtol=1e-5)
    assert maps.max() > 0


def test_a_map_without_evidence_is_empty_for_one_class_but_not_for_the_other(image):
    explained = ActivationModel(linear_model(gain=(-1.0, -1.0)))
    assert not gradcam(explained, image, "PNEUMONIA").any()
    assert gradcam(explained, image, "NORMAL").any()


def test_a_saturated_probability_does_not_blank_the_map(image):
    certain = linear_model(bias=80.0, gain=(1.0, 1.0))
    assert certain(image).numpy() == 1.0
    modest = linear_model(gain=(1.0, 1.0))
    np.testing.assert_allclose(
        gradcam(ActivationModel(certain), image, "PNEUMONIA"), gradcam(ActivationModel(modest), image, "PNEUMONIA")
    )


def test_a_frozen_model_has_the_same_maps(image):
    model = linear_model()
    before = gradcam(ActivationModel(model), image, "NORMAL")
    model.trainable = False
    np.testing.assert_array_equal(gradcam(ActivationModel(model), image, "NORMAL"), before)


@pytest.fixture
def random_layer():
    random = np.random.default_rng(2)
    return random.uniform(0, 1, (3, 4, 5, 6)).astype(np.float32), random.normal(0, 1, (3, 4, 5, 6)).astype(np.float32)


def test_each_image_is_explained_for_its_own_class(image):
    explained, pair = ActivationModel(linear_model(gain=(3.0, -2.0))), np.concatenate([image, 1 - image])
    mixed = gradcam(explained, pair, labels(np.array([0.7, 0.2]) >= 0.5))
    np.testing.assert_allclose(mixed[0], gradcam(explained, pair, "PNEUMONIA")[0])
    np.testing.assert_allclose(mixed[1], gradcam(explained, pair, "NORMAL")[1])
    assert mixed[0].any()
    assert not mixed[1].any()


@pytest.mark.parametrize("bias", [-1000.0, 1000.0])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_every_method_is_defined_for_constant_images_and_saturated_logits(bias, value):
    explained = ActivationModel(linear_model(bias=bias))
    for name, maps in class_activation_maps(explained, np.full((2, 6, 6, 1), value), "PNEUMONIA", METHODS).items():
        assert np.isfinite(maps).all(), name
        assert (maps >= 0).all(), name
        assert not np.ptp(maps), name


def test_a_layer_without_activity_gives_empty_maps_by_every_method():
    for name, maps in class_activation_maps(ActivationModel(linear_model()), np.zeros((2, 6, 6, 1)), "NORMAL", METHODS).items():
        assert not maps.any(), name


def test_maps_do_not_depend_on_the_batch():
    explained = ActivationModel(linear_model(gain=(3.0, 1.0)))
    images = np.random.default_rng(3).uniform(0, 255, (40, 6, 6, 1))
    together = class_activation_maps(explained, images, "PNEUMONIA", METHODS)
    alone = class_activation_maps(explained, images[37:38], "PNEUMONIA", METHODS)
    for name in METHODS:
        np.testing.assert_allclose(alone[name][0], together[name][37], rtol=1e-5, err_msg=name)


def test_random_weights_are_uniform_differ_between_images_and_come_from_the_seed(monkeypatch):
    weights = []
    monkeypatch.setitem(METHODS, "random-cam", METHODS["random-cam"]._replace(combine=lambda a, w: weights.append(w) or a[..., 0]))
    images = np.random.default_rng(3).uniform(0, 255, (400, 6, 6, 1))
    for seed in (0, 0, 1):
        class_activation_maps(ActivationModel(linear_model()), images, "PNEUMONIA", ["random-cam"], seed=seed)
    first, again, other = np.concatenate(weights).reshape(3, 400, 2)
    np.testing.assert_array_equal(first, again)
    assert not np.isclose(first, other).any()
    assert np.abs(first).max() <= 1
    np.testing.assert_allclose(np.quantile(first, [0.25, 0.5, 0.75]), [-0.5, 0, 0.5], atol=0.1)
    assert len(np.unique(first)) == first.size


def test_smooth_grad_cam_plus_plus_of_copies_without_noise_is_grad_cam_plus_plus(random_layer):
    activations, gradients = random_layer
    smooth = smooth_grad_cam_plus_plus(activations, np.stack([gradients] * 3))
    np.testing.assert_allclose(smooth, grad_cam_plus_plus(activations, gradients), rtol=1e-5)


def test_smooth_grad_cam_plus_plus_follows_its_definition(random_layer):
    activations, gradients = random_layer
    copies = np.stack([gradients, gradients + 0.3, gradients - 0.1]).astype(float)
    first, second, third = (np.mean(copies**power, axis=0) for power in (1, 2, 3))
    expected = np.zeros(activations.shape[:3])
    for image, row, column, channel in np.ndindex(activations.shape):
        derivatives = [moment[image, row, column, channel] for moment in (first, second, third)]
        denominator = 2 * derivatives[1] + activations[image, ..., channel].sum() * derivatives[2]
        if derivatives[0] > 0 and denominator > 0:
            expected[image] += derivatives[1] / denominator * derivatives[0] * activations[image, ..., channel]
    np.testing.assert_allclose(smooth_grad_cam_plus_plus(activations, copies.astype(np.float32)), expected, rtol=1e-3)


def test_grad_cam_plus_plus_is_finite_where_the_denominator_vanishes():
    gradients = np.array([[[[0.0, 0.5, 1e-30]]]], np.float32)
    for activations in (np.zeros((1, 1, 1, 3)), np.full((1, 1, 1, 3), -4.0), np.full((1, 1, 1, 3), 1e20)):
        assert np.isfinite(grad_cam_plus_plus(activations.astype(np.float32), gradients)).all()


def test_layer_cam_ignores_negative_evidence_and_hires_cam_subtracts_it():
    activations, gradients = np.ones((1, 1, 1, 2), np.float32), np.array([[[[3.0, -1.0]]]], np.float32)
    np.testing.assert_allclose(layer_cam(activations, gradients), [[[3]]])
    np.testing.assert_allclose(hires_cam(activations, gradients), [[[2]]])


def test_resizing_preserves_constants_and_the_position_of_the_maximum():
    assert resize_maps(np.full((1, 3, 3), 2.0, np.float32), 30, 30) == pytest.approx(2.0)
    peaked = np.zeros((1, 5, 5), np.float32)
    peaked[0, 1, 3] = 1
    resized = resize_maps(peaked, 50, 50)[0]
    row, column = np.unravel_index(resized.argmax(), resized.shape)
    assert (row // 10, column // 10) == (1, 3)
