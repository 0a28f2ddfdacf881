"""Our figures on test beside what others report of the official test split."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from pneumo.evaluation.model_statistics import ModelStatistics
from pneumo.figures.drawing import COLOURS, STYLE, TESTED, Picture, dot, finished, rounded
from pneumo.results.registered import RegisteredModel

_WIDTH_INCHES = 7.6
_QUOTED = "#555555"
# Name of the score in what others report, and path of ours.
SHOWN = {"accuracy": "locked.accuracy", "auroc": "auroc"}
TITLES = {"accuracy": "Accuracy", "auroc": "AUROC"}


def beside_reference(
    models: Sequence[RegisteredModel],
    statistics: Sequence[ModelStatistics],
    trusted: RegisteredModel,
    systems: Sequence[Mapping[str, Any]],
) -> Picture:
    """Draw accuracy and AUROC of every model with their intervals, and below what others report.

    Args:
        trusted: the model whose row is set in bold.
        systems: as `reference_systems` gives them.
    """
    names = [model.name for model in models] + [system["short"] for system in systems]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(_WIDTH_INCHES, 1.1 + 0.3 * len(names)), layout="constrained")
        panels = figure.subplots(1, len(SHOWN), sharey=True)
        for axes, (score, path) in zip(panels, SHOWN.items(), strict=True):
            for row, each in enumerate(statistics):
                dot(axes, each.certainty["test"].scores[path], row, TESTED)
            for row, system in enumerate(systems, start=len(models)):
                axes.plot(system.get(score, float("nan")), row, "D", color=_QUOTED, markersize=5)
            axes.axhline(len(models) - 0.5, color="#999999", linewidth=1)
            axes.set_title(TITLES[score])
        panels[0].set_yticks(range(len(names)), names)
        panels[0].set_ylim(len(names) - 0.5, -0.5)
        labels = panels[0].get_yticklabels()
        labels[[model.version for model in models].index(trusted.version)].set_fontweight("bold")
        for label in labels[: len(models)]:
            label.set_color(mpl.colors.to_hex(COLOURS[TESTED.colour]))
        ours = "; ".join(
            f"{model.name} {rounded(each.certainty['test'].scores['locked.accuracy'].value)}"
            for model, each in zip(models, statistics, strict=True)
        )
        best = max(systems, key=lambda system: system["accuracy"])
        return finished(
            figure,
            synthetic=False,
            name="reference.png",
            alt=f"Accuracy and AUROC on test beside {len(systems)} reference systems. Accuracy: {ours}; the highest of the"
            f" reference systems: {rounded(best['accuracy'])}, {best['short']}.",
            caption=f"Above: this report's models on {models[0].facts.test.images} test radiographs, at the locked threshold, with"
            " 95 % intervals by patient bootstrap; in bold the one to trust. Below: what others report of the official test split"
            " of 624 radiographs, at 0.5; they give no intervals, and some no AUROC.",
        )
