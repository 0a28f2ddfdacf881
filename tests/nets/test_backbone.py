import inspect
import socket
import time

import keras
import numpy as np
import pytest
from scipy.special import expit

from pneumo.config import Backbone
from pneumo.errors import UserError
from pneumo.explain.activations import ActivationModel
from pneumo.explain.cam import class_activation_maps
from pneumo.nets import backbone, imagenet

SIZE_PX = 32
SETTINGS = Backbone(weights="none", head_units=(4,))


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return backbone.build(SETTINGS, SIZE_PX)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0, 255, (4, SIZE_PX, SIZE_PX, 1)).astype(np.float32)


def statistics(model):
    return [weight.numpy() for weight in model.get_layer(backbone.BACKBONE).weights if "moving" in weight.path]


MODULES = {
    "ResNet50": keras.applications.resnet,
    "InceptionV3": keras.applications.inception_v3,
    "Xception": keras.applications.xception,
    "VGG16": keras.applications.vgg16,
    "DenseNet121": keras.applications.densenet,
}
# Of the networks that refuse SIZE_PX.
SMALLEST_PX = {"InceptionV3": 75, "Xception": 71}


@pytest.mark.parametrize("architecture", MODULES)
def test_preprocessing_equals_that_of_keras_applications(architecture, images):
    size_px = SMALLEST_PX.get(architecture, SIZE_PX)
    built = backbone.build(Backbone(architecture=architecture, weights="none"), size_px)
    grey = np.resize(images, (2, size_px, size_px, 1))
    ours = keras.Model(built.input, built.get_layer("preprocessing").output)(grey)
    theirs = MODULES[architecture].preprocess_input(np.repeat(grey, 3, axis=-1))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)


def test_preprocessing_of_convnext_equals_its_own_layer(images):
    built = backbone.build(Backbone(architecture="ConvNeXtTiny", weights="none"), SIZE_PX)
    ours = keras.Model(built.input, built.get_layer("preprocessing").output)(images)
    theirs = keras.applications.ConvNeXtTiny(include_top=False, weights=None, input_shape=(SIZE_PX, SIZE_PX, 3))
    normalise = next(layer for layer in theirs.layers if isinstance(layer, keras.layers.Normalization))
    np.testing.assert_allclose(ours, normalise(np.repeat(images, 3, axis=-1)), rtol=1e-5, atol=1e-4)


def test_preprocessing_and_features_stay_in_float32_under_a_mixed_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        built = backbone.build(Backbone(architecture="VGG16", weights="none"), SIZE_PX)
    finally:
        keras.config.set_dtype_policy("float32")
    assert built.get_layer(backbone.BACKBONE).layers[1].compute_dtype == "bfloat16"
    for name in ("grey_in_three_channels", "preprocessing", backbone.FEATURES, "head_dense_1", "logit", "probability"):
        assert built.get_layer(name).compute_dtype == "float32"


def test_a_reloaded_model_gives_the_same_scores_and_keeps_its_statistics_even_when_called_for_training(model, images, tmp_path):
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(reloaded(images), model(images))
    before = statistics(reloaded)
    backbone.unfreeze(reloaded, 1.0)
    reloaded(images, training=True)
    assert len(before) > 50
    for one, other in zip(before, statistics(reloaded), strict=True):
        np.testing.assert_array_equal(one, other)


def test_features_and_head_together_are_the_whole_model(model, images):
    head = backbone.build_head(SETTINGS, 2048)
    head.set_weights([weight + 0.01 for weight in head.get_weights()])
    backbone.put_on(head, model)
    np.testing.assert_allclose(head(backbone.feature_extractor(model)(images)), model(images), rtol=1e-5)


def test_the_upper_layers_are_unfrozen_except_batch_normalization(model):
    assert {weight.path.split("/")[0] for weight in model.trainable_weights} == {"head_dense_1", "logit"}
    backbone.unfreeze(model, 0.5)
    layers = model.get_layer(backbone.BACKBONE).layers
    trainable = [index for index, layer in enumerate(layers) if layer.trainable and layer.weights]
    assert min(trainable) >= len(layers) // 2
    assert not [layers[index] for index in trainable if isinstance(layers[index], keras.layers.BatchNormalization)]
    convolutions = [index for index, layer in enumerate(layers) if isinstance(layer, keras.layers.Conv2D)]
    assert trainable == [index for index in convolutions if index >= len(layers) - round(0.5 * len(layers))]
    model.get_layer(backbone.BACKBONE).trainable = False


def test_grad_cam_finds_the_last_activation_inside_the_backbone(model, images):
    explained = ActivationModel(model)
    assert explained.layer == "conv5_block3_out"
    np.testing.assert_allclose(expit(explained.logits(images)), model(images)[:, 0], rtol=1e-4)
    assert class_activation_maps(explained, images, "NORMAL")["grad-cam"].shape == (4, 1, 1)


def test_weights_saved_by_keras_are_loaded_and_those_of_another_network_are_refused(tmp_path):
    keras.utils.set_random_seed(7)
    saved = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(SIZE_PX, SIZE_PX, 3))
    file = tmp_path / "own.weights.h5"
    saved.save_weights(file)
    loaded = backbone.build(Backbone(weights=file), SIZE_PX).get_layer(backbone.BACKBONE)
    for one, other in zip(loaded.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(UserError, match=r"own\.weights\.h5 does not hold the weights of VGG16 .*give another file"):
        backbone.build(Backbone(architecture="VGG16", weights=file), SIZE_PX)


@pytest.mark.parametrize("content", [None, b"no weights"])
def test_a_file_without_weights_is_refused_in_one_line(tmp_path, content):
    file = tmp_path / "weights.h5"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"`network.weights`: .*weights\.h5 .*give") as raised:
        backbone.build(Backbone(weights=file), SIZE_PX)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("architecture", "smallest_px"), SMALLEST_PX.items())
def test_an_image_too_small_for_the_backbone_is_refused(architecture, smallest_px):
    message = rf"{architecture} refuses {smallest_px - 1} px \(Input size must be at least {smallest_px}x{smallest_px}"
    with pytest.raises(UserError, match=message):
        backbone.build(Backbone(architecture=architecture, weights="none"), smallest_px - 1)


def offline():
    try:
        socket.getaddrinfo("storage.googleapis.com", 443)
    except OSError:
        return True
    return False


@pytest.mark.skipif(not offline(), reason="with a network the weights are fetched")
def test_without_a_network_the_error_names_the_file_and_its_place_within_seconds(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    started = time.monotonic()
    with pytest.raises(UserError) as raised:
        backbone.build(Backbone(), SIZE_PX)
    assert time.monotonic() - started < 2 * imagenet.TIMEOUT_SECONDS
    message = str(raised.value)
    name = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert f"https://storage.googleapis.com/tensorflow/keras-applications/resnet/{name} at {tmp_path}/models/{name}" in message
    assert "`network.weights`" in message
    assert "\n" not in message
    assert not list((tmp_path / "models").iterdir())


def test_a_damaged_file_in_the_cache_of_keras_is_named_and_not_touched(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    file = tmp_path / "models" / "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    file.parent.mkdir()
    file.write_text("truncated")
    with pytest.raises(UserError, match="is damaged or not the ImageNet weights of ResNet50"):
        backbone.build(Backbone(), SIZE_PX)
    assert file.read_text() == "truncated"


@pytest.mark.parametrize("architecture", imagenet.FILES)
def test_addresses_and_digests_are_those_that_keras_uses(architecture):
    module = inspect.getmodule(inspect.unwrap(getattr(keras.applications, architecture)))
    source = inspect.getsource(module).replace('"\n    "', "").replace('f"', "")
    folder, name = imagenet.FILES[architecture].path.split("/")
    assert f"{imagenet.ADDRESS}{folder}/" in source
    assert imagenet.FILES[architecture].digest in source
    assert name.removeprefix("resnet50").removeprefix("convnext_tiny") in source


def test_the_cache_is_that_of_keras():
    from keras.src.backend.config import keras_home  # noqa: PLC0415 - not public

    assert str(imagenet.keras_cache()) == f"{keras_home()}/models"
