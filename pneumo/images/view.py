"""Radiographs for a reader's eye."""

from pathlib import Path

import numpy as np
from PIL import Image

from pneumo.cohort.film import grey, open_film


def unsquashed(file: Path, height_px: int) -> np.ndarray:
    """Decode a film at a common height and at its own aspect ratio, (H, W) uint8, whatever a network is shown."""
    with open_film(file) as film:
        size = (round(height_px * film.width / film.height), height_px)
        return np.asarray(grey(film, at_least=size).resize(size, Image.Resampling.BICUBIC, reducing_gap=2))
