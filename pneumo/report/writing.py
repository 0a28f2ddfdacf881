"""The files of a report, each replaced whole."""

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pneumo.report.drawing import Picture


def write_files(directory: Path, page: str, numbers: dict[str, Any], pictures: Sequence[Picture]) -> Path:
    """Write figures, numbers and, last, the page; then delete the figures that it no longer shows.

    Returns:
        The page.
    """
    folder = directory / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        _replace(folder / picture.name, picture.png)
    _replace(directory / "metrics.json", json.dumps(numbers, indent=2, allow_nan=False).encode())
    index = _replace(directory / "index.html", page.encode())
    current = {picture.name for picture in pictures}
    for old in folder.glob("*.png"):
        if old.name not in current:
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
