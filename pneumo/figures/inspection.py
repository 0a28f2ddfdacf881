"""An inspection as one tall picture: the radiograph and the kernels, then each layer's Grad-CAM beside its strongest channels.

Everything is placed by pixels: a layer's name stays above its maps however many layers there are, and letters are large enough to
be read where the picture is scaled to a phone.
"""

import io
import math
import textwrap
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from pneumo.explain.cam import resize_maps
from pneumo.explain.inspection import Inspection, Layer
from pneumo.figures import heatmap as render

WIDTH_PX = 1000
COLUMNS, ROWS = 4, 2
"""Cells for a layer's channels; its Grad-CAM, to the left of them, takes two by two."""
KERNELS = 64
"""Kernels that are drawn at most: the first."""
# Zero is black, as in maps, and the two signs are told apart without colour vision.
KERNEL_COLOURS = "berlin"
_DPI, _POINTS_AN_INCH = 100, 72
_MARGIN, _GAP = 16, 8
_LETTER, _LINE = 25, 34
_LETTERS_A_LINE, _BOLD_LETTERS_A_LINE = 72, 60

Pixels = npt.NDArray[np.uint8]


def draw(inspection: Inspection, title: str, radiograph: Pixels | None = None) -> bytes:
    """Draw an inspection as a PNG, `WIDTH_PX` wide.

    Args:
        radiograph: the same radiograph at its own aspect ratio, (H, W), where the network was given it squashed; none: as it was given.
    """
    shown = inspection.pixels if radiograph is None else radiograph
    sheet = _Sheet(shown.shape[0] / shown.shape[1])
    sheet.write(title, bold=True)
    sheet.write(_about_kernels(inspection))
    sheet.place(np.repeat(shown[..., None], 3, axis=2), *sheet.corner(0, 0), *sheet.large)
    _place_kernels(sheet, inspection.kernels[:KERNELS])
    sheet.go_on()
    sheet.write(_about_layers(inspection))
    for layer in inspection.layers:
        height, width = layer.grad_cam.shape
        sheet.write(f"{layer.name}: {height} × {width}, {layer.channels} channels", bold=True)
        _place_layer(sheet, layer, shown)
        sheet.go_on()
    return sheet.png()


class _Sheet:
    """A picture that grows downwards: lines of words, and rows of cells that have the radiograph's aspect ratio."""

    def __init__(self, height_by_width: float) -> None:
        across = (WIDTH_PX - 2 * _MARGIN + _GAP) / (ROWS + COLUMNS)
        # Gaps have the radiograph's aspect ratio too: with them, a place two by two cells large keeps it.
        self._pitch = (across, across * height_by_width)
        self.cell = (across - _GAP, (across - _GAP) * height_by_width)
        self.large = (2 * across - _GAP, (2 * across - _GAP) * height_by_width)
        self._top: float = _MARGIN
        self._figure = Figure(dpi=_DPI, facecolor="white")
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()

    def corner(self, column: int, row: int) -> tuple[float, float]:
        """Left and top of a cell in the row of cells that is being filled."""
        return _MARGIN + column * self._pitch[0], self._top + row * self._pitch[1]

    def write(self, words: str, *, bold: bool = False) -> None:
        """Write lines over the whole width."""
        for line in textwrap.wrap(words, _BOLD_LETTERS_A_LINE if bold else _LETTERS_A_LINE, break_on_hyphens=False):
            self._letters(_MARGIN, self._top + _LINE / 2, line, ha="left", weight="bold" if bold else "normal")
            self._top += _LINE
        self._top += _GAP

    def place(self, colours: Pixels, left: float, top: float, width: float, height: float, *, empty: bool = False) -> None:
        """Put a picture (h, w, 3) somewhere, with square edges where it has fewer pixels; an empty map says so."""
        extent = (left, left + width, top + height, top)
        smaller = colours.shape[1] < width
        self._axes.imshow(colours, extent=extent, aspect="auto", interpolation="nearest" if smaller else "antialiased")
        if empty:
            behind = {"facecolor": "black", "edgecolor": "none", "pad": 3}
            self._letters(left + width / 2, top + height / 2, "empty", ha="center", color="white", bbox=behind)

    def go_on(self) -> None:
        """Leave the rows of cells, to write below them."""
        self._top += self.large[1] + 2 * _GAP

    def png(self) -> bytes:
        """Finish the picture."""
        height = math.ceil(self._top)
        self._figure.set_size_inches(WIDTH_PX / _DPI, height / _DPI)
        self._axes.set(xlim=(0, WIDTH_PX), ylim=(height, 0))
        buffer = io.BytesIO()
        self._figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    def _letters(self, x: float, y: float, words: str, **style: Any) -> None:
        size = _LETTER * _POINTS_AN_INCH / _DPI
        # Never read as mathematics: a title may hold a dollar sign.
        self._axes.text(x, y, words, size=size, family="DejaVu Sans", va="center", parse_math=False, **style)


def _about_kernels(inspection: Inspection) -> str:
    count, height, width = inspection.kernels.shape
    whose = "" if inspection.networks == 1 else f"First of the {inspection.networks} networks of an ensemble. "
    drawn = f"the {count}" if count <= KERNELS else f"the first {KERNELS} of {count}"
    return (
        f"{whose}Left: the radiograph. Right: {drawn} kernels ({height} × {width}) of the first convolution, {inspection.kernel_layer}: "
        "blue below zero, red above, black zero; one scale for all."
    )


def _about_layers(inspection: Inspection) -> str:
    drawn, found = len(inspection.layers), inspection.layers_in_all
    which = "The only convolutional activation" if found == 1 else f"All {found} convolutional activations"
    if drawn < found:
        which = f"{drawn} of the {found} convolutional activations, evenly spread"
    return (
        f"{which}, from the radiograph to the logit. Left: Grad-CAM for {inspection.target}. Right: the strongest channels, "
        "strongest first. Each map has a scale of its own, from zero (black) to its greatest value (bright); one that is zero "
        "everywhere is marked empty."
    )


def _place_kernels(sheet: _Sheet, kernels: npt.NDArray[np.float32]) -> None:
    """Lay squares into the place of a layer's channels, as large as fit."""
    count, (left, top) = len(kernels), sheet.corner(ROWS, 0)
    width, height = WIDTH_PX - _MARGIN - left, sheet.large[1]
    pitches = (
        (min((width + _GAP) / columns, (height + _GAP) / math.ceil(count / columns)), columns) for columns in range(1, count + 1)
    )
    pitch, columns = max(pitches)
    greatest = np.abs(kernels).max()
    shares = np.divide(kernels, greatest, out=np.zeros_like(kernels), where=greatest > 0)
    for number, share in enumerate(shares):
        row, column = divmod(number, columns)
        colours = (mpl.colormaps[KERNEL_COLOURS]((1 + share) / 2)[..., :3] * 255).round().astype(np.uint8)
        sheet.place(colours, left + column * pitch, top + row * pitch, pitch - _GAP, pitch - _GAP)


def _place_layer(sheet: _Sheet, layer: Layer, radiograph: Pixels) -> None:
    strength = render.as_share_of_maximum(resize_maps(layer.grad_cam[None], *radiograph.shape)[0])
    overlay = np.asarray(render.overlay(radiograph, strength))
    sheet.place(overlay, *sheet.corner(0, 0), *sheet.large, empty=not layer.grad_cam.any())
    for place, channel in enumerate(layer.activations):
        row, column = divmod(place, COLUMNS)
        colours = np.asarray(render.heatmap(render.as_share_of_maximum(np.abs(channel))))
        sheet.place(colours, *sheet.corner(ROWS + column, row), *sheet.cell, empty=not channel.any())
