"""An ensemble of networks as one model."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from pneumo.nets.test_time import views_of, with_views


def build(members: Sequence[keras.Model]) -> keras.Model:
    """A model whose logit is the mean of its members' logits, the geometric mean of their odds (Hinton 2002).

    Args:
        members: each from (N, H, W, 1), grey values in 0..255, with a layer named `logit`. Members of a smaller image size than the
            largest get the images resized, bilinearly.

    Returns:
        Model from (N, H, W, 1) of the largest image size to (N, 1), the probability of PNEUMONIA.
    """
    shape = max((member.inputs[0].shape[1:] for member in members), key=lambda shape: shape[0])
    inputs = keras.Input(shape, name="radiograph")
    logits = [_to_logit(member, shape, f"member_{number}")(inputs) for number, member in enumerate(members, start=1)]
    logit = layers.Average(dtype="float32", name="logit")(logits)
    return keras.Model(inputs, layers.Activation("sigmoid", dtype="float32", name="probability")(logit), name="ensemble")


def averages(model: keras.Model) -> bool:
    """Whether the logit is the mean of the logits of nested networks: an ensemble's members, or one network's views."""
    return isinstance(model.get_layer("logit"), layers.Average)


def members(model: keras.Model) -> list[keras.Model]:
    """Return the networks whose logits a model averages, each of which takes the same images; of another model, itself."""
    if not averages(model):
        return [model]
    return [member for layer in model.layers if isinstance(layer, keras.Model) for member in members(layer)]


def _to_logit(member: keras.Model, shape: tuple[int, int, int], name: str) -> keras.Model:
    """The network from images (N, *shape) to its logit; resizes them first where they are not of its own size."""
    if member.inputs[0].shape[1:] == shape:
        return keras.Model(member.inputs[0], member.get_layer("logit").output, name=name)
    if averages(member):
        return _average_to_logit(member, shape, name)
    inputs = keras.Input(shape, name="radiograph")
    resize = layers.Resizing(*member.inputs[0].shape[1:3], interpolation="bilinear", dtype="float32", name="resized")
    # Its `training` is True by default, which would hold for the layers after it where a model is called without, as by exporters.
    resized = resize(inputs, training=False)
    outputs: dict[str, Any] = {}

    def call(layer: layers.Layer, *args: Any, **kwargs: Any) -> Any:
        outputs[layer.name] = layer(*args, **kwargs)
        return outputs[layer.name]

    # Copies of the layers: of one that is in two graphs, `output` is that in the first.
    keras.models.clone_model(member, input_tensors=keras.tree.map_structure(lambda _: resized, member.input), call_function=call)
    model = keras.Model(inputs, outputs["logit"], name=name)
    model.set_weights(keras.Model(member.inputs[0], member.get_layer("logit").output).get_weights())
    return model


def _average_to_logit(member: keras.Model, shape: tuple[int, int, int], name: str) -> keras.Model:
    """The mean that a member is itself, from images (N, *shape) to its logit.

    Each network that it averages resizes the images by itself, so that `members` of the whole take the same images. Views are made
    before resizing.
    """
    # Names of their own: exporters find weights by name, and the whole has a `member_1` as well.
    nested = [layer for layer in member.layers if isinstance(layer, keras.Model)]
    networks = [_to_logit(layer, shape, f"{name}_{layer.name}") for layer in nested]
    if (views := views_of(member)) != "none":
        whole = with_views(networks[0], views)
        return keras.Model(whole.inputs[0], whole.get_layer("logit").output, name=name)
    inputs = keras.Input(shape, name="radiograph")
    return keras.Model(inputs, layers.Average(dtype="float32", name="logit")([network(inputs) for network in networks]), name=name)
