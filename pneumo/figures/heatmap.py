"""Radiographs and maps as pictures."""

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image

# Perceptually uniform, and readable without colour vision; its dark end stands for "nothing here".
COLOURS = "inferno"
# At the peak of a map the overlay still shows a good part of the radiograph below.
PEAK_OPACITY = 0.6


def heatmap(strength: npt.NDArray[np.float32]) -> Image.Image:
    """Draw a map (H, W), values in 0..1, in perceptual colours."""
    return Image.fromarray(_coloured(strength))


def overlay(pixels: npt.NDArray[np.uint8], strength: npt.NDArray[np.float32]) -> Image.Image:
    """Lay a map over its radiograph, the more opaque the stronger; where the map is empty the radiograph is untouched.

    Args:
        pixels: (H, W), grey values.
        strength: (H, W), values in 0..1.
    """
    opacity = PEAK_OPACITY * strength[..., None]
    blended = (1 - opacity) * pixels[..., None] + opacity * _coloured(strength)
    return Image.fromarray(blended.round().astype(np.uint8))


def as_share_of_maximum(single_map: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Scale a map to 0..1 by its own maximum; an empty one stays empty."""
    peak = single_map.max()
    return single_map / peak if peak > 0 else single_map


def _coloured(strength: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return (mpl.colormaps[COLOURS](strength)[..., :3] * 255).round().astype(np.uint8)
