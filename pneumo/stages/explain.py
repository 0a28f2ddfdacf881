"""Heatmaps of any radiographs for a registered model, several methods side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from scipy.special import expit

from pneumo.config import Config, ExplanationMethod
from pneumo.errors import UserError
from pneumo.explain.activations import Label
from pneumo.explain.cam import Maps, labels, resize_maps
from pneumo.explain.explainer import Explainer
from pneumo.figures.side_by_side import Row, draw
from pneumo.files import printable, unique_name, write_atomically, writing
from pneumo.radiographs.decode import decode_with_overlay
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
    decoded = [decode_with_overlay(file, record.image_size_px, record.resize, PICTURE_HEIGHT_PX, REMEDY) for file in radiographs]
    explainer = Explainer(registry.load(entry), config.lots)
    console.print(f"{name}, threshold {record.threshold:.3f}. For research; not a medical device.")
    if record.synthetic:
        console.print(f"Note: {TRAINED_ON_PHANTOMS}.")
    for file, (pixels, radiograph) in zip(radiographs, decoded, strict=True):
        prediction, target, maps = _explain(explainer, pixels, record.threshold, config)
        resized = {str(method): resize_maps(values, *radiograph.shape)[0] for method, values in maps.items()}
        title = f"{printable(file.name)}: {prediction}.\n{name}, maps of {target}."
        picture = config.report.directory / FOLDER / f"{unique_name(file)}-v{entry.version}.png"
        with writing(picture, "report.directory"):
            write_atomically(picture, draw([Row(radiograph, title, resized)], TRAINED_ON_PHANTOMS if record.synthetic else None))
        console.print(f"{printable(file)}: {prediction}; maps of {target} in {picture}", markup=False)


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
