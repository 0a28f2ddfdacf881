"""The folder that readers receive: numbered images without anything that tells label, decision or origin, and the form."""

import hashlib
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pneumo.errors import UserError
from pneumo.files import printable, replace_folder, writing
from pneumo.radiographs.errors import unreadable_as_user_error
from pneumo.radiographs.radiograph import open_radiograph
from pneumo.results.model import RegisteredModel
from pneumo.results.review import ReviewedModel, ReviewedRadiograph
from pneumo.review.answers import is_answered
from pneumo.review.form import FORM, form_files, image_name

SETTING = "review.directory"
MODIFIED_SECONDS = 946_684_800
"""Time of modification of every file: 1 January 2000, UTC. The real ones would follow the order of writing."""


def describe(selected: pd.DataFrame) -> tuple[ReviewedRadiograph, ...]:
    """Return the radiographs of a package, numbered in the order of the rows, as its key has them."""
    return tuple(
        ReviewedRadiograph(
            number=number,
            path=row["path"],
            patient=str(row["patient"]),
            label="PNEUMONIA" if row["y_true"] == 1 else "NORMAL",
            decision="PNEUMONIA" if row["margin"] >= 0 else "NORMAL",
            margin=float(row["margin"]),
            group=row["group"],
        )
        for number, row in enumerate(selected.to_dict("records"), start=1)
    )


def describe_models(models: Sequence[RegisteredModel]) -> tuple[ReviewedModel, ...]:
    """Return the models of a package as its key has them."""
    return tuple(
        ReviewedModel(
            version=model.version,
            recipe=model.record.recipe,
            model_sha256=model.sha256,
            threshold=model.record.threshold,
            temperature=model.record.temperature,
        )
        for model in models
    )


def refuse_answers(folder: Path) -> None:
    """Refuse to replace a folder that holds answers, or files that are not of a review package.

    Raises:
        UserError: it does; the message names the file.
    """
    if not folder.exists():
        return
    remedy = f"move it away, or set another {SETTING}"
    with writing(folder, SETTING):
        names = {file.name for file in folder.iterdir() if not file.name.startswith(".")}
    images = {name for name in names if name == image_name(_number(name))}
    if foreign := sorted(names - images - set(form_files("", 0, synthetic=False))):
        raise UserError(f"{printable(folder / foreign[0])} is not a file of a review package, and would be deleted: {remedy}")
    if FORM in names and is_answered(folder / FORM):
        raise UserError(f"{printable(folder / FORM)} has answers, which would be deleted: {remedy}")


def encode(file: Path, side_px: int) -> bytes:
    """Return a radiograph as PNG of 8-bit grey values without any metadata; at most `side_px` wide and high.

    Raises:
        UserError: the file is unreadable.
    """
    with unreadable_as_user_error(file), open_radiograph(file) as radiograph:
        grey = radiograph.grey()
    if max(grey.size) > side_px:
        width, height = (max(1, round(side * side_px / max(grey.size))) for side in grey.size)
        grey = grey.resize((width, height), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    # From an array: an image keeps the profile, resolution and comments of its file.
    Image.fromarray(np.asarray(grey)).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def write_package(
    folder: Path,
    images: Sequence[bytes],
    models: Sequence[ReviewedModel],
    *,
    synthetic: bool,
    write_key: Callable[[str], None],
) -> str:
    """Write the images in their order, and the form, in place of an older package; return the package's identifier.

    Args:
        write_key: writes the key of this identifier; called before the folder takes its place, so that no package is without one.

    Raises:
        UserError: a file cannot be written.
    """
    digest = hashlib.sha256("".join(model.model_sha256 for model in models).encode())
    for image in images:
        digest.update(hashlib.sha256(image).digest())
    package = digest.hexdigest()[:12]
    contents: dict[str, bytes] = {image_name(number): image for number, image in enumerate(images, start=1)}
    contents |= {name: text.encode() for name, text in form_files(package, len(images), synthetic=synthetic).items()}
    with writing(folder, SETTING), replace_folder(folder) as unfinished:
        for name, content in contents.items():
            (unfinished / name).write_bytes(content)
            os.utime(unfinished / name, (MODIFIED_SECONDS, MODIFIED_SECONDS))
        write_key(package)
    return package


def _number(name: str) -> int:
    """Number of an image by its name; 0 for other files."""
    stem = name.removesuffix(".png")
    return int(stem) if stem.isascii() and stem.isdigit() else 0
