"""Networks behind a predictor: of Keras, or of ONNX Runtime without TensorFlow."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from pneumo.evaluation.scores import FEATURES, PROBABILITY, SPREAD
from pneumo.startup import quiet_start

if TYPE_CHECKING:
    import keras


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
        from pneumo.nets.outputs import compiled  # noqa: PLC0415 - Keras, not there where only ONNX bundles are run

        self.model = model
        self._compute = compiled(model)

    @classmethod
    def open(cls, file: Path) -> Self:
        """Open a saved model."""
        with quiet_start():
            import keras  # noqa: PLC0415 - not there where only ONNX bundles are run

        return cls(keras.saving.load_model(file, compile=False, safe_mode=True))

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> Outputs:
        """Score radiographs, (N, S, S), grey values in 0..255."""
        return named_outputs(self._compute(pixels[..., None].astype(np.float32)))


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
        return named_outputs(dict(zip(self._names, values, strict=True)))


def named_outputs(named: Mapping[str, npt.NDArray[np.float32]]) -> Outputs:
    """Outputs by the names that `pneumo.nets.outputs` gives them."""
    spread = named[SPREAD][:, 0].astype(np.float64) if SPREAD in named else None
    return Outputs(named[PROBABILITY][:, 0].astype(np.float64), named[FEATURES], spread)
