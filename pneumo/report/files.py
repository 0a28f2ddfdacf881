"""The files of a report, each replaced whole."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pneumo.figures.drawing import Picture

INDEX = "index.html"
EXPLANATIONS = "explanations.html"
CARDS = "cards"
"""Folder of the model cards, beside the page."""


def write_files(directory: Path, pages: Mapping[str, str], numbers: dict[str, Any], pictures: Sequence[Picture]) -> Path:
    """Write figures, numbers, pages and, last, the index; then delete the figures and pages that are no longer shown.

    Args:
        pages: by their paths below the directory, the index among them.

    Returns:
        The index.
    """
    figures = directory / "figures"
    for folder in (figures, directory / CARDS):
        folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        _replace(figures / picture.name, picture.png)
    _replace(directory / "metrics.json", json.dumps(numbers, indent=2, allow_nan=False).encode())
    for name in sorted(pages, key=lambda page: page == INDEX):
        _replace(directory / name, pages[name].encode())
    shown = {figures / picture.name for picture in pictures} | {directory / name for name in pages}
    for old in {*figures.glob("*.png"), directory / EXPLANATIONS, *(directory / CARDS).glob("*.html")} - shown:
        old.unlink(missing_ok=True)
    return directory / INDEX


def _replace(path: Path, content: bytes) -> Path:
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(beside).chmod(0o644)  # mkstemp's own mode would keep a web server from reading it
        Path(beside).replace(path)
    finally:
        Path(beside).unlink(missing_ok=True)
    return path
