"""Heatmaps of any radiographs for a registered model, several methods side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from scipy.special import expit

from pneumo.cohort.pseudonyms import is_identifying
from pneumo.config import Config, Dicom, ExplanationMethod
from pneumo.errors import UserError
from pneumo.explain.activations import Label
from pneumo.explain.cam import Maps, labels, resize_maps
from pneumo.explain.explainer import Explainer
from pneumo.figures.side_by_side import Row, draw
from pneumo.files import file_sha256, printable, unique_name, write_atomically, writing
from pneumo.radiographs.decode import decode_with_overlay
from pneumo.radiographs.dicom_header import unsuitable
from pneumo.radiographs.errors import unreadable_as_user_error
from pneumo.radiographs.radiograph import open_radiograph
from pneumo.registry import Registry

FOLDER = "explained"
"""Folder of the pictures, in the report's directory."""
PICTURE_HEIGHT_PX = 320
REMEDY = "give a radiograph in a supported image format"
TRAINED_ON_PHANTOMS = "the model was trained on synthetic phantom radiographs: this says nothing about patients"


def run(config: Config, console: Console, radiographs: Sequence[Path]) -> None:
    """Predict radiographs with a registered model, and draw heatmaps of them by several methods side by side.

    Raises:
        UserError: a file is not a readable image; then none is explained.
    """
    for file in radiographs:
        if not file.is_file():
            raise UserError(f"{printable(file)}: no such file; {REMEDY}")
    registry = Registry(config.registry)
    entry = registry.get(config.explain.model)
    record, name = registry.record(entry), f"{entry.recipe} v{entry.version}"
    names = [_checked_name(file) for file in radiographs]
    decoded = [decode_with_overlay(file, record.image_size_px, record.resize, PICTURE_HEIGHT_PX, REMEDY) for file in radiographs]
    explainer = Explainer(registry.load(entry), config.lots)
    console.print(f"{name}, threshold {record.threshold:.3f}. For research; not a medical device.")
    if record.synthetic:
        console.print(f"Note: {TRAINED_ON_PHANTOMS}.")
    for shown, (pixels, radiograph) in zip(names, decoded, strict=True):
        prediction, target, maps = _explain(explainer, pixels, record.threshold, config)
        resized = {str(method): resize_maps(values, *radiograph.shape)[0] for method, values in maps.items()}
        title = f"{shown.title}: {prediction}.\n{name}, maps of {target}."
        picture = config.report.directory / FOLDER / f"{shown.unique}-v{entry.version}.png"
        with writing(picture, "report.directory"):
            write_atomically(picture, draw([Row(radiograph, title, resized)], TRAINED_ON_PHANTOMS if record.synthetic else None))
        console.print(f"{shown.title}: {prediction}; maps of {target} in {picture}", markup=False)


class _Name(NamedTuple):
    """How a radiograph is called."""

    title: str
    unique: str
    """Start of the names of its pictures."""


def _checked_name(file: Path) -> _Name:
    """The name of a radiograph, without what its DICOM header says of the patient.

    Raises:
        UserError: the file is unreadable, or no frontal radiograph by its header.
    """
    with unreadable_as_user_error(file, REMEDY), open_radiograph(file) as radiograph:
        header = radiograph.header
        if header and (reason := unsuitable(header, Dicom())):
            raise UserError(f"{printable(file)}: {reason}; give a frontal radiograph")
    if header and is_identifying(file.name, header.identifying):
        hidden = f"dicom-{file_sha256(file)[:12]}"
        return _Name(hidden, hidden)
    return _Name(printable(file.name), unique_name(file))


def _explain(
    explainer: Explainer, pixels: np.ndarray, threshold: float, config: Config
) -> tuple[str, Label, dict[ExplanationMethod, Maps]]:
    """Return the prediction in words, the class that is explained, and its maps."""
    images = pixels[None, ..., None]
    probability = float(expit(explainer.activation_model.logits(images)[0]))
    predicted = labels([probability >= threshold])[0]
    target = predicted if config.explain.target == "predicted" else config.explain.target
    side = "at or above" if probability >= threshold else "below"
    prediction = f"{predicted}, score for PNEUMONIA {probability:.3f}, {side} the threshold {threshold:.3f}"
    return prediction, target, explainer.maps(images, target, config.explain.methods)
