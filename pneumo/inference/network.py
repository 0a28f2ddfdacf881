"""Networks behind a predictor: of Keras, or of ONNX Runtime without TensorFlow."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import keras

# Names of the outputs, as `pneumo.nets.outputs` gives them; that module imports Keras.
PROBABILITY, FEATURES, SPREAD = "probability", "features", "spread"


class Outputs(NamedTuple):
    """What a network says of a batch of N radiographs."""

    score: npt.NDArray[np.float64]
    """(N,), probability of PNEUMONIA before temperature scaling."""
    features: npt.NDArray[np.float32]
    """(N, D), the input of the logit layer."""
    spread: npt.NDArray[np.float64] | None
    """(N,), standard deviation of the logits of an ensemble's members; None of a single network."""


class Network(Protocol):
    """A network that scores radiographs."""

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Outputs:
        """Score radiographs, (N, S, S), grey values in 0..255."""


class KerasNetwork:
    """A Keras model, compiled once for batches of any size."""

    def __init__(self, model: "keras.Model") -> None:
        import tensorflow as tf  # noqa: PLC0415 - seconds, and not installed where only ONNX bundles are run

        from pneumo.nets.outputs import with_outputs  # noqa: PLC0415

        self.model = model
        network = with_outputs(model)
        signature = [tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32)]
        self._infer = tf.function(lambda images: network(images, training=False), input_signature=signature).get_concrete_function()
        self._constant = tf.constant

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Outputs:
        """Score radiographs, (N, S, S), grey values in 0..255."""
        outputs = self._infer(self._constant(pixels[..., None].astype(np.float32)))
        return _outputs({name: value.numpy() for name, value in outputs.items()})


class OnnxNetwork:
    """A model of an ONNX bundle."""

    def __init__(self, file: Path) -> None:
        import onnxruntime  # noqa: PLC0415 - of the extra `onnx`

        self._session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]
        self._input = self._session.get_inputs()[0].name

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Outputs:
        """Score radiographs, (N, S, S), grey values in 0..255."""
        values = self._session.run(self._names, {self._input: pixels[..., None].astype(np.float32)})
        return _outputs(dict(zip(self._names, values, strict=True)))


def _outputs(named: dict[str, npt.NDArray[np.float32]]) -> Outputs:
    spread = named[SPREAD][:, 0].astype(np.float64) if SPREAD in named else None
    return Outputs(named[PROBABILITY][:, 0].astype(np.float64), named[FEATURES], spread)
