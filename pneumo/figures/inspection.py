"""Figure of a network's layers for one radiograph: kernels of the first convolution, Grad-CAM and strongest channels of each layer.

Everything is placed in pixels, so that a layer's name stays above its maps however many layers there are, and text stays readable
where the figure is scaled to a phone.
"""

import io
import math
import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from pneumo.figures.heatmap import Map, colours, overlay, scale_to_maximum

WIDTH_PX = 1000
COLUMNS, ROWS = 4, 2
"""Cells for the channels of a layer; its Grad-CAM, to the left of them, spans two by two cells."""
KERNELS = 64
"""Kernels drawn at most: the first ones."""
# Zero is black, as in the maps, and both signs are distinct with colour vision deficiency.
KERNEL_COLOUR_MAP = "berlin"
_DPI, _POINTS_PER_INCH = 100, 72
_MARGIN_PX, _GAP_PX = 16, 8
_TEXT_PX, _LINE_PX = 25, 34
_CHARACTERS_PER_LINE, _BOLD_CHARACTERS_PER_LINE = 72, 60

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Layer:
    """Activations and Grad-CAM of one layer.

    Attributes:
        channels: number of channels of the layer.
        activations: of its channels with the largest mean magnitude, the largest first, (k, h, w).
        grad_cam: (H, W), resized to the radiograph, not negative.
    """

    name: str
    channels: int
    activations: Map
    grad_cam: Map


@dataclass(frozen=True)
class Inspection:
    """Kernels, activations and Grad-CAM of a network for one radiograph.

    Attributes:
        radiograph: as it is shown, (H, W), grey values.
        target: class that Grad-CAM explains.
        networks: number of networks in the ensemble, of which the first is inspected; 1: no ensemble.
        kernel_layer: name of the first convolution.
        kernels: (k, height, width), summed over the input channels: a backbone sees a radiograph as three equal ones.
        layers: from the first to the last.
        layers_in_network: number of convolutional activations, of which `layers` may be a selection.
    """

    radiograph: Pixels
    target: str
    networks: int
    kernel_layer: str
    kernels: Map
    layers: tuple[Layer, ...]
    layers_in_network: int


def draw(inspection: Inspection, title: str) -> bytes:
    """Draw an inspection as a PNG, `WIDTH_PX` wide."""
    radiograph = inspection.radiograph
    sheet = _Sheet(radiograph.shape[0] / radiograph.shape[1])
    sheet.write(title, bold=True)
    sheet.write(_kernels_caption(inspection))
    sheet.place(np.repeat(radiograph[..., None], 3, axis=2), *sheet.corner(0, 0), *sheet.large)
    _place_kernels(sheet, inspection.kernels[:KERNELS])
    sheet.end_rows()
    sheet.write(_layers_caption(inspection))
    for layer in inspection.layers:
        height, width = layer.activations.shape[1:]
        sheet.write(f"{layer.name}: {height} × {width}, {layer.channels} channels", bold=True)
        _place_layer(sheet, layer, radiograph)
        sheet.end_rows()
    return sheet.png()


class _Sheet:
    """A figure that grows downwards: lines of text, and rows of cells with the radiograph's aspect ratio."""

    def __init__(self, height_by_width: float) -> None:
        pitch = (WIDTH_PX - 2 * _MARGIN_PX + _GAP_PX) / (ROWS + COLUMNS)
        # The pitch, gap included, has the radiograph's aspect ratio too, so that an area of two by two cells keeps it.
        self._pitch = (pitch, pitch * height_by_width)
        self.cell = (pitch - _GAP_PX, (pitch - _GAP_PX) * height_by_width)
        self.large = (2 * pitch - _GAP_PX, (2 * pitch - _GAP_PX) * height_by_width)
        self._top: float = _MARGIN_PX
        self._figure = Figure(dpi=_DPI, facecolor="white")
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()

    def corner(self, column: int, row: int) -> tuple[float, float]:
        """Return left and top of a cell in the current rows."""
        return _MARGIN_PX + column * self._pitch[0], self._top + row * self._pitch[1]

    def write(self, text: str, *, bold: bool = False) -> None:
        """Write lines of text over the whole width."""
        for line in textwrap.wrap(text, _BOLD_CHARACTERS_PER_LINE if bold else _CHARACTERS_PER_LINE, break_on_hyphens=False):
            self._text(_MARGIN_PX, self._top + _LINE_PX / 2, line, ha="left", weight="bold" if bold else "normal")
            self._top += _LINE_PX
        self._top += _GAP_PX

    def place(self, image: Pixels, left: float, top: float, width: float, height: float, *, empty: bool = False) -> None:
        """Draw an image (h, w, 3), without interpolation where it is enlarged; an empty map is labelled as such."""
        extent = (left, left + width, top + height, top)
        enlarged = image.shape[1] < width
        self._axes.imshow(image, extent=extent, aspect="auto", interpolation="nearest" if enlarged else "antialiased")
        if empty:
            background = {"facecolor": "black", "edgecolor": "none", "pad": 3}
            self._text(left + width / 2, top + height / 2, "empty", ha="center", color="white", bbox=background)

    def end_rows(self) -> None:
        """Continue below the current rows of cells."""
        self._top += self.large[1] + 2 * _GAP_PX

    def png(self) -> bytes:
        """Return the finished figure."""
        height = math.ceil(self._top)
        self._figure.set_size_inches(WIDTH_PX / _DPI, height / _DPI)
        self._axes.set(xlim=(0, WIDTH_PX), ylim=(height, 0))
        buffer = io.BytesIO()
        self._figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    def _text(self, x: float, y: float, text: str, **style: Any) -> None:
        size = _TEXT_PX * _POINTS_PER_INCH / _DPI
        # A title may contain a dollar sign, which is not mathematics.
        self._axes.text(x, y, text, size=size, family="DejaVu Sans", va="center", parse_math=False, **style)


def _kernels_caption(inspection: Inspection) -> str:
    count, height, width = inspection.kernels.shape
    ensemble = "" if inspection.networks == 1 else f"First of the {inspection.networks} networks of an ensemble. "
    drawn = f"the {count}" if count <= KERNELS else f"the first {KERNELS} of {count}"
    return (
        f"{ensemble}Left: the radiograph. Right: {drawn} kernels ({height} × {width}) of the first convolution, "
        f"{inspection.kernel_layer}: blue below zero, red above, black zero; one scale for all."
    )


def _layers_caption(inspection: Inspection) -> str:
    drawn, total = len(inspection.layers), inspection.layers_in_network
    selection = "The only convolutional activation" if total == 1 else f"All {total} convolutional activations"
    if drawn < total:
        selection = f"{drawn} of the {total} convolutional activations, evenly spaced"
    return (
        f"{selection}, from the radiograph to the logit. Left: Grad-CAM for {inspection.target}. Right: the strongest channels, "
        "strongest first. Each map has its own scale, from zero (black) to its maximum (bright); one that is zero everywhere is "
        "marked empty."
    )


def _place_kernels(sheet: _Sheet, kernels: Map) -> None:
    """Draw the kernels as squares in the area of a layer's channels, as large as they fit."""
    count, (left, top) = len(kernels), sheet.corner(ROWS, 0)
    width, height = WIDTH_PX - _MARGIN_PX - left, sheet.large[1]
    pitches = (
        (min((width + _GAP_PX) / columns, (height + _GAP_PX) / math.ceil(count / columns)), columns)
        for columns in range(1, count + 1)
    )
    pitch, columns = max(pitches)
    maximum = np.abs(kernels).max()
    scaled = np.divide(kernels, maximum, out=np.zeros_like(kernels), where=maximum > 0)
    for number, kernel in enumerate(scaled):
        row, column = divmod(number, columns)
        sheet.place(
            colours((1 + kernel) / 2, KERNEL_COLOUR_MAP), left + column * pitch, top + row * pitch, pitch - _GAP_PX, pitch - _GAP_PX
        )


def _place_layer(sheet: _Sheet, layer: Layer, radiograph: Pixels) -> None:
    grad_cam = np.asarray(overlay(radiograph, scale_to_maximum(layer.grad_cam)))
    sheet.place(grad_cam, *sheet.corner(0, 0), *sheet.large, empty=not layer.grad_cam.any())
    for position, channel in enumerate(layer.activations):
        row, column = divmod(position, COLUMNS)
        sheet.place(
            colours(scale_to_maximum(np.abs(channel))), *sheet.corner(ROWS + column, row), *sheet.cell, empty=not channel.any()
        )
