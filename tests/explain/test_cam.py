import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from pneumo.config import Cnn
from pneumo.errors import UserError
from pneumo.explain.cam import explainable, gradcam, resize_maps
from pneumo.nets import cnn


def linear_model(bias=0.0, gain=(1.0, -2.0)):
    """Two channels, a copy of the image and its negative part, averaged and weighed: every gradient is known."""
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
    maps = gradcam(explainable(linear_model(gain=gain)), image, target)
    # Every gradient is gain / 36, so the map is the weighed sum of the channels x and x / 2.
    expected = np.maximum(0, sign * (gain[0] * image + gain[1] * image / 2) / 36)[..., 0]
    np.testing.assert_allclose(maps, expected, rtol=1e-5)
    assert maps.max() > 0


def test_a_map_without_evidence_is_empty_for_one_class_and_not_for_the_other(image):
    explained = explainable(linear_model(gain=(-1.0, -1.0)))
    assert not gradcam(explained, image, "PNEUMONIA").any()
    assert gradcam(explained, image, "NORMAL").any()


def test_a_saturated_probability_does_not_blank_the_map(image):
    certain = linear_model(bias=80.0, gain=(1.0, 1.0))
    assert certain(image).numpy() == 1.0
    modest = linear_model(gain=(1.0, 1.0))
    np.testing.assert_allclose(gradcam(explainable(certain), image, "PNEUMONIA"), gradcam(explainable(modest), image, "PNEUMONIA"))


def test_a_model_whose_weights_are_all_frozen_is_explained_alike(image):
    model = linear_model()
    before = gradcam(explainable(model), image, "NORMAL")
    model.trainable = False
    np.testing.assert_array_equal(gradcam(explainable(model), image, "NORMAL"), before)


def test_the_default_layer_is_the_last_convolutional_activation_before_pooling():
    model = cnn.build(Cnn(filters=(4, 6), dense_units=4), 20)
    explained = explainable(model)
    assert explained.layer == "convolution_2"
    maps = gradcam(explained, np.zeros((3, 20, 20, 1)), "PNEUMONIA")
    assert maps.shape == (3, 7, 7)
    assert explainable(model, "convolution_1").layer == "convolution_1"


def nested_model(seed=0):
    keras.utils.set_random_seed(seed)
    inner_input = keras.Input((12, 12, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="inner_convolution")(inner_input)
    backbone = keras.Model(inner_input, layers.GlobalAveragePooling2D()(x), name="backbone")
    inputs = keras.Input((12, 12, 1))
    features = backbone(layers.Concatenate()([inputs, inputs, inputs]))
    logit = layers.Dense(1, name="logit")(layers.Dropout(0.5)(features))
    return keras.Model(inputs, layers.Activation("sigmoid", name="probability")(logit))


def flattened(nested):
    """The same network without nesting, with the same weights."""
    inputs = keras.Input((12, 12, 1))
    x = layers.Conv2D(4, 3, activation="relu")(layers.Concatenate()([inputs, inputs, inputs]))
    logit = layers.Dense(1, name="logit")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Activation("sigmoid")(logit))
    model.set_weights(nested.get_weights())
    return model


def test_a_nested_backbone_is_explained_as_if_it_were_not_nested_also_after_reloading(tmp_path):
    nested = nested_model()
    images = np.random.default_rng(1).uniform(0, 255, (2, 12, 12, 1))
    expected = gradcam(explainable(flattened(nested)), images, "PNEUMONIA")
    nested.save(tmp_path / "nested.keras")
    for model in (nested, keras.saving.load_model(tmp_path / "nested.keras")):
        explained = explainable(model)
        assert explained.layer == "inner_convolution"
        np.testing.assert_allclose(gradcam(explained, images, "PNEUMONIA"), expected, rtol=1e-4, atol=1e-6)


def test_the_model_that_shows_a_layer_scores_as_the_model_itself():
    model = nested_model()
    images = np.random.default_rng(1).uniform(0, 255, (2, 12, 12, 1))
    _, logit = explainable(model).model(images)
    np.testing.assert_allclose(tf.sigmoid(logit), model(images), rtol=1e-5)


def test_an_unknown_layer_is_refused_with_the_names_there_are():
    model = cnn.build(Cnn(filters=(4,), dense_units=4), 20)
    with pytest.raises(UserError, match=r"no convolutional layer named `dense`; it has convolution_1$"):
        explainable(model, "dense")


def test_a_model_without_a_spatial_layer_is_refused():
    inputs = keras.Input((4, 4, 1))
    logit = layers.Dense(1, name="logit")(layers.Flatten()(inputs))
    with pytest.raises(UserError, match="nothing to draw a map of"):
        explainable(keras.Model(inputs, layers.Activation("sigmoid")(logit)))


def test_resizing_keeps_constants_and_the_place_of_the_peak():
    assert resize_maps(np.full((1, 3, 3), 2.0, np.float32), 30, 30) == pytest.approx(2.0)
    peaked = np.zeros((1, 5, 5), np.float32)
    peaked[0, 1, 3] = 1
    resized = resize_maps(peaked, 50, 50)[0]
    row, column = np.unravel_index(resized.argmax(), resized.shape)
    assert (row // 10, column // 10) == (1, 3)
