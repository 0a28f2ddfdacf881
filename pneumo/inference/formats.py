"""Formats of exported models: each is written, and run by its own runtime."""

import math
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pneumo.config import Format
from pneumo.errors import UserError
from pneumo.inference.network import KerasNetwork, Network, OnnxNetwork, Outputs, named_outputs
from pneumo.nets.outputs import with_outputs

Pixels = npt.NDArray[np.uint8]
INPUT, SIGNATURE = "radiograph", "serving_default"


class ModelFormat(NamedTuple):
    """How a model in float32 is written to a file or folder, and how that is opened to be run."""

    write: Callable[[keras.Model, Path], None]
    open: Callable[[Path], Network]
    packages: tuple[str, ...]
    """That convert and run it, besides TensorFlow and Keras."""


def in_float32(model: keras.Model) -> keras.Model:
    """Return the same network with the same weights, all of whose layers compute in float32, also those of nested models."""
    rebuilt = _clone(model, _layer_in_float32)
    rebuilt.set_weights(model.get_weights())
    return rebuilt


def write_model(format_: Format, model: keras.Model, file: Path) -> None:
    """Write a model in float32 to a file, or for a SavedModel to a folder.

    Raises:
        UserError: a package that converts it is not installed.
    """
    with _needs_packages(format_), _without_chatter():
        MODEL_FORMATS[format_].write(model, file)


def write_int8(model: keras.Model, file: Path, calibration: Pixels) -> None:
    """Write a model for LiteRT whose weights and activations have eight bits; it takes and returns float32 as the others do.

    Args:
        calibration: (N, S, S) radiographs, from which the ranges of the activations are taken.
    """

    def batches() -> Iterator[list[npt.NDArray[np.float32]]]:
        for radiograph in calibration:
            yield [radiograph[None, ..., None].astype(np.float32)]

    with _without_chatter():
        _export(
            model,
            file,
            "litert",
            optimizations=[tf.lite.Optimize.DEFAULT],
            representative_dataset=batches,
            # An operation without an implementation in int8 is an error, where otherwise it would stay in float32.
            target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        )


def open_model(format_: Format, file: Path) -> Network:
    """Open an exported model in its own runtime.

    Raises:
        UserError: the runtime is not installed.
    """
    with _needs_packages(format_), _without_chatter():
        return MODEL_FORMATS[format_].open(file)


class LiteRtNetwork:
    """A model of a LiteRT bundle."""

    def __init__(self, file: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - of the extra `export`

        # The interpreter is kept: the runner of its signature holds no reference to it.
        self._interpreter = Interpreter(str(file), num_threads=os.cpu_count())
        self._run = self._interpreter.get_signature_runner()

    def __call__(self, pixels: Pixels) -> Outputs:
        """Score radiographs, (N, S, S), grey values in 0..255."""
        return named_outputs(self._run(**{INPUT: pixels[..., None].astype(np.float32)}))


class SavedModelNetwork:
    """The signature of a SavedModel."""

    def __init__(self, folder: Path) -> None:
        # The model is kept: its signature holds no reference to the variables.
        self._model = tf.saved_model.load(str(folder))
        self._run = self._model.signatures[SIGNATURE]

    def __call__(self, pixels: Pixels) -> Outputs:
        """Score radiographs, (N, S, S), grey values in 0..255."""
        outputs = self._run(**{INPUT: tf.constant(pixels[..., None].astype(np.float32))})
        return named_outputs({name: value.numpy() for name, value in outputs.items()})


def _clone(model: keras.Model, layer_function: Callable[[keras.Operation], keras.Operation]) -> keras.Model:
    # Keras would keep the precision of the inputs: those of a nested `Sequential` round to bfloat16 where it was trained so.
    def as_float32(tensor: keras.KerasTensor) -> keras.KerasTensor:
        return keras.Input(batch_shape=tensor.shape, dtype="float32", name=tensor.name)

    # A Sequential has no `input` until it is called.
    given = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    inputs = keras.tree.map_structure(as_float32, given)
    return keras.models.clone_model(model, input_tensors=inputs, clone_function=layer_function)


def _layer_in_float32(layer: keras.Operation) -> keras.Operation:
    if isinstance(layer, keras.Model):
        return in_float32(layer)
    # Operations that are no layers, such as the sums in ConvNeXt, have neither weights nor a precision of their own.
    precision = {"dtype": "float32"} if isinstance(layer, keras.layers.Layer) else {}
    return type(layer).from_config(layer.get_config() | precision)


def _exporter(name: str) -> Callable[[keras.Model, Path], None]:
    """A function that writes a network with all its outputs in one of Keras' formats."""

    def write(model: keras.Model, file: Path) -> None:
        _export(model, file, name)

    return write


def _export(model: keras.Model, file: Path, name: str, **options: Any) -> None:
    signature = [tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32, name=INPUT)]
    with_outputs(model).export(file, format=name, verbose=False, input_signature=signature, **options)


def _write_onnx(model: keras.Model, file: Path) -> None:
    _export(_for_tf2onnx(model), file, "onnx")


def _for_tf2onnx(model: keras.Model) -> keras.Model:
    """Return the same network in float32 without the operations of ConvNeXt that tf2onnx cannot convert.

    Convolutions whose every channel is a group of its own, which Keras has XLA compile, become depthwise convolutions. GELU, which
    TensorFlow computes with Erfc, is computed with Erf.
    """
    rebuilt = _clone(model, _layer_for_tf2onnx)
    # Kernels (H, W, 1, C) become (H, W, C, 1).
    pairs = zip(model.get_weights(), rebuilt.weights, strict=True)
    rebuilt.set_weights([old if old.shape == tuple(new.shape) else old.swapaxes(2, 3) for old, new in pairs])
    return rebuilt


def _layer_for_tf2onnx(layer: keras.Operation) -> keras.Operation:
    if isinstance(layer, keras.Model):
        return _for_tf2onnx(layer)
    if isinstance(layer, keras.layers.Conv2D) and layer.groups == layer.filters > 1 and layer.kernel.shape[2] == 1:
        same = ("kernel_size", "strides", "padding", "dilation_rate", "activation", "use_bias", "name")
        return keras.layers.DepthwiseConv2D(**{option: getattr(layer, option) for option in same}, dtype="float32")
    if isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.gelu:
        return keras.layers.Activation(_gelu, name=layer.name, dtype="float32")
    return _layer_in_float32(layer)


def _gelu(x: Any) -> Any:
    return 0.5 * x * (1 + keras.ops.erf(x / math.sqrt(2)))


def _write_keras(model: keras.Model, file: Path) -> None:
    model.save(file)


MODEL_FORMATS: dict[Format, ModelFormat] = {
    "keras": ModelFormat(_write_keras, KerasNetwork.open, ()),
    "onnx": ModelFormat(_write_onnx, OnnxNetwork, ("onnx", "tf2onnx", "onnxruntime")),
    "litert": ModelFormat(_exporter("litert"), LiteRtNetwork, ("ai-edge-litert",)),
    "savedmodel": ModelFormat(_exporter("tf_saved_model"), SavedModelNetwork, ()),
}


@contextmanager
def _needs_packages(format_: Format) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        packages = ", ".join(MODEL_FORMATS[format_].packages)
        raise UserError(f"--format {format_} needs the packages {packages}: pip install 'pneumo[export]'") from error


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Hold back what converters and runtimes write on standard output and error, and show it where they fail.

    TensorFlow's converter and LiteRT's interpreter write to the file descriptors, whatever the level of logging.
    """
    streams: tuple[Any, ...] = (sys.stdout, sys.stderr)
    for stream in streams:
        stream.flush()
    screens = [os.dup(descriptor) for descriptor in (1, 2)]
    with tempfile.TemporaryFile() as written, warnings.catch_warnings():
        # tf2onnx uses what NumPy and protobuf have deprecated.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        for descriptor in (1, 2):
            os.dup2(written.fileno(), descriptor)
        failed = True
        try:
            yield
            failed = False
        finally:
            for stream in streams:
                stream.flush()
            for descriptor, screen in enumerate(screens, start=1):
                os.dup2(screen, descriptor)
                os.close(screen)
            if failed:
                written.seek(0)
                sys.stderr.write(written.read().decode(errors="replace"))
