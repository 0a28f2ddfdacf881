"""Backbones of keras.applications with a new head, for two-phase transfer learning."""

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from pneumo.config import Architecture, Backbone
from pneumo.errors import UserError
from pneumo.nets.imagenet import imagenet_weights

BACKBONE, FEATURES = "backbone", "features"
_IMAGENET_MEAN, _IMAGENET_DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
# Input of each pretrained backbone, as scale and offset of grey values in 0..255 by channel. Three equal channels are the same in
# RGB and in BGR, so of Keras' "caffe" mode only the order of the means remains.
_CAFFE = (np.ones(3), -np.array([103.939, 116.779, 123.68]))
_SYMMETRIC = (np.full(3, 1 / 127.5), np.full(3, -1.0))
_STANDARDISED = (1 / (255 * _IMAGENET_DEVIATION), -_IMAGENET_MEAN / _IMAGENET_DEVIATION)
_PREPROCESSING: dict[Architecture, tuple[np.ndarray, np.ndarray]] = {
    "ResNet50": _CAFFE,
    "InceptionV3": _SYMMETRIC,
    "Xception": _SYMMETRIC,
    "VGG16": _CAFFE,
    "DenseNet121": _STANDARDISED,
    "ConvNeXtTiny": _STANDARDISED,
}
# Only ConvNeXt contains its preprocessing: under a mixed policy it would run in bfloat16, which has eight bits for a grey value.
_OPTIONS: dict[Architecture, dict[str, Any]] = {"ConvNeXtTiny": {"include_preprocessing": False}}


def build(settings: Backbone, image_size_px: int, seed: int = 0) -> keras.Model:
    """A frozen backbone with its preprocessing, global average pooling and a dense head.

    The backbone always runs in inference mode: its batch normalization keeps the pretrained statistics. Preprocessing, features and
    head are float32 under every dtype policy, so that features can be cached without loss.

    Args:
        seed: of random initial weights and of dropout; becomes Keras' global seed.

    Returns:
        Model from (N, H, W, 1), grey values in 0..255, to (N, 1), the probability of PNEUMONIA.

    Raises:
        UserError: the image is too small for the backbone, or its weights cannot be loaded.
    """
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((image_size_px, image_size_px, 1), name="radiograph")
    scale, offset = _PREPROCESSING[settings.architecture]
    x = layers.Concatenate(dtype="float32", name="grey_in_three_channels")([inputs, inputs, inputs])
    x = layers.Rescaling(scale.tolist(), offset.tolist(), dtype="float32", name="preprocessing")(x)
    x = _backbone(settings, image_size_px)(x, training=False)
    x = layers.GlobalAveragePooling2D(dtype="float32", name=FEATURES)(x)
    return keras.Model(inputs, _head(settings, x), name=settings.architecture.lower())


def build_head(settings: Backbone, width: int) -> keras.Model:
    """The head alone, from features (N, width) to (N, 1), with the layers and names that it has in the whole model."""
    inputs = keras.Input((width,), name=FEATURES)
    return keras.Model(inputs, _head(settings, inputs), name="head")


def feature_extractor(model: keras.Model) -> keras.Model:
    """The part of a whole model up to the pooled features."""
    return keras.Model(model.input, model.get_layer(FEATURES).output, name="feature_extractor")


def put_on(head: keras.Model, model: keras.Model) -> None:
    """Copy the weights of a separately trained head into a whole model."""
    for layer in head.layers:
        if layer.weights:
            model.get_layer(layer.name).set_weights(layer.get_weights())


def unfreeze(model: keras.Model, fraction: float) -> None:
    """Make the upper layers of the backbone trainable, except batch normalization."""
    backbone = model.get_layer(BACKBONE)
    first = len(backbone.layers) - round(fraction * len(backbone.layers))
    backbone.trainable = True
    for index, layer in enumerate(backbone.layers):
        layer.trainable = index >= first and not isinstance(layer, layers.BatchNormalization)


def _head(settings: Backbone, x: keras.KerasTensor) -> keras.KerasTensor:
    if settings.head_dropout and not settings.head_units:
        x = layers.Dropout(settings.head_dropout, dtype="float32", name="head_dropout")(x)
    for index, units in enumerate(settings.head_units, start=1):
        x = layers.Dense(units, activation="relu", dtype="float32", name=f"head_dense_{index}")(x)
        if settings.head_dropout:
            x = layers.Dropout(settings.head_dropout, dtype="float32", name=f"head_dropout_{index}")(x)
    logit = layers.Dense(1, dtype="float32", name="logit")(x)
    return layers.Activation("sigmoid", dtype="float32", name="probability")(logit)


def _backbone(settings: Backbone, image_size_px: int) -> keras.Model:
    architecture = settings.architecture
    try:
        backbone = getattr(keras.applications, architecture)(
            include_top=False,
            weights=None,
            input_shape=(image_size_px, image_size_px, 3),
            name=BACKBONE,
            **_OPTIONS.get(architecture, {}),
        )
    except ValueError as error:
        raise UserError(f"`image_size_px`: {architecture} refuses {image_size_px} px ({error})") from error
    if settings.weights != "none":
        _load(backbone, imagenet_weights(architecture) if settings.weights == "imagenet" else settings.weights, architecture)
    backbone.trainable = False
    return backbone


def _load(backbone: keras.Model, file: Path, architecture: Architecture) -> None:
    wanted = f"`network.weights`: {file}"
    if not file.is_file():
        raise UserError(f"{wanted} is not a file; give a weights file of {architecture} without its classifier, imagenet or none")
    try:
        with warnings.catch_warnings():
            # For a file that does not fit, Keras warns about every layer container before it raises the error.
            warnings.simplefilter("ignore", UserWarning)
            backbone.load_weights(file)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{wanted} does not hold the weights of {architecture} without its classifier, in Keras' .weights.h5 or .h5 "
            f"({' '.join(str(error).split())[:200]}); give another file, imagenet or none"
        ) from error
