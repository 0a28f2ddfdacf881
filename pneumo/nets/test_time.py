"""Test-time augmentation inside a model: the mean of a network's logits over several views of each image."""

import keras
from keras import layers

from pneumo.config import TestTimeViews

SHIFT_FRACTION = 0.03
_VIEWS: dict[int, TestTimeViews] = {2: "mirror", 10: "shifts"}
"""By number of views."""


def with_views(network: keras.Model, views: TestTimeViews) -> keras.Model:
    """A model whose logit is the mean of a network's logits over views of the image; the first view is the image itself.

    Args:
        network: from (N, H, W, 1), grey values in 0..255, with a layer named `logit`.
        views: mirror, the image and its mirror image; shifts, both of them, also shifted by 3 % of the side in each direction, with
            black where nothing is known.

    Returns:
        Model from (N, H, W, 1) to (N, 1), the probability of PNEUMONIA; for "none", the network itself.
    """
    if views == "none":
        return network
    inputs = keras.Input(network.inputs[0].shape[1:], name="radiograph")
    to_logit = keras.Model(network.inputs[0], network.get_layer("logit").output, name="network")
    shifted = [inputs, *(_shifts(inputs) if views == "shifts" else [])]
    images = [view for image in shifted for view in (image, keras.ops.flip(image, axis=2))]
    logit = layers.Average(dtype="float32", name="logit")([to_logit(image) for image in images])
    return keras.Model(inputs, layers.Activation("sigmoid", dtype="float32", name="probability")(logit), name=network.name)


def views_of(model: keras.Model) -> TestTimeViews:
    """Return the views whose logits a model averages; "none" of another model."""
    nested = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    logit = model.get_layer("logit")
    if len(nested) > 1 or not isinstance(logit, layers.Average):
        return "none"
    return _VIEWS[len(logit.input)]


def _shifts(images: keras.KerasTensor) -> list[keras.KerasTensor]:
    """The images shifted down, up, right and left."""
    distance = max(1, round(SHIFT_FRACTION * images.shape[1]))
    before, after = (distance, 0), (0, distance)
    padding = [(before, (0, 0)), (after, (0, 0)), ((0, 0), before), ((0, 0), after)]
    return [
        layers.Cropping2D(tuple(sides[::-1] for sides in pad), name=f"crop_{direction}")(
            layers.ZeroPadding2D(pad, name=f"shift_{direction}")(images)
        )
        for direction, pad in zip(("down", "up", "right", "left"), padding, strict=True)
    ]
