"""Radiographs beside what every method makes of them, as one picture."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pneumo.explain.cam import Maps, resize_maps
from pneumo.figures import heatmap as render

COLUMNS = 4
PANEL_INCHES = 2.0
LETTERS_INCHES = 0.32
DPI = 130


@dataclass(frozen=True)
class Row:
    """One radiograph, and its map by each method."""

    radiograph: npt.NDArray[np.uint8]
    """(H, W), grey, as it is shown."""
    title: str
    """What is written above it."""
    maps: Mapping[str, Maps]
    """(h, w) each, stretched over the radiograph; empty ones are said to be."""


def draw(rows: Sequence[Row], note: str | None = None) -> bytes:
    """Lay each method's map over each radiograph, every map scaled by its own maximum.

    Args:
        rows: of the same methods in the same order.
        note: written below, such as that the radiographs are synthetic.

    Returns:
        PNG.
    """
    tallest = max(row.radiograph.shape[0] / row.radiograph.shape[1] for row in rows)
    lines = -(-(1 + len(rows[0].maps)) // COLUMNS)
    height = len(rows) * (lines * (tallest * PANEL_INCHES + LETTERS_INCHES) + LETTERS_INCHES) + LETTERS_INCHES
    figure = Figure(figsize=(COLUMNS * PANEL_INCHES, height), layout="constrained")
    for part, row in zip(figure.subfigures(len(rows), squeeze=False)[:, 0], rows, strict=True):
        # A file's name may hold a dollar sign, which is no mathematics.
        part.suptitle(row.title, x=0.01, ha="left", fontsize=10, parse_math=False)
        panels = part.subplots(lines, COLUMNS, squeeze=False).ravel()
        for axes in panels:
            axes.set_axis_off()
        _show(panels[0], row.radiograph, "radiograph")
        for axes, (method, single) in zip(panels[1:], row.maps.items(), strict=False):
            strength = render.as_share_of_maximum(resize_maps(single[None], *row.radiograph.shape)[0])
            _show(axes, render.overlay(row.radiograph, strength), method if single.any() else f"{method}: empty")
    if note:
        figure.supxlabel(note, fontsize=9, color="#a03000")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=DPI, metadata={"Software": None})
    return picture.getvalue()


def _show(axes: Axes, picture: object, title: str) -> None:
    axes.imshow(np.asarray(picture), cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, fontsize=9)
