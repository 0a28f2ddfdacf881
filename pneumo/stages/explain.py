"""Any radiographs, explained."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from scipy.special import expit

from pneumo.cohort.layout import printable
from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.explain.cam import labels
from pneumo.explain.explainer import Explainer
from pneumo.figures.side_by_side import Row, draw
from pneumo.files import folder_name, replacing
from pneumo.radiographs.decode import decode
from pneumo.radiographs.raster import UnreadableError
from pneumo.radiographs.view import for_overlay
from pneumo.registry import Registry
from pneumo.results.files import in_report
from pneumo.results.model import ModelRecord

FOLDER = "explained"
"""Where the pictures lie in the report's folder."""
PICTURE_HEIGHT_PX = 320
ON_PHANTOMS = "the model was trained on synthetic phantom radiographs: this says nothing about patients"


def run(config: Config, console: Console, radiographs: Sequence[Path]) -> None:
    """Ask one registered model about radiographs, and draw where it looked, by several methods side by side.

    Raises:
        UserError: a file is no radiograph; none is explained then.
    """
    for radiograph in radiographs:
        if not radiograph.is_file():
            raise UserError(f"{printable(radiograph)}: no such file; name a radiograph that can be opened")
    registry = Registry(config.registry)
    entry = registry.get(config.explain.model)
    record = registry.record(entry)
    decoded = [_decode(radiograph, record) for radiograph in radiographs]
    explainer = Explainer(registry.load(entry), config.lots)
    console.print(
        f"{entry.recipe} v{entry.version}, threshold {record.threshold:.3f}. For research; not a medical device.", highlight=False
    )
    if record.synthetic:
        console.print(f"Mind that {ON_PHANTOMS}.", highlight=False)
    folder = config.report.directory / FOLDER
    for radiograph, (pixels, picture) in zip(radiographs, decoded, strict=True):
        images = pixels[None, ..., None]
        probability = float(expit(explainer.opened.logits(images)[0]))
        predicted = labels([probability >= record.threshold])[0]
        target = predicted if config.explain.target == "predicted" else config.explain.target
        maps = explainer.maps(images, target, config.explain.methods)
        side = "at or above" if probability >= record.threshold else "below"
        said = f"{predicted}, score for PNEUMONIA {probability:.3f}, {side} its threshold {record.threshold:.3f}"
        title = f"{printable(radiograph.name)}: {said}.\n{entry.recipe} v{entry.version}, maps of {target}."
        row = Row(picture, title, {name: each[0] for name, each in maps.items()})
        file = folder / f"{folder_name(radiograph)}-v{entry.version}.png"
        with in_report(file):
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(file) as stream:
                stream.write(draw([row], ON_PHANTOMS if record.synthetic else None))
        console.print(f"{printable(radiograph)}: {said}; maps of {target} in {file}", highlight=False, soft_wrap=True, markup=False)


def _decode(radiograph: Path, record: ModelRecord) -> tuple[np.ndarray, np.ndarray]:
    """The radiograph as the network takes it, and as it is shown."""
    try:
        return decode(radiograph, record.image_size_px, record.resize), for_overlay(radiograph, PICTURE_HEIGHT_PX, record.resize)
    except UnreadableError as error:
        raise UserError(f"{printable(radiograph)}: {error}; name a radiograph that can be opened") from error
