"""Heatmaps of any radiographs for a registered or exported model, several methods side by side."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.files import printable
from pneumo.inference.heatmaps import TRAINED_ON_PHANTOMS, Heatmaps, in_words, write_picture
from pneumo.inference.predictor import Predictor
from pneumo.inference.prepare import Prepared

FOLDER = "explained"
"""Folder of the pictures, in the report's directory."""
REMEDY = "give a frontal radiograph in a supported image format"


def run(config: Config, console: Console, radiographs: Sequence[Path], model: str) -> None:
    """Predict radiographs, and draw heatmaps of them by several methods side by side.

    Raises:
        UserError: a file cannot be used as a radiograph; then none is explained.
    """
    for file in radiographs:
        if not file.is_file():
            raise UserError(f"{printable(file)}: no such file; {REMEDY}")
    predictor = Predictor.load(model, registry=config.registry)
    prepared = [_prepare(predictor, file) for file in radiographs]
    heatmaps, specification = Heatmaps(predictor, config.lots), predictor.specification
    console.print(f"{specification.name}, threshold {specification.calibrated_threshold:.3f}. For research; not a medical device.")
    if specification.synthetic:
        console.print(f"Note: {TRAINED_ON_PHANTOMS}.")
    for file, radiograph in zip(radiographs, prepared, strict=True):
        (prediction,) = predictor.decide([radiograph])
        explained = heatmaps.explain(
            file.read_bytes(), radiograph, prediction, config.explain.methods, target=config.explain.target
        )
        picture = write_picture(config.report.directory / FOLDER, "report.directory", predictor, prediction, explained)
        name = printable(Path(prediction.path).name)
        console.print(f"{name}: {in_words(prediction)}; maps of {explained.label} in {picture}", markup=False)


def _prepare(predictor: Predictor, file: Path) -> Prepared:
    prepared = predictor.prepare(file.read_bytes(), str(file))
    if prepared.pixels is None:
        raise UserError(f"{printable(file)}: {prepared.refusal}; {REMEDY}")
    return prepared
