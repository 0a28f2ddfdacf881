"""Figure of a learning curve: scores on another cohort by the number of labelled radiographs."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pneumo.evaluation.bootstrap import Estimate
from pneumo.figures.drawing import (
    BAND_COLOUR,
    REFERENCE_COLOUR,
    Picture,
    SeriesStyle,
    in_report_style,
    series_style,
    to_picture,
)
from pneumo.results.adaptation import Adaptation
from pneumo.results.formatting import interval

INCHES = (9.2, 4.0)
_OFFSET = 0.07


@in_report_style
def adaptation_curve(result: Adaptation, name: str, synthetic: bool) -> Picture:
    """Draw the AUROC beside that of the unadapted model and of acquisition alone, and sensitivity and specificity."""
    figure, curve = Figure(figsize=INCHES, layout="constrained"), result.curve
    left, right = figure.subplots(1, 2, sharex=True)
    scores = [curve.unadapted, *(point.scores for point in curve.points)]
    _draw(left, [score.auroc for score in scores], series_style(0), "refitted head")
    _draw_level(left, result.acquisition.all_traits, "acquisition traits alone")
    left.axhline(0.5, color=REFERENCE_COLOUR, linewidth=1)
    _draw(right, [score.sensitivity for score in scores], series_style(1), "sensitivity", -_OFFSET)
    _draw(right, [score.specificity for score in scores], series_style(2), "specificity", _OFFSET)
    ticks = ["none", *(str(point.labels or f"all\n({point.labelled:.0f})") for point in curve.points)]
    for axes, title in ((left, "AUROC"), (right, "At the re-chosen threshold")):
        axes.axvspan(-0.5, 0.5, color=BAND_COLOUR, zorder=0)
        axes.set(title=title, xlabel="labelled radiographs", xlim=(-0.5, len(ticks) - 0.5), ylim=(0, 1.02))
        axes.set_xticks(range(len(ticks)), ticks)
        axes.legend(loc="lower right")
    left.set_ylim(min(0.4, curve.unadapted.auroc.low or 0.4), 1.02)
    areas = "; ".join(f"{tick.split()[0]} {interval(score.auroc)}" for tick, score in zip(ticks, scores, strict=True))
    return to_picture(
        figure,
        synthetic,
        name=name,
        alt=f"AUROC of {result.name} on {result.data_name} by labelled radiographs: {areas}. Acquisition traits alone:"
        f" {interval(result.acquisition.all_traits)}.",
        caption=f"{result.name} on {result.data_name}, by the number of labelled radiographs that its head was refitted to. Grey"
        " column: the unadapted model, at its locked threshold. Bars and band: 95 % intervals by patient bootstrap. All are of the"
        " same radiographs, so a difference can be real although intervals overlap.",
    )


def _draw(axes: Axes, estimates: Sequence[Estimate], style: SeriesStyle, label: str, shift: float = 0) -> None:
    x = np.arange(len(estimates)) + shift
    values = np.array([estimate.value for estimate in estimates], dtype=float)  # None becomes nan, a gap in the line
    ends = np.array([(estimate.low, estimate.high) for estimate in estimates], dtype=float)
    axes.plot(x, values, style.line, marker=style.marker, color=style.colour, markersize=5, linewidth=1.4, label=label)
    axes.vlines(x, ends[:, 0], ends[:, 1], color=style.colour, linewidth=1.2, alpha=0.6)


def _draw_level(axes: Axes, estimate: Estimate, label: str) -> None:
    """Draw an estimate that does not depend on the labels as a line with its interval as a band."""
    if estimate.value is None:
        return
    style = series_style(3)
    axes.axhline(estimate.value, color=style.colour, linestyle=style.line, linewidth=1.2, label=label)
    if estimate.low is not None and estimate.high is not None:
        axes.axhspan(estimate.low, estimate.high, color=style.colour, alpha=0.12, linewidth=0)
