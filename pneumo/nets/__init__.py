"""Networks: each module offers `build(settings, image_size_px, seed)`; `build_network` finds it by the settings' class.

Every model takes grey values (N, H, W, 1) in 0..255 and rescales inside. A classifier ends in `Dense(1, name="logit")` and a
float32 sigmoid `probability` of PNEUMONIA; the U-Net ends in a sigmoid `probability` of lung at each pixel.
"""

from functools import singledispatch

import keras

from pneumo.config import Backbone, Cnn, Network, ResidualCnn, UNet
from pneumo.nets import backbone, cnn, residual, unet


@singledispatch
def build_network(settings: Network, image_size_px: int, seed: int) -> keras.Model:  # noqa: ARG001 (the registered ones use them)
    """Build the network of a recipe.

    Raises:
        ValueError: the image is too small for it.
        UserError: its pretrained weights cannot be loaded.
    """
    raise TypeError(f"no network is registered for {type(settings).__name__}")


build_network.register(Cnn, cnn.build)
build_network.register(ResidualCnn, residual.build)
build_network.register(Backbone, backbone.build)
build_network.register(UNet, unet.build)
