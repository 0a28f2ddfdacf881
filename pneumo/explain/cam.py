"""Where a network looked: class activation maps.

One unit explains PNEUMONIA; NORMAL is the negated logit. Gradients are taken at the logit, never at the probability: a confident
sigmoid is flat, and would blank exactly the mistakes one wants to see.
"""

from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pneumo.errors import UserError

Label = Literal["NORMAL", "PNEUMONIA"]
Maps = npt.NDArray[np.float32]

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
# Their output is not an activation of its own: a pooled, thinned or padded copy of the layer before.
_COPIES = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D, keras.layers.Dropout, keras.layers.ZeroPadding2D)
_RANK_OF_IMAGES = 4


@dataclass(frozen=True)
class ExplainableModel:
    """A model that shows one of its layers.

    Attributes:
        layer: name of the layer whose activations are explained.
        model: from (N, H, W, 1) to the layer's activations (N, h, w, c) and the logit (N, 1).
    """

    layer: str
    model: keras.Model


def explainable(model: keras.Model, layer: str | None = None) -> ExplainableModel:
    """Open a model at a convolutional activation, also where its backbone is a model of its own inside it.

    `get_layer` does not see inside a nested model, and a nested layer's `.output` belongs to the graph it was built in. So the
    backbone is opened on its own and the outer layers are put around it again.

    Args:
        model: has a layer named `logit`; its layers follow one another, one of them may be a whole model.
        layer: name of the layer to explain; none: the last convolutional activation before pooling.

    Raises:
        UserError: there is no such layer, or no spatial one.
    """
    nested = next((one for one in model.layers if isinstance(one, keras.Model)), None)
    target = _spatial_layer(nested or model, layer)
    if nested is None:
        return ExplainableModel(target.name, keras.Model(model.input, [target.output, model.get_layer("logit").output]))
    position = model.layers.index(nested)
    before, following = model.layers[position - 1], model.layers[position + 1]
    opened = keras.Model(nested.input, [target.output, nested.outputs[0]])
    activations, features = opened(before.output)
    logit = keras.Model(following.input, model.get_layer("logit").output)(features)
    return ExplainableModel(target.name, keras.Model(model.input, [activations, logit]))


def gradcam(explained: ExplainableModel, images: np.ndarray, target: Label) -> Maps:
    """Where each image argues for `target`, by Grad-CAM (Selvaraju et al. 2017, equations 1 and 2).

    Args:
        images: (N, H, W, 1), grey values in 0..255.

    Returns:
        (N, h, w) at the layer's own resolution, not negative; all zeros where nothing argues for it.
    """
    activations, gradients = _activations_and_gradients(explained, images, target)
    weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
    maps: Maps = tf.nn.relu(tf.reduce_sum(weights * activations, axis=-1)).numpy()
    return maps


def resize_maps(maps: Maps, height_px: int, width_px: int) -> Maps:
    """Bring maps (N, h, w) to the size of their images, bilinearly between the centres of cells: the one way used everywhere."""
    resized: Maps = tf.image.resize(maps[..., None], (height_px, width_px), method="bilinear")[..., 0].numpy()
    return resized


def _activations_and_gradients(explained: ExplainableModel, images: np.ndarray, target: Label) -> tuple[tf.Tensor, tf.Tensor]:
    """Activations of the layer and the gradient of the target's logit with respect to them, float32, (N, h, w, c) each."""
    inputs = tf.convert_to_tensor(images, tf.float32)
    with tf.GradientTape() as tape:
        # Without this a model whose weights are all frozen leaves nothing on the tape.
        tape.watch(inputs)
        activations, logit = explained.model(inputs, training=False)
        score = logit if target == "PNEUMONIA" else -logit
    gradients = tape.gradient(score, activations)
    return tf.cast(activations, tf.float32), tf.cast(gradients, tf.float32)


def _spatial_layer(model: keras.Model, name: str | None) -> keras.layers.Layer:
    first = next((index for index, one in enumerate(model.layers) if isinstance(one, _CONVOLUTIONS)), len(model.layers))
    spatial = [one for one in model.layers[first:] if len(one.output.shape) == _RANK_OF_IMAGES and not isinstance(one, _COPIES)]
    if not spatial:
        raise UserError(f"Model `{model.name}` has no convolutional layer, so there is nothing to draw a map of")
    if name is None:
        return spatial[-1]
    for one in spatial:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in spatial)
    raise UserError(f"`gradcam.layer`: model `{model.name}` has no convolutional layer named `{name}`; it has {names}")
