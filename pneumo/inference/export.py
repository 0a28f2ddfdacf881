"""Export of a model: converted, verified by its own runtime, and written as a bundle, or not at all."""

from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from pneumo.config import Format
from pneumo.errors import UserError
from pneumo.files import printable, replace_folder, writing
from pneumo.inference.bundle import INT8_MODEL, MODEL, README, RECORD, REFUSAL, Bundle, Int8, Parity, hashes
from pneumo.inference.formats import MODEL_FORMATS, Pixels, in_float32, open_model, write_int8, write_model
from pneumo.inference.loading import Loaded
from pneumo.inference.network import KerasNetwork, Network, Outputs
from pneumo.inference.readme import readme, run_snippet
from pneumo.results.provenance import software

MOST_DIFFERENT = 1e-4
"""Largest difference of probability, in float32, with which an export is accepted."""
MOST_DIFFERENT_OUTPUT = 1e-3
"""The same of features and spread, in the units of `Parity`."""
BATCH_SIZE = 16


class Registered(NamedTuple):
    """A registered model with what a bundle takes from the registry."""

    model: keras.Model
    loaded: Loaded
    card: str
    """Model card, in Markdown."""


class Radiographs(NamedTuple):
    """Radiographs of a model's own cohort on which an export is calibrated and verified; none of the test split."""

    verification: Pixels
    """(N, S, S), of training and validation."""
    calibration: Pixels
    """(K, S, S), of training."""
    validation: Pixels
    """(M, S, S)."""
    y_true: npt.NDArray[np.int64]
    """(M,), 1 where validation shows PNEUMONIA."""
    example: Path
    """File that the README's snippet is run on."""


def export(folder: Path, format_: Format, registered: Registered, radiographs: Radiographs) -> Bundle:
    """Write a bundle, verify it, and run the snippet of its README.

    Args:
        folder: takes the bundle; an older one in it is replaced when the new one is complete.

    Raises:
        UserError: the exported model differs from the registered one, the folder has other content or cannot be written, or a
            package is not installed. Then the folder stays as it was.
    """
    refuse_other_content(folder)
    with writing(folder, "--output"), replace_folder(folder) as partial:
        bundle = write_bundle(partial, format_, registered, radiographs)
        printed = run_snippet(format_, partial, radiographs.example)
        (partial / README).write_text(readme(bundle, printed, radiographs.example), encoding="utf-8")
    return bundle


def refuse_other_content(folder: Path) -> None:
    """Refuse to replace what is no bundle.

    Raises:
        UserError: the folder is a file, or has other content than a bundle.
    """
    if folder.is_dir() and (not any(folder.iterdir()) or (folder / RECORD).is_file()):
        return
    if folder.exists():
        raise UserError(f"{printable(folder)} exists and is not a bundle, which could be replaced: set another --output")


def write_bundle(folder: Path, format_: Format, registered: Registered, radiographs: Radiographs) -> Bundle:
    """Write model, detector and record to an empty folder.

    Raises:
        UserError: the exported model differs from the registered one, or a package is not installed.
    """
    model, loaded, card = registered
    network, file = in_float32(model), folder / MODEL[format_]
    write_model(format_, network, file)
    exported = open_model(format_, file)
    parity = _parity(*(_run(run, radiographs.verification) for run in (KerasNetwork(network), exported, loaded.network)))
    _refuse_different(parity, format_)
    int8 = None
    if format_ == "litert":
        write_int8(network, folder / INT8_MODEL, radiographs.calibration)
        int8 = _compare_int8(exported, open_model(format_, folder / INT8_MODEL), radiographs, loaded.specification.threshold)
    if loaded.detector is not None:
        (folder / REFUSAL).write_bytes(loaded.detector.to_bytes())
    bundle = Bundle(
        **loaded.specification.model_dump(),
        format=format_,
        files=hashes(folder),
        software=software() | {name: version(name) for name in MODEL_FORMATS[format_].packages},
        parity=parity,
        int8=int8,
        card=card,
    )
    (folder / RECORD).write_text(bundle.model_dump_json(indent=1), encoding="utf-8")
    return bundle


def _run(network: Network, pixels: Pixels) -> Outputs:
    """Score radiographs, (N, S, S), in small batches."""
    batches = [network(pixels[start : start + BATCH_SIZE]) for start in range(0, len(pixels), BATCH_SIZE)]
    scores, features, spreads = zip(*batches, strict=True)
    spread = None if spreads[0] is None else np.concatenate(spreads)
    return Outputs(np.concatenate(scores), np.concatenate(features), spread)


def _parity(reference: Outputs, exported: Outputs, registered: Outputs) -> Parity:
    spread = None
    if reference.spread is not None and exported.spread is not None:
        spread = _largest(reference.spread, exported.spread) / max(1.0, float(reference.spread.max()))
    return Parity(
        radiographs=len(reference.score),
        probability=_largest(reference.score, exported.score),
        features=_largest(reference.features, exported.features) / max(float(np.abs(reference.features).max()), 1e-6),
        spread=spread,
        registered=_largest(reference.score, registered.score),
    )


def _refuse_different(parity: Parity, format_: Format) -> None:
    if parity.probability > MOST_DIFFERENT:
        raise UserError(
            f"the model exported as {format_} differs from the registered one by {parity.probability:.2g} in probability, more "
            f"than {MOST_DIFFERENT:g}: nothing is written; use another --format"
        )
    if max(parity.features, parity.spread or 0) > MOST_DIFFERENT_OUTPUT:
        raise UserError(
            f"the features or the spread of the model exported as {format_} differ from those of the registered one by more than "
            f"{MOST_DIFFERENT_OUTPUT:g}: nothing is written; use another --format"
        )


def _compare_int8(float32: Network, int8: Network, radiographs: Radiographs, threshold: float) -> Int8:
    full, small = (_run(network, radiographs.validation).score for network in (float32, int8))
    both_classes = len(np.unique(radiographs.y_true)) > 1
    return Int8(
        calibration_radiographs=len(radiographs.calibration),
        radiographs=len(radiographs.validation),
        auroc=float(roc_auc_score(radiographs.y_true, small)) if both_classes else None,
        auroc_float32=float(roc_auc_score(radiographs.y_true, full)) if both_classes else None,
        agreement=float(np.mean((full >= threshold) == (small >= threshold))),
        probability=_largest(full, small),
    )


def _largest(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    # What is no number differs most.
    return float(np.nan_to_num(np.abs(one - other), nan=float(np.finfo(np.float32).max)).max())
