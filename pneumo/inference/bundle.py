"""An exported bundle: a folder with a model and everything that its predictions need, which takes no registry.

`bundle.json` is the record below; beside it are the model, `refusal.npz` of the detector of what is no frontal radiograph, and
`README.md`. Importing this module takes neither TensorFlow nor MLflow.
"""

from pathlib import Path

from pneumo.config import Format
from pneumo.errors import UserError
from pneumo.evaluation.frontal_detector import FrontalDetector
from pneumo.evaluation.scores import Result
from pneumo.files import file_sha256, printable
from pneumo.inference.specification import Specification
from pneumo.results.files import parse_result

MODEL: dict[Format, str] = {"keras": "model.keras", "onnx": "model.onnx", "litert": "model.tflite", "savedmodel": "model"}
"""File of the model, or its folder; with float32 weights."""
INT8_MODEL = "model_int8.tflite"
RECORD, REFUSAL, README = "bundle.json", "refusal.npz", "README.md"
REMEDY = "export the model again with `pneumo export`"


class Parity(Result):
    """How the exported model, run by its own runtime, differs from the network in Keras; all in float32."""

    radiographs: int
    """Of the training and validation parts."""
    probability: float
    """Largest difference of probability."""
    features: float
    """Largest difference of a feature, as a share of the largest feature."""
    spread: float | None
    """Largest difference of an ensemble's spread, as a share of the largest or else of one logit; None of a single network."""
    registered: float
    """Largest difference of probability between the network in float32 and in the precision in which it was registered."""


class Int8(Result):
    """The model with weights and activations of eight bits, compared with the one in float32 on validation."""

    calibration_radiographs: int
    """Of the training part, from which the ranges of the activations are taken."""
    radiographs: int
    """Of the validation part, on which the following is measured."""
    auroc: float | None
    """None where one class alone is there."""
    auroc_float32: float | None
    agreement: float
    """Share of radiographs with the same decision at the threshold, 0..1."""
    probability: float
    """Largest difference of probability from float32."""


class Bundle(Specification):
    """What a bundle holds."""

    format: Format
    files: dict[str, str]
    """SHA-256 of the model's files, and of the detector's where there is one, by their paths in the folder."""
    software: dict[str, str]
    """Versions by package, of those that converted and verified it."""
    parity: Parity
    int8: Int8 | None
    """None of other formats than litert."""
    card: str
    """Model card, in Markdown."""


def read_bundle(folder: Path) -> Bundle:
    """Read the record of a bundle, and check that its files are those that were exported.

    Raises:
        UserError: a file is missing or has changed, or the record is damaged or of an incompatible version.
    """
    file = folder / RECORD
    bundle = parse_result(_read(file), Bundle, str(file), REMEDY)
    model = MODEL[bundle.format]
    if not any(name == model or name.startswith(f"{model}/") for name in bundle.files):
        raise UserError(f"{printable(file)} names no {model}: {REMEDY}")
    for name, sha256 in bundle.files.items():
        _check(folder / name, sha256)
    return bundle


def read_detector(folder: Path, bundle: Bundle) -> FrontalDetector | None:
    """Read the detector of a bundle whose files were checked; None where it has none.

    Raises:
        UserError: it is not one of this version.
    """
    if REFUSAL not in bundle.files:
        return None
    file = folder / REFUSAL
    try:
        return FrontalDetector.from_bytes(_read(file))
    except ValueError as error:
        raise UserError(f"{printable(file)} cannot be read by this version of pneumo: {REMEDY}") from error


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a folder, by its path in it with forward slashes, sorted."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file_sha256(file) for file in files}


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(f"{printable(file)}: {error.strerror or error}; {REMEDY}") from error


def _check(file: Path, sha256: str) -> None:
    try:
        found = file_sha256(file)
    except OSError as error:
        raise UserError(f"{printable(file)}: {error.strerror or error}; {REMEDY}") from error
    if found != sha256:
        raise UserError(f"{printable(file)} is not the file that was exported (sha256 differs): {REMEDY}")
