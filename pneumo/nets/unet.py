"""A small U-Net (Ronneberger et al. 2015) that segments the lungs of grey images."""

import keras
from keras import layers

from pneumo.config import UNet
from pneumo.nets.seeds import Seeds


def build(settings: UNet, image_size_px: int, seed: int = 0) -> keras.Model:
    """Levels of two 3 × 3 convolutions, halved by max-pooling on the way down, and joined by skip connections on the way up.

    As in the paper, but with padded convolutions, so that the output has the size of the input, batch normalization, and bilinear
    upsampling in place of transposed convolutions, whose checkerboard pattern would show at the lungs' outline.

    Args:
        seed: of the initial weights.

    Returns:
        Model from (N, H, W, 1), grey values in 0..255, to (N, H, W, 1), the probability of lung, float32.

    Raises:
        ValueError: the side is not divisible by 2 for each level but the first.
    """
    factor = 2 ** (len(settings.filters) - 1)
    if image_size_px % factor:
        raise ValueError(f"{len(settings.filters)} levels need a side that is a multiple of {factor} px, not {image_size_px}")
    seeds = Seeds(seed)
    inputs = keras.Input((image_size_px, image_size_px, 1), name="radiograph")
    x = layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(inputs)
    skipped = []
    for level, filters in enumerate(settings.filters, start=1):
        if level > 1:
            x = layers.MaxPooling2D(2, name=f"pool_{level}")(x)
        x = _two_convolutions(x, filters, seeds, f"down_{level}")
        skipped.append(x)
    for level in range(len(settings.filters) - 1, 0, -1):
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"upsample_{level}")(x)
        x = layers.Concatenate(name=f"skip_{level}")([x, skipped[level - 1]])
        x = _two_convolutions(x, settings.filters[level - 1], seeds, f"up_{level}")
    initializer = keras.initializers.GlorotUniform(seeds.draw())
    logit = layers.Conv2D(1, 1, kernel_initializer=initializer, dtype="float32", name="logit")(x)
    return keras.Model(inputs, layers.Activation("sigmoid", dtype="float32", name="probability")(logit), name="unet")


def _two_convolutions(x: keras.KerasTensor, filters: int, seeds: Seeds, name: str) -> keras.KerasTensor:
    for number in (1, 2):
        initializer = keras.initializers.HeNormal(seeds.draw())
        x = layers.Conv2D(
            filters, 3, padding="same", use_bias=False, kernel_initializer=initializer, name=f"{name}_convolution_{number}"
        )(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm_{number}")(x)
        x = layers.Activation("relu", name=f"{name}_relu_{number}")(x)
    return x
