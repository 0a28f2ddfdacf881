"""The files of a report, each replaced whole."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pneumo.report.drawing import Picture

CARDS = "cards"
"""Folder of the model cards, beside the page."""


def write_files(directory: Path, page: str, numbers: dict[str, Any], pictures: Sequence[Picture], cards: Mapping[str, str]) -> Path:
    """Write figures, model cards, numbers and, last, the page; then delete the figures and cards that it no longer shows.

    Args:
        cards: by the names of their files.

    Returns:
        The page.
    """
    figures, card_folder = directory / "figures", directory / CARDS
    for folder in (figures, card_folder):
        folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        _replace(figures / picture.name, picture.png)
    for name, card in cards.items():
        _replace(card_folder / name, card.encode())
    _replace(directory / "metrics.json", json.dumps(numbers, indent=2, allow_nan=False).encode())
    index = _replace(directory / "index.html", page.encode())
    current = {picture.name for picture in pictures}
    for old in [*figures.glob("*.png"), *card_folder.glob("*.html")]:
        if old.name not in current and old.name not in cards:
            old.unlink()
    return index


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
