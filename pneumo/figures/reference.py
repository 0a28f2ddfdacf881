"""Figure of the report's models beside published reference systems."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from pneumo.evaluation.model_statistics import ModelStatistics
from pneumo.figures.drawing import COLOURS, MARKS, REFERENCE_COLOUR, Picture, draw_estimate, in_report_style, to_picture
from pneumo.results.formatting import rounded
from pneumo.results.model import RegisteredModel

WIDTH_INCHES = 7.6
SYSTEM_COLOUR = "#555555"
# Score of a reference system, its path in an Evaluation and the title of its panel.
SHOWN = {"accuracy": ("locked.accuracy", "Accuracy"), "auroc": ("auroc", "AUROC")}


@in_report_style
def reference_comparison(
    models: Sequence[RegisteredModel],
    statistics: Sequence[ModelStatistics],
    selected: RegisteredModel,
    systems: Sequence[Mapping[str, Any]],
) -> Picture:
    """Draw accuracy and AUROC of every model on test with their intervals, the selected one in bold, above published systems."""
    names = [model.name for model in models] + [system["short"] for system in systems]
    figure = Figure(figsize=(WIDTH_INCHES, 1.1 + 0.3 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(SHOWN), sharey=True)
    for axes, (score, (path, title)) in zip(panels, SHOWN.items(), strict=True):
        for row, estimates in enumerate(statistics):
            draw_estimate(axes, estimates.certainty["test"].scores[path], row, MARKS["test"])
        for row, system in enumerate(systems, start=len(models)):
            axes.plot(system.get(score, float("nan")), row, "D", color=SYSTEM_COLOUR, markersize=5)
        axes.axhline(len(models) - 0.5, color=REFERENCE_COLOUR, linewidth=1)
        axes.set_title(title)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    for label, model in zip(panels[0].get_yticklabels(), models, strict=False):
        label.set_color(mpl.colors.to_hex(COLOURS[MARKS["test"].colour]))
        label.set_fontweight("bold" if model.version == selected.version else "normal")
    return to_picture(
        figure,
        synthetic=False,
        name="reference.png",
        alt=_alternative_text(models, statistics, systems),
        caption=f"Above the line: models of this report on {models[0].record.test.images} test radiographs, at the locked"
        " threshold, with 95 % intervals by patient bootstrap; the selected model in bold. Below: results published for the"
        " official test split of 624 radiographs, at 0.5; their sources give no intervals, and some give no AUROC.",
    )


def _alternative_text(
    models: Sequence[RegisteredModel], statistics: Sequence[ModelStatistics], systems: Sequence[Mapping[str, Any]]
) -> str:
    path, _ = SHOWN["accuracy"]
    accuracies = "; ".join(
        f"{model.name} {rounded(estimates.certainty['test'].scores[path].value)}"
        for model, estimates in zip(models, statistics, strict=True)
    )
    best = max(systems, key=lambda system: system["accuracy"])
    return (
        f"Accuracy and AUROC on test beside {len(systems)} reference systems. Accuracy: {accuracies}; the highest of the"
        f" reference systems: {rounded(best['accuracy'])}, {best['short']}."
    )
