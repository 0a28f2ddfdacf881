import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import expit

from pneumo.config import Cnn, ResidualCnn
from pneumo.errors import UserError
from pneumo.explain.activations import ActivationModel
from pneumo.explain.cam import METHODS, class_activation_maps
from pneumo.nets import cnn, ensemble, residual

PIXELS = np.random.default_rng(1).uniform(0, 255, (2, 12, 12, 1)).astype(np.float32)


def maps_of(model, images, methods=("grad-cam",)):
    return class_activation_maps(ActivationModel(model), images, "PNEUMONIA", methods)


def assert_same(maps, expected):
    for method, values in expected.items():
        np.testing.assert_allclose(maps[method], values, rtol=1e-3, atol=1e-5, err_msg=method)


def with_probability(inputs, logit):
    return keras.Model(inputs, layers.Activation("sigmoid", name="probability")(logit))


def test_the_default_layer_is_the_last_convolutional_activation_before_pooling():
    model = cnn.build(Cnn(filters=(4, 6), dense_units=4), 20)
    assert ActivationModel(model).layer == "convolution_2"
    assert maps_of(model, np.zeros((3, 20, 20, 1)))["grad-cam"].shape == (3, 7, 7)
    assert ActivationModel(model, "convolution_1").layer == "convolution_1"


def nested_model(seed=0):
    """A backbone in a graph that branches before it and after it."""
    keras.utils.set_random_seed(seed)
    inner_input = keras.Input((12, 12, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="inner_convolution")(inner_input)
    backbone = keras.Model(inner_input, layers.GlobalAveragePooling2D()(x), name="backbone")
    inputs = keras.Input((12, 12, 1))
    features = backbone(layers.Concatenate()([layers.Rescaling(1 / 255)(inputs)] * 3), training=False)
    features = layers.Add()([features, layers.Dense(4)(layers.Dropout(0.5)(features))])
    return with_probability(inputs, layers.Dense(1, name="logit")(features))


def flattened(nested):
    """The same network without nesting, with the same weights."""
    inputs = keras.Input((12, 12, 1))
    x = layers.Conv2D(4, 3, activation="relu")(layers.Concatenate()([layers.Rescaling(1 / 255)(inputs)] * 3))
    features = layers.GlobalAveragePooling2D()(x)
    features = layers.Add()([features, layers.Dense(4)(features)])
    model = with_probability(inputs, layers.Dense(1, name="logit")(features))
    model.set_weights(nested.get_weights())
    return model


def test_a_nested_backbone_is_explained_as_if_it_were_not_nested_also_after_reloading(tmp_path):
    nested = nested_model()
    expected = maps_of(flattened(nested), PIXELS, METHODS)
    nested.save(tmp_path / "nested.keras")
    for model in (nested, keras.saving.load_model(tmp_path / "nested.keras")):
        assert ActivationModel(model).layer == "inner_convolution"
        assert_same(maps_of(model, PIXELS, METHODS), expected)


def test_an_activation_model_leaves_the_model_unchanged(tmp_path):
    model = nested_model()
    before = model(PIXELS)
    for _ in range(2):
        np.testing.assert_allclose(expit(ActivationModel(model).logits(PIXELS)), before[:, 0], rtol=1e-5)
    model.save(tmp_path / "again.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "again.keras")(PIXELS), before)


def test_a_sequential_model_is_explained_as_a_functional_one():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 12, 1))
    x = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(inputs))
    functional = with_probability(inputs, layers.Dense(1, name="logit")(x))
    copies = [layer.__class__.from_config(layer.get_config()) for layer in functional.layers[1:]]
    sequential = keras.Sequential([keras.Input((12, 12, 1)), *copies])
    sequential.set_weights(functional.get_weights())
    assert_same(maps_of(sequential, PIXELS), maps_of(functional, PIXELS))


def residual_network(seed):
    model = residual.build(ResidualCnn(filters=(3, 4), blocks=1), 32, seed=seed)
    random = np.random.default_rng(seed)
    # A new block only passes on its input; trained ones do not.
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.gamma.assign(random.uniform(0.5, 1.5, layer.gamma.shape))
    return model


@pytest.fixture(scope="module")
def radiographs():
    return np.random.default_rng(4).uniform(0, 255, (2, 32, 32, 1)).astype(np.float32)


def test_inside_a_residual_block_the_gradient_excludes_the_shortcut(radiographs):
    model = residual_network(0)
    assert ActivationModel(model).layer == "stage_2_block_1_relu_2"
    [(activations, gradients)] = ActivationModel(model, "stage_2_block_1_relu_1").activations_and_gradients(
        radiographs, np.ones((2, 1), np.float32)
    )
    # For a small change of the layer's output, with the shortcut unchanged, the logit changes along the gradient.
    layer, logit = model.get_layer("stage_2_block_1_convolution_2"), model.get_layer("logit").output
    shortcut = model.get_layer("stage_2_block_1_shortcut_norm").output
    upper = keras.Model([layer.input, shortcut], logit)
    shortcut_values = keras.Model(model.input, shortcut)(radiographs)
    step = 1e-2 * np.random.default_rng(5).normal(size=activations.shape).astype(np.float32)
    changed = upper([activations + step, shortcut_values]) - upper([activations - step, shortcut_values])
    np.testing.assert_allclose(changed[:, 0], 2 * (gradients * step).numpy().sum(axis=(1, 2, 3)), rtol=0.05, atol=1e-4)


def test_logit_and_maps_of_an_ensemble_are_the_means_of_its_members_also_after_reloading(radiographs, tmp_path):
    networks, methods = [residual_network(seed) for seed in (0, 1)], ["grad-cam", "grad-cam++", "layer-cam"]
    member_maps = [maps_of(network, radiographs, methods) for network in networks]
    built = ensemble.build(networks)
    built.save(tmp_path / "ensemble.keras")
    for model in (built, keras.saving.load_model(tmp_path / "ensemble.keras")):
        explained = ActivationModel(model)
        assert explained.layer == "stage_2_block_1_relu_2"
        np.testing.assert_allclose(expit(explained.logits(radiographs)), model(radiographs)[:, 0], rtol=1e-4)
        ensemble_maps = class_activation_maps(explained, radiographs, "PNEUMONIA", methods)
        assert_same(ensemble_maps, {method: np.mean([maps[method] for maps in member_maps], axis=0) for method in methods})


def test_members_of_different_resolution_are_averaged_at_the_finest(radiographs):
    shallow = residual.build(ResidualCnn(filters=(3,), blocks=1), 32)
    deep = residual.build(ResidualCnn(filters=(3, 3), blocks=1), 32)
    explained = ActivationModel(ensemble.build([shallow, deep]))
    assert explained.layer == "stage_1_block_1_relu_2, stage_2_block_1_relu_2"
    maps = class_activation_maps(explained, radiographs, "PNEUMONIA")["grad-cam"]
    assert maps.shape == (2, 8, 8)


def test_an_unknown_layer_is_refused_with_the_existing_names():
    model = cnn.build(Cnn(filters=(4,), dense_units=4), 20)
    with pytest.raises(UserError, match=r"no convolutional layer named `dense`; it has convolution_1$"):
        ActivationModel(model, "dense")


def test_an_unknown_layer_of_an_ensemble_is_refused_with_the_name_of_the_member():
    model = ensemble.build([residual_network(0), residual_network(1)])
    with pytest.raises(UserError, match=r"model `member_1` has no convolutional layer named `nowhere`; it has stem, "):
        ActivationModel(model, "nowhere")


def test_a_model_without_a_convolutional_layer_is_refused():
    inputs = keras.Input((4, 4, 1))
    logit = layers.Dense(1, name="logit")(layers.Flatten()(inputs))
    with pytest.raises(UserError, match="no heatmap can be computed"):
        ActivationModel(keras.Model(inputs, layers.Activation("sigmoid")(logit)))
