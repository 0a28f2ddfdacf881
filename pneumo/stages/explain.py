"""Heatmaps of any radiographs for a registered or exported model, several methods side by side."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.files import printable
from pneumo.inference.heatmaps import Heatmaps, in_words, write_picture
from pneumo.inference.predictor import Prediction, Predictor
from pneumo.inference.prepare import Prepared
from pneumo.inference.sources import RadiographSource, of_file

FOLDER = "explained"
"""Folder of the pictures, in the report's directory."""


def run(config: Config, console: Console, radiographs: Sequence[Path], model: str) -> None:
    """Predict radiographs, and draw heatmaps of them by several methods side by side.

    A file that cannot be used as a radiograph is printed with the reason.

    Raises:
        UserError: a path is not that of a file, or none of the files can be used.
    """
    for file in radiographs:
        _refuse_no_file(file)
    predictor = Predictor.load(model, registry=config.registry)
    heatmaps = Heatmaps(predictor, config.lots)
    console.print(predictor.specification.heading, markup=False)
    refusals = []
    for batch in predictor.predict_batches(map(of_file, radiographs)):
        for source, prepared, prediction in batch:
            name = printable(Path(prediction.path).name)
            if prepared.pixels is None:
                refusals.append(f"{name}: {prediction.reason}")
                console.print(f"{name}: refused ({prediction.reason}), no heatmaps", markup=False)
            else:
                explained = _explain(config, predictor, heatmaps, (source, prepared, prediction))
                console.print(f"{name}: {in_words(prediction)}; {explained}", markup=False)
    if len(refusals) == len(radiographs):
        raise UserError(f"{refusals[0]}; no heatmaps were drawn: give a frontal radiograph in a supported image format")


def _refuse_no_file(file: Path) -> None:
    if file.is_dir():
        raise UserError(f"{printable(file)} is a folder: give the files of the radiographs, such as {printable(file)}/*")
    if not file.is_file():
        raise UserError(f"{printable(file)}: no such file; give the path of a radiograph")


def _explain(
    config: Config, predictor: Predictor, heatmaps: Heatmaps, predicted: tuple[RadiographSource, Prepared, Prediction]
) -> str:
    """Draw the heatmaps of one radiograph, and say of which class they are and where."""
    source, prepared, prediction = predicted
    explained = heatmaps.explain(source.read(), prepared, prediction, config.explain.methods, target=config.explain.target)
    picture = write_picture(config.report.directory / FOLDER, "report.directory", predictor, prediction, explained)
    return f"maps of {explained.label} in {picture}"
