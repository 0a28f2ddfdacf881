"""Figure of the robustness curves: scores by severity of each perturbation."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pneumo.figures.drawing import BAND_COLOUR, Picture, SeriesStyle, in_report_style, series_style, to_picture
from pneumo.results.robustness import SCORES, Curve, ModelRobustness, Score

WIDTH_INCHES, ROW_INCHES = 9.2, 2.15
# Distance between the markers of two models at one severity, in steps of the axis.
OFFSET = 0.09


@in_report_style
def robustness_curves(models: Sequence[ModelRobustness], positions: Sequence[int], synthetic: bool) -> Picture:
    """Draw three scores of every model: a row for each perturbation, a line for each model.

    Args:
        positions: place of each model in the other figures, which decides its colour, line and marker.
    """
    first = models[0]
    height = 0.9 + 0.2 * (len(models) // 3) + ROW_INCHES * len(first.curves)
    figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
    grid = figure.subplots(len(first.curves), len(SCORES), sharey="col", squeeze=False)
    for row, panels in enumerate(grid):
        for axes, (name, title) in zip(panels, SCORES.items(), strict=True):
            for place, (model, position) in enumerate(zip(models, positions, strict=True)):
                shift = (place - (len(models) - 1) / 2) * OFFSET
                _draw_curve(axes, model.curves[row], name, label=model.name, style=series_style(position), shift=shift)
            _format_axis(axes, first.curves[row])
            axes.set_ylabel(title)
        panels[0].set_title(first.curves[row].title)
        panels[len(SCORES) // 2].set_xlabel(first.curves[row].unit)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=min(len(models), 3))
    return to_picture(
        figure,
        synthetic,
        name="robustness.png",
        alt=f"Scores on validation by severity of {', '.join(curve.title for curve in first.curves)}. "
        + " ".join(model.summary for model in models),
        caption="Scores on perturbed validation radiographs; sensitivity and specificity at the locked threshold. Grey column:"
        " unperturbed radiographs. Bars: 95 % intervals by patient bootstrap. Every severity uses the same radiographs, so a"
        " difference can be real although intervals overlap.",
    )


def _draw_curve(axes: Axes, curve: Curve, name: Score, *, label: str, style: SeriesStyle, shift: float) -> None:
    estimates = [getattr(point, name) for point in curve.points]
    x = np.arange(len(estimates)) + shift
    values = np.array([estimate.value for estimate in estimates], dtype=float)  # None becomes nan, a gap in the line
    ends = np.array([(estimate.low, estimate.high) for estimate in estimates], dtype=float)
    axes.plot(x, values, style.line, marker=style.marker, color=style.colour, markersize=4, linewidth=1.4, label=label)
    axes.vlines(x, ends[:, 0], ends[:, 1], color=style.colour, linewidth=0.9, alpha=0.55)


def _format_axis(axes: Axes, curve: Curve) -> None:
    severities = [point.severity for point in curve.points]
    neutral = severities.index(curve.neutral)
    axes.axvspan(neutral - 0.5, neutral + 0.5, color=BAND_COLOUR, zorder=0)
    axes.set_xticks(range(len(severities)), [curve.label(severity) for severity in severities], fontsize="small")
    axes.set_xlim(-0.5, len(severities) - 0.5)
