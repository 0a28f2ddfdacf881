"""A small residual network (He et al. 2016) for grey images, trained from scratch."""

import keras
from keras import layers

from pneumo.config import ResidualCnn
from pneumo.nets.seeds import Seeds


def build(settings: ResidualCnn, image_size_px: int, seed: int = 0) -> keras.Model:
    """A stem of stride 4, then stages of residual blocks, each at half the resolution of the last, global pooling and one logit.

    Features are pooled over the whole image before the logit, so that the network cannot learn where on the image a patient's
    outline ends. Convolutions are padded and followed by batch normalization; the last normalization of every block starts at zero,
    so that each block starts as the identity (Goyal et al. 2017, section 5.1).

    Args:
        seed: of the initial weights and of dropout.

    Returns:
        Model from (N, H, W, 1), grey values in 0..255, to (N, 1), the probability of PNEUMONIA.

    Raises:
        ValueError: the image is too small for so many stages.
    """
    smallest = 4 * 2 ** (len(settings.filters) - 1)
    if image_size_px < smallest:
        raise ValueError(f"{len(settings.filters)} stages need images of at least {smallest} px, not {image_size_px}")
    seeds = Seeds(seed)
    inputs = keras.Input((image_size_px, image_size_px, 1), name="radiograph")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(inputs)
    x = _convolution(x, settings.filters[0], seeds, "stem", size=5, strides=2)
    x = layers.Activation("relu", name="stem_relu")(x)
    x = layers.MaxPooling2D(2, name="stem_pool")(x)
    for stage, filters in enumerate(settings.filters, start=1):
        if stage > 1:
            x = layers.MaxPooling2D(2, name=f"pool_{stage}")(x)
        for block in range(1, settings.blocks + 1):
            x = _block(x, filters, seeds, f"stage_{stage}_block_{block}")
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    if settings.dropout:
        x = layers.Dropout(settings.dropout, seed=seeds.draw(), name="dropout")(x)
    logit = layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seeds.draw()), dtype="float32", name="logit")(x)
    return keras.Model(inputs, layers.Activation("sigmoid", dtype="float32", name="probability")(logit), name="residual_cnn")


def _block(x: keras.KerasTensor, filters: int, seeds: Seeds, name: str) -> keras.KerasTensor:
    """A residual block of two convolutions, with a 1 × 1 convolution as shortcut where the number of channels changes."""
    y = layers.Activation("relu", name=f"{name}_relu_1")(_convolution(x, filters, seeds, f"{name}_convolution_1"))
    y = _convolution(y, filters, seeds, f"{name}_convolution_2", gamma="zeros")
    if x.shape[-1] != filters:
        x = _convolution(x, filters, seeds, f"{name}_shortcut", size=1)
    return layers.Activation("relu", name=f"{name}_relu_2")(layers.Add(name=f"{name}_add")([x, y]))


def _convolution(
    x: keras.KerasTensor, filters: int, seeds: Seeds, name: str, *, size: int = 3, strides: int = 1, gamma: str = "ones"
) -> keras.KerasTensor:
    initializer = keras.initializers.HeNormal(seeds.draw())
    x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False, kernel_initializer=initializer, name=name)(x)
    return layers.BatchNormalization(momentum=0.9, gamma_initializer=gamma, name=f"{name}_norm")(x)
