"""Blackout of regions of radiographs: the lungs, or everything else.

A classifier that still separates the classes without the lungs may use something else than the disease (Maguolo & Nanni 2021).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

Region = Literal["lungs", "surroundings"]
Fill = Literal["black", "mean"]


def dilated(masks: NDArray[np.bool_], margin: float) -> NDArray[np.bool_]:
    """Masks (N, H, W) with every pixel within a distance of them, which is given as a fraction of the height."""
    distances = (distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf) for mask in masks)
    return np.stack([distance <= margin * masks.shape[1] for distance in distances])


def black_out(images: NDArray[np.uint8], masks: NDArray[np.bool_], removed: Region, fill: Fill) -> NDArray[np.uint8]:
    """Images without the region that is removed, (N, H, W) uint8; all other pixels stay as they are.

    Args:
        images: (N, H, W).
        masks: (N, H, W), of the lungs.
        fill: black, or the mean grey value of the pixels that stay: a black region is conspicuous itself, and a mean of the whole
            image would tell something of the region that is removed.
    """
    stays = ~masks if removed == "lungs" else masks
    grey: NDArray[np.floating] | int = 0
    if fill == "mean":
        grey = np.mean(images, axis=(1, 2), keepdims=True, where=stays).round()
    return np.where(stays, images, grey).astype(np.uint8)
