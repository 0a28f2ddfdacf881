"""Plain CNNs: blocks of convolution and max-pooling, then one dense layer."""

import keras
from keras import layers

from pneumo.config import Cnn
from pneumo.nets.seeds import Seeds


def build(settings: Cnn, image_size_px: int, seed: int = 0, dropout: type[layers.Dropout] = layers.Dropout) -> keras.Model:
    """Blocks of 3 × 3 convolution, ReLU and 2 × 2 max-pooling, one dense layer, one logit.

    Convolutions are unpadded, as in the reference systems. Rescaling is part of the model; the logit and the probability are
    float32 under every dtype policy, because a bfloat16 probability has three digits.

    Args:
        seed: of the initial weights and of dropout.
        dropout: class of the dropout layers; a search uses one whose rate is a variable.

    Returns:
        Model from (N, H, W, 1), grey values in 0..255, to (N, 1), the probability of PNEUMONIA.

    Raises:
        ValueError: the image is too small for so many blocks.
    """
    seeds = Seeds(seed)
    inputs = keras.Input((image_size_px, image_size_px, 1), name="radiograph")
    x = layers.Rescaling(1 / 255, name="rescale")(inputs)
    for index, filters in enumerate(settings.filters, start=1):
        x = layers.Conv2D(filters, 3, activation="relu", kernel_initializer=_glorot(seeds), name=f"convolution_{index}")(x)
        x = layers.MaxPooling2D(2, name=f"pool_{index}")(x)
        if settings.convolution_dropout:
            x = dropout(settings.convolution_dropout, seed=seeds.draw(), name=f"convolution_dropout_{index}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(settings.dense_units, activation="relu", kernel_initializer=_glorot(seeds), name="dense")(x)
    if settings.dense_dropout:
        x = dropout(settings.dense_dropout, seed=seeds.draw(), name="dense_dropout")(x)
    logit = layers.Dense(1, kernel_initializer=_glorot(seeds), dtype="float32", name="logit")(x)
    return keras.Model(inputs, layers.Activation("sigmoid", dtype="float32", name="probability")(logit), name="cnn")


def _glorot(seeds: Seeds) -> keras.initializers.Initializer:
    return keras.initializers.GlorotUniform(seeds.draw())
