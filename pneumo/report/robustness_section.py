"""The robustness curves, as the page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import ValidationError

from pneumo.errors import UserError
from pneumo.figures.drawing import COLOURS, LINES, MARKERS, STYLE, Picture, finished
from pneumo.radiographs.perturbation import definition
from pneumo.results.registered import RegisteredModel
from pneumo.results.robustness import FILE, SCORES, Curve, ModelRobustness, Score, read, sentence

_REMEDY = "run `pneumo robustness`, then `pneumo report`"
_WIDTH_INCHES = 9.2
_ROW_INCHES = 2.15
# How far the marks of two models at one severity are kept apart, in steps of the axis.
_APART = 0.09


@dataclass(frozen=True)
class RobustnessSection:
    """The curves of the page's models, as far as they were measured."""

    found: Sequence[ModelRobustness]
    missing: Sequence[str]
    """Names of the models that were not measured yet, or not as they are now."""
    picture: Picture | None

    @property
    def sentences(self) -> list[str]:
        """Say how far each model falls."""
        return [sentence(model) for model in self.found]

    def numbers(self) -> list[dict[str, Any]]:
        """Give the curves as metrics.json has them."""
        return [model.model_dump(mode="json") for model in self.found]

    def pictures(self) -> list[Picture]:
        """List the figures to write."""
        return [self.picture] if self.picture else []


def robustness_section(report_directory: Path, models: Sequence[RegisteredModel], synthetic: bool) -> RobustnessSection:
    """Find the curves in the report's folder that are of these very models, and draw them.

    Raises:
        UserError: their file cannot be read as one.
    """
    file = report_directory / FILE
    try:
        kept = read(file)
    except ValidationError as error:
        raise UserError(f"{file} holds no robustness curves ({error.error_count()} errors): delete it, {_REMEDY}") from error
    measured = {(model.version, model.model_sha256, model.data_fingerprint, model.definition): model for model in kept.models}
    keys = {model.name: (model.version, model.sha256, model.facts.data_fingerprint, definition()) for model in models}
    found = [measured[key] for key in keys.values() if key in measured]
    return RobustnessSection(
        found=found,
        missing=[name for name, key in keys.items() if key not in measured],
        # In the style that each has in the other figures, whoever is missing here.
        picture=robustness_figure(found, [place for place, key in enumerate(keys.values()) if key in measured], synthetic)
        if found
        else None,
    )


def robustness_figure(models: Sequence[ModelRobustness], styles: Sequence[int], synthetic: bool) -> Picture:
    """Draw three scores of every model along every perturbation: a row a perturbation, a line a model.

    Args:
        styles: number of each model's colour, line and marker.
    """
    rows = len(models[0].curves)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH_INCHES, 0.9 + 0.2 * (len(models) // 3) + _ROW_INCHES * rows), layout="constrained")
        grid = figure.subplots(rows, len(SCORES), sharey="col", squeeze=False)
        for row, panels in enumerate(grid):
            for axes, name in zip(panels, SCORES, strict=True):
                for place, (model, style) in enumerate(zip(models, styles, strict=True)):
                    _line(axes, model, row, name, style=style, shift=(place - (len(models) - 1) / 2) * _APART)
                _dress(axes, models[0].curves[row])
            panels[0].set_title(models[0].curves[row].title)
            panels[len(SCORES) // 2].set_xlabel(models[0].curves[row].unit)
            for axes, title in zip(panels, SCORES.values(), strict=True):
                axes.set_ylabel(title)
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=min(len(models), 3))
        return finished(
            figure,
            synthetic,
            name="robustness.png",
            alt=f"Scores on validation by severity of {', '.join(curve.title for curve in models[0].curves)}. "
            + " ".join(sentence(model) for model in models),
            caption="Scores on validation radiographs that were made worse, or otherwise; sensitivity and specificity at the threshold"
            " locked on the radiographs as they are (grey column). Bars: 95 % intervals by patient bootstrap. The same radiographs at every"
            " severity, so a fall may be real though bars overlap.",
        )


def _line(axes: Axes, model: ModelRobustness, row: int, name: Score, *, style: int, shift: float) -> None:
    estimates = [getattr(point, name) for point in model.curves[row].points]
    at = np.arange(len(estimates)) + shift
    values = np.array([estimate.value for estimate in estimates], dtype=float)  # None becomes nan, and a gap
    ends = np.array([(estimate.low, estimate.high) for estimate in estimates], dtype=float)
    colour, line, marker = COLOURS[style % 10], LINES[style % 4], MARKERS[style % 6]
    axes.plot(at, values, line, marker=marker, color=colour, markersize=4, linewidth=1.4, label=model.name)
    axes.vlines(at, ends[:, 0], ends[:, 1], color=colour, linewidth=0.9, alpha=0.55)


def _dress(axes: Axes, curve: Curve) -> None:
    severities = [point.severity for point in curve.points]
    neutral = severities.index(curve.neutral)
    axes.axvspan(neutral - 0.5, neutral + 0.5, color="#f1f1f1", zorder=0)
    axes.set_xticks(range(len(severities)), [curve.said(severity) for severity in severities], fontsize="small")
    axes.set_xlim(-0.5, len(severities) - 0.5)
