import keras
import numpy as np
import pytest
from keras import layers

from pneumo.config import Cnn, ResidualCnn
from pneumo.errors import UserError
from pneumo.explain.activations import ActivationModel
from pneumo.explain.cam import class_activation_maps, resize_maps
from pneumo.explain.inspection import CHANNELS, LAYERS, inspect
from pneumo.nets import cnn, ensemble, residual

SIDE_PX = 32


@pytest.fixture(autouse=True)
def _fixed_initial_weights():
    keras.utils.set_random_seed(0)


PIXELS = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX), dtype=np.uint8)


def plain():
    return cnn.build(Cnn(filters=(10, 4), dense_units=4), SIDE_PX)


def residual_network(stages=(3, 4), blocks=1, seed=0):
    model = residual.build(ResidualCnn(filters=stages, blocks=blocks), SIDE_PX, seed=seed)
    # A new block only passes on its input; trained ones do not.
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.gamma.assign(np.random.default_rng(seed).uniform(0.5, 1.5, layer.gamma.shape))
    return model


def nested():
    inner = keras.Input((SIDE_PX, SIDE_PX, 3))
    x = layers.Conv2D(4, 5, strides=2, activation="relu", name="inner_1")(inner)
    x = layers.Conv2D(4, 3, activation="relu", name="inner_2")(x)
    backbone = keras.Model(inner, layers.GlobalAveragePooling2D()(x), name="backbone")
    inputs = keras.Input((SIDE_PX, SIDE_PX, 1))
    features = backbone(layers.Concatenate()([layers.Rescaling(1 / 255)(inputs)] * 3), training=False)
    logit = layers.Dense(1, name="logit")(features)
    return keras.Model(inputs, layers.Activation("sigmoid", name="probability")(logit))


@pytest.mark.parametrize(("build", "target"), [(plain, "NORMAL"), (residual_network, "PNEUMONIA"), (nested, "NORMAL")])
def test_grad_cam_of_every_layer_is_that_of_its_activation_model_resized_to_the_radiograph(build, target):
    model, radiograph = build(), np.zeros((48, 64), np.uint8)
    inspection = inspect(model, PIXELS, target, radiograph)
    assert inspection.layers_in_network == len(inspection.layers)
    for layer in inspection.layers:
        maps = class_activation_maps(ActivationModel(model, layer.name), PIXELS[None, ..., None], target)["grad-cam"]
        np.testing.assert_allclose(layer.grad_cam, resize_maps(maps, 48, 64)[0], rtol=1e-3, atol=1e-6, err_msg=layer.name)


def test_the_layers_are_those_that_end_in_an_activation():
    assert [layer.name for layer in inspect(plain(), PIXELS, "NORMAL").layers] == ["convolution_1", "convolution_2"]
    assert [layer.name for layer in inspect(nested(), PIXELS, "NORMAL").layers] == ["inner_1", "inner_2"]
    blocks = [f"stage_{stage}_block_1_relu_{number}" for stage in (1, 2) for number in (1, 2)]
    assert [layer.name for layer in inspect(residual_network(), PIXELS, "NORMAL").layers] == ["stem_relu", *blocks]


def test_the_strongest_channels_come_first():
    model = plain()
    activations = keras.Model(model.inputs[0], model.get_layer("convolution_1").output)(PIXELS[None, ..., None])[0].numpy()
    layer = inspect(model, PIXELS, "PNEUMONIA").layers[0]
    strongest = np.argsort(-activations.mean(axis=(0, 1)), kind="stable")[:CHANNELS]
    assert (layer.channels, len(layer.activations)) == (10, CHANNELS)
    np.testing.assert_allclose(layer.activations, np.moveaxis(activations, -1, 0)[strongest], rtol=1e-4, atol=1e-6)


def test_the_kernels_before_a_backbone_are_those_that_a_radiograph_is_convolved_with():
    inspection = inspect(nested(), PIXELS, "PNEUMONIA")
    assert (inspection.kernel_layer, inspection.kernels.shape) == ("inner_1", (4, 5, 5))
    corner = PIXELS[:5, :5] / 255
    expected = np.maximum(0, (inspection.kernels * corner).sum(axis=(1, 2)))
    assert expected.any()
    np.testing.assert_allclose(np.sort(inspection.layers[0].activations[:, 0, 0]), np.sort(expected), rtol=1e-4, atol=1e-6)


def test_of_many_layers_evenly_spaced_ones_are_selected_with_the_first_and_the_last():
    inspection = inspect(residual_network(blocks=4), PIXELS, "PNEUMONIA")
    assert (inspection.layers_in_network, len(inspection.layers)) == (17, LAYERS)
    names = [layer.name for layer in inspection.layers]
    assert (names[0], names[-1], len(set(names))) == ("stem_relu", "stage_2_block_4_relu_2", LAYERS)


def test_of_an_ensemble_the_first_network_is_inspected():
    networks = [residual_network(stages=(3,), seed=seed) for seed in (0, 1)]
    inspection, alone = (inspect(model, PIXELS, "PNEUMONIA") for model in (ensemble.build(networks), networks[0]))
    assert (inspection.networks, alone.networks) == (2, 1)
    np.testing.assert_array_equal(inspection.kernels, alone.kernels)
    for layer, expected in zip(inspection.layers, alone.layers, strict=True):
        np.testing.assert_allclose(layer.grad_cam, expected.grad_cam, rtol=1e-4, atol=1e-7)


def test_a_model_without_a_convolution_is_refused():
    inputs = keras.Input((SIDE_PX, SIDE_PX, 1))
    logit = layers.Dense(1, name="logit")(layers.Flatten()(inputs))
    with pytest.raises(UserError, match="no heatmap can be computed"):
        inspect(keras.Model(inputs, layers.Activation("sigmoid")(logit)), PIXELS, "NORMAL")
