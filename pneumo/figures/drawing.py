"""How every figure of the report is drawn.

Drawn on Figure objects, never through pyplot: nothing global is left behind, and no display is needed. Text is never read as
mathematics: the name of a recipe may hold a dollar sign.
"""

import base64
import io
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from pneumo.evaluation.bootstrap import Estimate

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
DPI = 170


@dataclass(frozen=True)
class Picture:
    """An image file of the report."""

    name: str
    """File name. Numbered, never made from a radiograph's or a recipe's name."""
    alt: str
    caption: str
    png: bytes
    width: int
    height: int


def canvas(inches: tuple[float, float], title: str, x: str, y: str) -> tuple[Figure, Axes]:
    """Start a figure of one panel."""
    figure = Figure(figsize=inches, layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    return figure, axes


def finished(figure: Figure, synthetic: bool, *, name: str, alt: str, caption: str) -> Picture:
    """Stamp a figure where its radiographs are synthetic, and make the image of it."""
    for axes in figure.axes:
        sns.despine(ax=axes)
    if synthetic:
        # In the picture as well: figures are copied out of pages.
        figure.supxlabel("synthetic phantom radiographs, no patients", fontsize=8, color="#a03000", x=0.98, ha="right")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return given(buffer.getvalue(), name=name, alt=alt, caption=caption)


def given(png: bytes, *, name: str, alt: str, caption: str) -> Picture:
    """Take over an image that was drawn before."""
    with Image.open(io.BytesIO(png)) as image:
        width, height = image.size
    return Picture(name=name, alt=alt, caption=caption, png=png, width=width, height=height)


def embedded(picture: Picture) -> str:
    """Write a picture as an address that needs no file beside the page."""
    return f"data:image/png;base64,{base64.b64encode(picture.png).decode()}"


class Mark(NamedTuple):
    """How a score is marked."""

    colour: int
    marker: str
    filled: bool


SEEN = Mark(0, "o", filled=False)
"""What was seen before test."""
CHANGED = Mark(2, "s", filled=False)
"""The same under acquisition shift."""
TESTED = Mark(1, "o", filled=True)


def dot(axes: Axes, estimate: Estimate, row: float, mark: Mark) -> None:
    """Mark a score and its interval on one row of a panel."""
    if estimate.value is None:
        return
    if estimate.low is not None and estimate.high is not None:
        axes.plot([estimate.low, estimate.high], [row, row], color=COLOURS[mark.colour], linewidth=2)
    axes.plot(estimate.value, row, **_dot(mark), markersize=7, clip_on=False, zorder=5)


def dot_label(axes: Axes, label: str, mark: Mark) -> None:
    """Give the marks of one kind their entry in the legend."""
    axes.plot([], [], **_dot(mark), label=label)


def _dot(mark: Mark) -> dict[str, Any]:
    colour = mpl.colors.to_hex(COLOURS[mark.colour])
    return {"marker": mark.marker, "linestyle": "none", "color": colour, "markerfacecolor": colour if mark.filled else "white"}


def rounded(number: float | None) -> str:
    """Write a score with three decimals; almost perfect is not written as perfect."""
    if number is None:
        return "–"
    return "> 0.999" if 0.9995 <= number < 1 else f"{number:.3f}"  # noqa: PLR2004
