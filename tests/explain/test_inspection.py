import io

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from pneumo.config import Cnn, ResidualCnn
from pneumo.errors import UserError
from pneumo.explain.activations import explainable
from pneumo.explain.cam import class_activation_maps
from pneumo.explain.inspection import CHANNELS, LAYERS, inspect
from pneumo.figures.inspection import WIDTH_PX, draw
from pneumo.nets import cnn, ensemble, residual

SIDE_PX = 32


@pytest.fixture(autouse=True)
def _the_same_initial_weights():
    keras.utils.set_random_seed(0)


FILM = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX), dtype=np.uint8)


def plain():
    return cnn.build(Cnn(filters=(10, 4), dense_units=4), SIDE_PX)


def of_residual_blocks(stages=(3, 4), blocks=1, seed=0):
    model = residual.build(ResidualCnn(filters=stages, blocks=blocks), SIDE_PX, seed=seed)
    # A new block passes on its input alone; trained ones do not.
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


@pytest.mark.parametrize(("build", "target"), [(plain, "NORMAL"), (of_residual_blocks, "PNEUMONIA"), (nested, "NORMAL")])
def test_every_layers_grad_cam_is_that_of_the_model_opened_there(build, target):
    model = build()
    found = inspect(model, FILM, target)
    assert found.layers_in_all == len(found.layers)
    for layer in found.layers:
        expected = class_activation_maps(explainable(model, layer.name), FILM[None, ..., None], target)["grad-cam"][0]
        np.testing.assert_allclose(layer.grad_cam, expected, rtol=1e-3, atol=1e-6, err_msg=layer.name)


def test_the_layers_are_those_that_end_in_an_activation():
    assert [layer.name for layer in inspect(plain(), FILM, "NORMAL").layers] == ["convolution_1", "convolution_2"]
    assert [layer.name for layer in inspect(nested(), FILM, "NORMAL").layers] == ["inner_1", "inner_2"]
    blocks = [f"stage_{stage}_block_1_relu_{number}" for stage in (1, 2) for number in (1, 2)]
    assert [layer.name for layer in inspect(of_residual_blocks(), FILM, "NORMAL").layers] == ["stem_relu", *blocks]


def test_the_strongest_channels_come_first():
    model = plain()
    activations = keras.Model(model.inputs[0], model.get_layer("convolution_1").output)(FILM[None, ..., None])[0].numpy()
    layer = inspect(model, FILM, "PNEUMONIA").layers[0]
    assert (layer.channels, len(layer.strongest)) == (10, CHANNELS)
    assert layer.strongest.tolist() == np.argsort(-activations.mean(axis=(0, 1)), kind="stable")[:CHANNELS].tolist()
    np.testing.assert_allclose(layer.activations, np.moveaxis(activations, -1, 0)[layer.strongest], rtol=1e-4, atol=1e-6)


def test_a_radiograph_is_convolved_with_the_kernels_also_where_a_backbone_sees_it_three_times():
    model = nested()
    found = inspect(model, FILM, "PNEUMONIA")
    assert (found.kernel_layer, found.kernels.shape) == ("inner_1", (4, 5, 5))
    corner = FILM[:5, :5] / 255
    expected = np.maximum(0, (found.kernels * corner).sum(axis=(1, 2)))[found.layers[0].strongest]
    np.testing.assert_allclose(found.layers[0].activations[:, 0, 0], expected, rtol=1e-4, atol=1e-6)


def test_of_many_layers_some_are_chosen_evenly_with_the_first_and_the_last():
    found = inspect(of_residual_blocks(blocks=4), FILM, "PNEUMONIA")
    assert (found.layers_in_all, len(found.layers)) == (17, LAYERS)
    names = [layer.name for layer in found.layers]
    assert (names[0], names[-1], len(set(names))) == ("stem_relu", "stage_2_block_4_relu_2", LAYERS)


def test_of_an_ensemble_the_first_network_is_inspected():
    networks = [of_residual_blocks(stages=(3,), seed=seed) for seed in (0, 1)]
    found, alone = (inspect(model, FILM, "PNEUMONIA") for model in (ensemble.build(networks), networks[0]))
    assert (found.networks, alone.networks) == (2, 1)
    np.testing.assert_array_equal(found.kernels, alone.kernels)
    for layer, expected in zip(found.layers, alone.layers, strict=True):
        np.testing.assert_allclose(layer.grad_cam, expected.grad_cam, rtol=1e-4, atol=1e-7)


def test_a_model_without_a_convolution_is_refused():
    inputs = keras.Input((SIDE_PX, SIDE_PX, 1))
    logit = layers.Dense(1, name="logit")(layers.Flatten()(inputs))
    with pytest.raises(UserError, match="nothing to draw a map of"):
        inspect(keras.Model(inputs, layers.Activation("sigmoid")(logit)), FILM, "NORMAL")


GREY = np.full((20, 40), 128, np.uint8)


def drawn(*arguments):
    with Image.open(io.BytesIO(draw(*arguments))) as picture:
        return np.asarray(picture.convert("RGB"))


def radiographs_in(picture):
    """Where grey radiographs, one below the other, are drawn at the left, as arrays (h, w, 3)."""
    grey = np.concatenate([[False], (picture[:, 30] == 128).all(axis=-1), [False]])
    starts, ends = np.flatnonzero(np.diff(grey.astype(int))).reshape(-1, 2).T
    found = [picture[start:end] for start, end in zip(starts, ends, strict=True)]
    return [one[:, (one[3] == 128).all(axis=-1)] for one in found if len(one) > 50]


def without_evidence():
    model = plain()
    model.get_layer("logit").set_weights([np.zeros((4, 1)), np.zeros(1)])
    return model


def test_a_picture_is_as_wide_as_any_and_shows_the_radiograph_at_its_own_aspect_ratio():
    picture = drawn(inspect(without_evidence(), FILM, "PNEUMONIA"), "a radiograph", GREY)
    assert picture.shape[1] == WIDTH_PX
    radiographs = radiographs_in(picture)
    assert len(radiographs) == 3
    for radiograph in radiographs:
        assert radiograph.shape[1] / radiograph.shape[0] == pytest.approx(2, rel=0.02)
    assert drawn(inspect(of_residual_blocks(), FILM, "PNEUMONIA"), "a radiograph", GREY).shape[0] > picture.shape[0]


def test_an_empty_map_leaves_the_radiograph_under_a_word_in_white_on_black():
    found = inspect(without_evidence(), FILM, "PNEUMONIA")
    assert not any(layer.grad_cam.any() for layer in found.layers)
    radiograph, *maps = radiographs_in(drawn(found, "a radiograph", GREY))
    assert (radiograph == 128).all()
    for one in maps:
        assert (one == 0).all(axis=-1).any()
        assert (one == 255).all(axis=-1).any()
        assert 0.8 < (one == 128).mean() < 1


def test_a_title_is_never_read_as_mathematics_and_is_broken_where_it_is_long():
    found = inspect(plain(), FILM, "PNEUMONIA")
    short, long = drawn(found, r"$\nonsense{"), drawn(found, "person_" * 40)
    assert long.shape[0] > short.shape[0]
    margin = long[:, -8:]
    assert (margin == 255).all()


def test_the_same_inspection_gives_the_same_bytes():
    found = inspect(plain(), FILM, "NORMAL")
    assert draw(found, "a radiograph") == draw(found, "a radiograph")
