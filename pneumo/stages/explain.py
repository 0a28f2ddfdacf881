"""Any films, explained."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from scipy.special import expit

from pneumo.cohort.derived import folder_name, replacing
from pneumo.cohort.film import UnreadableError
from pneumo.cohort.layout import printable
from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.evaluation.kept import in_report
from pneumo.evaluation.record import Record
from pneumo.explain.cam import labels
from pneumo.explain.explainer import Explainer
from pneumo.explain.side_by_side import Row, draw
from pneumo.images.decode import decode
from pneumo.images.view import for_overlay
from pneumo.registry import Registry

FOLDER = "explained"
"""Where the pictures lie in the report's folder."""
PICTURE_HEIGHT_PX = 320
ON_PHANTOMS = "the model was trained on synthetic phantom radiographs: this says nothing about patients"


def run(config: Config, console: Console, films: Sequence[Path]) -> None:
    """Ask one registered model about films, and draw where it looked, by several methods side by side.

    Raises:
        UserError: a file is no radiograph; none is explained then.
    """
    for film in films:
        if not film.is_file():
            raise UserError(f"{printable(film)}: no such file; name a radiograph that can be opened")
    registry = Registry(config.registry)
    entry = registry.get(config.explain.model)
    record = registry.record(entry)
    decoded = [_decode(film, record) for film in films]
    explainer = Explainer(registry.load(entry), config.lots)
    console.print(
        f"{entry.recipe} v{entry.version}, threshold {record.threshold:.3f}. For research; not a medical device.", highlight=False
    )
    if record.synthetic:
        console.print(f"Mind that {ON_PHANTOMS}.", highlight=False)
    folder = config.report.directory / FOLDER
    for film, (pixels, picture) in zip(films, decoded, strict=True):
        images = pixels[None, ..., None]
        probability = float(expit(explainer.opened.logits(images)[0]))
        predicted = labels([probability >= record.threshold])[0]
        target = predicted if config.explain.target == "predicted" else config.explain.target
        maps = explainer.maps(images, target, config.explain.methods)
        side = "at or above" if probability >= record.threshold else "below"
        said = f"{predicted}, score for PNEUMONIA {probability:.3f}, {side} its threshold {record.threshold:.3f}"
        title = f"{printable(film.name)}: {said}.\n{entry.recipe} v{entry.version}, maps of {target}."
        row = Row(picture, title, {name: each[0] for name, each in maps.items()})
        file = folder / f"{folder_name(film)}-v{entry.version}.png"
        with in_report(file):
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(file) as stream:
                stream.write(draw([row], ON_PHANTOMS if record.synthetic else None))
        console.print(f"{printable(film)}: {said}; maps of {target} in {file}", highlight=False, soft_wrap=True, markup=False)


def _decode(film: Path, record: Record) -> tuple[np.ndarray, np.ndarray]:
    """The film as the network takes it, and as it is shown."""
    try:
        return decode(film, record.image_size_px, record.resize), for_overlay(film, PICTURE_HEIGHT_PX, record.resize)
    except UnreadableError as error:
        raise UserError(f"{printable(film)}: {error}; name a radiograph that can be opened") from error
