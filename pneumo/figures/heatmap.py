"""Colouring of saliency maps: heatmaps, and overlays on radiographs."""

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image

# Perceptually uniform and readable with colour vision deficiency; black stands for no evidence.
COLOUR_MAP = "inferno"
# The radiograph stays visible below the maximum of a map.
MAXIMUM_OPACITY = 0.6

Map = npt.NDArray[np.float32]


def heatmap(values: Map) -> Image.Image:
    """Draw a map (H, W) with values in 0..1 in colours."""
    return Image.fromarray(colours(values))


def overlay(radiograph: npt.NDArray[np.uint8], values: Map) -> Image.Image:
    """Blend a map over its radiograph, with an opacity in proportion to the map: where it is zero the radiograph is unchanged.

    Args:
        radiograph: (H, W), grey values.
        values: (H, W), in 0..1.
    """
    opacity = MAXIMUM_OPACITY * values[..., None]
    blended = (1 - opacity) * radiograph[..., None] + opacity * colours(values)
    return Image.fromarray(blended.round().astype(np.uint8))


def scale_to_maximum(values: Map) -> Map:
    """Divide a map by its maximum; a map of zeros stays zero."""
    maximum = values.max()
    return values / maximum if maximum > 0 else values


def colours(values: Map, colour_map: str = COLOUR_MAP) -> npt.NDArray[np.uint8]:
    """Return the colours (H, W, 3) of values in 0..1."""
    return (mpl.colormaps[colour_map](values)[..., :3] * 255).round().astype(np.uint8)
