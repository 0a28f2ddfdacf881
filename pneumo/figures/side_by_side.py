"""Figure of radiographs with the maps of several explanation methods side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pneumo.figures.drawing import to_png
from pneumo.figures.heatmap import Map, overlay, scale_to_maximum

COLUMNS = 4
PANEL_INCHES = 2.0
TEXT_INCHES = 0.32
DPI = 130


@dataclass(frozen=True)
class Row:
    """A radiograph and its map by each method."""

    radiograph: npt.NDArray[np.uint8]
    """(H, W), grey values."""
    title: str
    maps: Mapping[str, Map]
    """By method, (H, W) as the radiograph, not negative."""


def draw(rows: Sequence[Row], note: str | None = None) -> bytes:
    """Draw each method's map over each radiograph as a PNG; every map is scaled by its own maximum.

    Args:
        rows: with the same methods in the same order.
        note: text below the figure, for example that the radiographs are synthetic.
    """
    tallest = max(row.radiograph.shape[0] / row.radiograph.shape[1] for row in rows)
    lines = -(-(1 + len(rows[0].maps)) // COLUMNS)
    height = len(rows) * (lines * (tallest * PANEL_INCHES + TEXT_INCHES) + TEXT_INCHES) + TEXT_INCHES
    figure = Figure(figsize=(COLUMNS * PANEL_INCHES, height), layout="constrained")
    for part, row in zip(figure.subfigures(len(rows), squeeze=False)[:, 0], rows, strict=True):
        # File names may contain dollar signs, which are not mathematics.
        part.suptitle(row.title, x=0.01, ha="left", fontsize=10, parse_math=False)
        panels = part.subplots(lines, COLUMNS, squeeze=False).ravel()
        for axes in panels:
            axes.set_axis_off()
        _show(panels[0], row.radiograph, "radiograph")
        for axes, (method, values) in zip(panels[1:], row.maps.items(), strict=False):
            title = method if values.any() else f"{method}: empty"
            _show(axes, overlay(row.radiograph, scale_to_maximum(values)), title)
    if note:
        figure.supxlabel(note, fontsize=9, color="#a03000")
    return to_png(figure, DPI)


def _show(axes: Axes, image: object, title: str) -> None:
    axes.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, fontsize=9)
