"""Style and drawing functions that the figures of the report share.

Figures are drawn on `Figure` objects and not through pyplot, which needs a display and keeps global state. Text is never parsed as
mathematics: the name of a recipe may contain a dollar sign.
"""

import base64
import io
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.scores import Part

COLOURS = sns.color_palette("colorblind")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "D", "^", "v", "P")
STYLE: dict[Any, Any] = {
    **sns.axes_style("ticks"),
    **sns.plotting_context("notebook", font_scale=0.85),
    "font.sans-serif": ["DejaVu Sans"],
    "text.parse_math": False,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "legend.frameon": False,
    "savefig.facecolor": "white",
    "figure.constrained_layout.h_pad": 0.12,
    "figure.constrained_layout.w_pad": 0.12,
}
in_report_style = mpl.rc_context(STYLE)
"""Decorator of functions that draw a figure of the report."""
DPI = 170
REFERENCE_COLOUR = "#999999"
"""Of lines to compare with, such as chance."""
BAND_COLOUR = "#f1f1f1"


@dataclass(frozen=True)
class Picture:
    """An image file of the report with its alternative text and caption."""

    name: str
    """File name, never made from the name of a radiograph or recipe."""
    alt: str
    caption: str
    png: bytes
    width: int
    """In pixels, as the height."""
    height: int


class SeriesStyle(NamedTuple):
    """Colour, line and marker of one series of a figure, such as a model."""

    colour: tuple[float, float, float]
    line: str
    marker: str


def series_style(position: int) -> SeriesStyle:
    """Return the style of the series at a position: the same for a model in every figure."""
    return SeriesStyle(COLOURS[position % len(COLOURS)], LINES[position % len(LINES)], MARKERS[position % len(MARKERS)])


def new_figure(inches: tuple[float, float], title: str, x: str, y: str) -> tuple[Figure, Axes]:
    """Create a figure with one panel."""
    figure = Figure(figsize=inches, layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def to_picture(figure: Figure, synthetic: bool, *, name: str, alt: str, caption: str) -> Picture:
    """Render a figure as a PNG, stamped where its radiographs are synthetic."""
    for axes in figure.axes:
        sns.despine(ax=axes)
    if synthetic:
        # In the image as well as in the caption: figures are copied out of pages.
        figure.supxlabel("synthetic phantom radiographs, no patients", fontsize=8, color="#a03000", x=0.98, ha="right")
    return picture_of(to_png(figure), name=name, alt=alt, caption=caption)


def to_png(figure: Figure, dpi: int = DPI) -> bytes:
    """Render a figure as a PNG without transparency."""
    # Not by `savefig`, which draws a figure with a layout engine twice, although each drawing computes the layout first.
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(buffer, "PNG", dpi=(dpi, dpi))
    return buffer.getvalue()


def picture_of(png: bytes, *, name: str, alt: str, caption: str) -> Picture:
    """Return a picture from the bytes of a PNG."""
    with Image.open(io.BytesIO(png)) as image:
        width, height = image.size
    return Picture(name=name, alt=alt, caption=caption, png=png, width=width, height=height)


def data_uri(picture: Picture) -> str:
    """Return a picture as a data URI, for a page that is one file."""
    return f"data:image/png;base64,{base64.b64encode(picture.png).decode()}"


class Mark(NamedTuple):
    """Marker of the scores on one part."""

    colour: int
    marker: str
    filled: bool


MARKS: dict[Part, Mark] = {
    "validation": Mark(0, "o", filled=False),
    "validation_shifted": Mark(2, "s", filled=False),
    "test": Mark(1, "o", filled=True),
}


def draw_estimate(axes: Axes, estimate: Estimate, y: float, mark: Mark) -> None:
    """Draw a score and its interval at a height of a panel; nothing where it is undefined."""
    if estimate.value is None:
        return
    if estimate.low is not None and estimate.high is not None:
        axes.plot([estimate.low, estimate.high], [y, y], color=COLOURS[mark.colour], linewidth=2)
    axes.plot(estimate.value, y, **_marker(mark), markersize=7, clip_on=False, zorder=5)


def label_mark(axes: Axes, label: str, mark: Mark) -> None:
    """Add a mark to the legend."""
    axes.plot([], [], **_marker(mark), label=label)


def _marker(mark: Mark) -> dict[str, Any]:
    colour = mpl.colors.to_hex(COLOURS[mark.colour])
    return {"marker": mark.marker, "linestyle": "none", "color": colour, "markerfacecolor": colour if mark.filled else "white"}
