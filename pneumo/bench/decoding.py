"""Decoding radiographs into the pixel cache: ours, and Pillow on its own."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pneumo.bench.measure import Cost
from pneumo.cohort.index import Cohort
from pneumo.radiographs.cache import pixel_cache


def plain_pillow(folder: Path, radiographs: list[str], size_px: int) -> Cost:
    """Measure the obvious loop: open, to grey, resize."""
    cost = Cost()
    with cost.counting():
        np.stack(
            [np.asarray(Image.open(folder / radiograph).convert("L").resize((size_px, size_px))) for radiograph in radiographs]
        )
    return cost


def our_cache(folder: Path, radiographs: list[str], size_px: int) -> Cost:
    """Measure building a pixel cache that is not there yet, the writing of it included."""
    table = pd.DataFrame({"path": radiographs, "split": "", "label": "", "subtype": "", "patient": "", "sha256": radiographs})
    cohort = Cohort(root=folder, table=table, synthetic=False, foreign={}, left_out=pd.DataFrame())
    cost = Cost()
    with tempfile.TemporaryDirectory() as directory, cost.counting():
        pixel_cache(cohort, size_px, "squash", Path(directory))
    return cost
