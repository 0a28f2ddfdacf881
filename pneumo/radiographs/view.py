"""Radiographs for a reader's eye."""

from pathlib import Path

import numpy as np
from PIL import Image

from pneumo.config import Resize
from pneumo.radiographs.decode import decode
from pneumo.radiographs.raster import grey, open_radiograph


def unsquashed(file: Path, height_px: int) -> np.ndarray:
    """Decode a radiograph at a common height and at its own aspect ratio, (H, W) uint8, whatever a network is shown."""
    with open_radiograph(file) as radiograph:
        size = (max(1, round(height_px * radiograph.width / radiograph.height)), height_px)
        return np.asarray(grey(radiograph, at_least=size).resize(size, Image.Resampling.BICUBIC, reducing_gap=2))


def for_overlay(file: Path, height_px: int, resize: Resize) -> np.ndarray:
    """Decode a radiograph so that a map of what a network was shown can be laid over it, (H, W) uint8.

    Squashed, the anatomy would be distorted, and a map can be stretched with it; padded, it lies where the network saw it.
    """
    return unsquashed(file, height_px) if resize == "squash" else decode(file, height_px, resize)
