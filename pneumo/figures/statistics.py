"""The figures of the study protocol: how certain, how well calibrated and how useful a model is."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.metrics import roc_curve

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.calibration import Calibration
from pneumo.evaluation.model_statistics import ModelStatistics
from pneumo.evaluation.predictions import PARTS, Part
from pneumo.figures.drawing import (
    CHANGED,
    COLOURS,
    LINES,
    MARKERS,
    SEEN,
    STYLE,
    TESTED,
    Mark,
    Picture,
    canvas,
    dot,
    dot_label,
    finished,
    rounded,
)
from pneumo.results.formatting import PARTS_SAID
from pneumo.results.registered import RegisteredModel

SQUARE_INCHES = (5.0, 5.0)
PANEL_INCHES = (5.6, 4.4)
# Path of a score in an Evaluation, and its title.
SHOWN = {
    "auroc": "AUROC",
    "locked.accuracy": "Accuracy",
    "locked.sensitivity": "Sensitivity",
    "locked.specificity": "Specificity",
}
MARKS: dict[Part, Mark] = {"validation": SEEN, "validation_shifted": CHANGED, "test": TESTED}


def certainty(models: Sequence[RegisteredModel], statistics: Sequence[ModelStatistics], synthetic: bool) -> Picture:
    """Draw four scores of every model with their intervals, on validation, as it is and changed, and on test."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 2.2 + 1.1 * len(models)), layout="constrained")
        panels = figure.subplots(2, 2, sharey=True).flat
        for axes, (path, title) in zip(panels, SHOWN.items(), strict=True):
            for row, each in enumerate(statistics):
                for offset, (part, mark) in zip((-0.22, 0, 0.22), MARKS.items(), strict=True):
                    dot(axes, each.certainty[part].scores[path], row + offset, mark)
            axes.set_title(title)
            axes.set_yticks(range(len(models)), [model.name for model in models])
            axes.set_ylim(len(models) - 0.5, -0.5)
        for part, mark in MARKS.items():
            dot_label(panels[0], PARTS_SAID[part], mark)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
        words = "; ".join(
            f"{model.name}: " + ", ".join(f"{title} {_said(each.certainty['test'].scores[path])}" for path, title in SHOWN.items())
            for model, each in zip(models, statistics, strict=True)
        )
        return finished(
            figure,
            synthetic,
            name="certainty.png",
            alt=f"Scores on test with 95 % intervals. {words}.",
            caption="Scores with 95 % intervals by patient bootstrap, on validation (open; square: shifted validation) and on"
            " test (filled); accuracy, sensitivity and specificity at the locked threshold. Whether two models differ, the paired"
            " comparison says.",
        )


def roc_band(model: RegisteredModel, statistics: ModelStatistics, synthetic: bool) -> Picture:
    """Draw one model's ROC curves: what the protocol went by and test, each within its band, and validation as it is."""
    lines = {"validation": LINES[3], "validation_shifted": LINES[1], "test": LINES[0]}
    with mpl.rc_context(STYLE):
        figure, axes = canvas(SQUARE_INCHES, f"ROC of {model.name}", "1 − specificity", "sensitivity")
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=1)
        for part in PARTS:
            found, colour = statistics.certainty[part], COLOURS[MARKS[part].colour]
            if found.band is None:
                continue
            rows = model.predictions(part)
            false_alarms, sensitivities, _ = roc_curve(rows["y_true"], rows["y_score"], drop_intermediate=False)
            if part != "validation":
                axes.fill_between(
                    found.band.false_positive_rates,
                    found.band.low,
                    found.band.high,
                    color=colour,
                    alpha=0.22,
                    linewidth=0,
                    step="post",
                )
            label = f"{PARTS_SAID[part]}, AUROC {rounded(found.scores['auroc'].value)}"
            axes.plot(false_alarms, sensitivities, lines[part], color=colour, label=label)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.legend(loc="lower right", fontsize="small")
        areas = ", ".join(f"{PARTS_SAID[part]} {_said(statistics.certainty[part].scores['auroc'])}" for part in PARTS)
        return finished(
            figure,
            synthetic,
            name=f"v{model.version}-roc-band.png",
            alt=f"ROC curves of {model.name} with bands; AUROC: {areas}.",
            caption=f"ROC of {model.name}: validation as it is (dotted) and under acquisition shift (dashed), and test"
            " (solid). Band: 95 % of the samples of patients, at each false-positive rate for itself.",
        )


def reliability(model: RegisteredModel, statistics: ModelStatistics, synthetic: bool) -> Picture:
    """Draw the share of PNEUMONIA against the probability, as it is and scaled, and what each bin has."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 4.6), layout="constrained")
        grid = figure.subplots(2, len(PARTS), sharex=True, height_ratios=(3.2, 1))
        for (upper, lower), part in zip(grid.T, PARTS, strict=True):
            found = statistics.calibration[part]
            upper.plot([0, 1], [0, 1], color="#999999", linewidth=1)
            kinds = (("as it is", found.raw), ("temperature-scaled", found.scaled))
            for place, (label, calibration) in enumerate(kinds):
                if calibration is not None:
                    _reliability_curve(upper, calibration, place, label)
                    centres = np.array([(each.lower + each.upper) / 2 for each in calibration.bins])
                    images = [each.images for each in calibration.bins]
                    lower.bar(centres + (place - 0.5) * 0.04, images, 0.04, color=COLOURS[2 + place])
            said = PARTS_SAID[part]
            upper.set(title=f"{said[0].upper()}{said[1:]}", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
            lower.set_xlabel("probability of PNEUMONIA")
        grid[0, 0].set_ylabel("share that is PNEUMONIA")
        grid[1, 0].set_ylabel("radiographs")
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, title=model.name)
        test = statistics.calibration["test"].raw
        return finished(
            figure,
            synthetic,
            name=f"v{model.version}-reliability.png",
            alt=f"Reliability curves of {model.name} on validation, as it is and under acquisition shift, and on test, where"
            f" the Brier score is {rounded(test.brier)} and the expected calibration error"
            f" {rounded(test.expected_calibration_error)}.",
            caption=f"Reliability of {model.name}: ten bins of equal width, Wilson's 95 % intervals, and below how many radiographs"
            " each bin has (under acquisition shift every one counts once a view). On the diagonal a probability is what it"
            " says; below it, the model is too sure of PNEUMONIA.",
        )


def predictive_values(models: Sequence[RegisteredModel], statistics: Sequence[ModelStatistics], synthetic: bool) -> Picture:
    """Draw both predictive values of every model by prevalence."""
    with mpl.rc_context(STYLE):
        figure, axes = canvas(PANEL_INCHES, "Predictive values", "share of PNEUMONIA among those examined", "predictive value")
        for place, (model, each) in enumerate(zip(models, statistics, strict=True)):
            prevalences = [point.prevalence for point in each.predictive]
            for line, values in enumerate(
                (
                    [point.positive.value for point in each.predictive],
                    [point.negative.value for point in each.predictive],
                )
            ):
                known = [np.nan if value is None else value for value in values]
                label = model.name if line == 0 else None
                axes.plot(
                    prevalences, known, LINES[line], color=COLOURS[place % 10], marker=MARKERS[place % 6], markersize=5, label=label
                )
        axes.set_xscale("log")
        axes.set_xticks(prevalences, [f"{prevalence:.0%}" for prevalence in prevalences])
        axes.minorticks_off()
        axes.set_ylim(-0.02, 1.02)
        axes.legend(loc="lower right")
        return finished(
            figure,
            synthetic,
            name="predictive-values.png",
            alt="Positive and negative predictive values by prevalence; the table beside it has the numbers.",
            caption="Of those called PNEUMONIA the share that have it (solid), of those called NORMAL the share that are (dashed),"
            " by how common PNEUMONIA is; from sensitivity and specificity on test at the locked threshold.",
        )


def decision_curves(models: Sequence[RegisteredModel], statistics: Sequence[ModelStatistics], synthetic: bool) -> Picture:
    """Draw every model's net benefit against treating all and treating none."""
    with mpl.rc_context(STYLE):
        figure, axes = canvas(PANEL_INCHES, "Decision curves, test", "probability from which on one treats", "net benefit")
        choices = np.array(statistics[0].decision.choices)
        axes.axhline(0, color="#555555", linewidth=1.2, label="treat none")
        axes.plot(choices, statistics[0].decision.treat_all, ":", color="#555555", label="treat all")
        for place, (model, each) in enumerate(zip(models, statistics, strict=True)):
            axes.plot(choices, each.decision.model, LINES[place % 3], color=COLOURS[place % 10], label=model.name)
        share = float(models[0].predictions("test")["y_true"].mean())
        axes.set(xlim=(0, 1), ylim=(-0.15 * max(share, 0.1), 1.08 * max(share, 0.1)))
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        # Above the line of treating none, left of treating all: where no model worth drawing runs.
        axes.legend(loc="lower left", bbox_to_anchor=(0, 0.13))
        middle = ", ".join(
            f"{model.name} {each.decision.model[len(choices) // 2]:.3f}" for model, each in zip(models, statistics, strict=True)
        )
        return finished(
            figure,
            synthetic,
            name="decision-curves.png",
            alt=f"Net benefit by threshold probability on test; at {choices[len(choices) // 2]:.0%}: {middle}.",
            caption="Net benefit: found pneumonias less false alarms, these weighed by the odds of the probability from which on"
            " one treats, as a share of all radiographs; logits divided by each model's temperature. A model is of use where its"
            " line is above both grey ones.",
        )


def _reliability_curve(axes: Axes, calibration: Calibration, place: int, label: str) -> None:
    known = [each for each in calibration.bins if each.images]
    x, y = np.array([each.mean_probability for each in known]), np.array([each.share for each in known])
    ends = np.array([[each.low for each in known], [each.high for each in known]])
    # Wilson's interval of 0 or 1 ends there, up to rounding.
    bars = np.maximum(np.abs(ends - y), 0)
    axes.errorbar(
        x,
        y,
        yerr=bars,
        fmt=MARKERS[place],
        linestyle=LINES[place],
        color=COLOURS[2 + place],
        markersize=5,
        capsize=2,
        linewidth=1.3,
        label=label,
    )


def _said(estimate: Estimate) -> str:
    ends = "" if estimate.low is None else f" ({rounded(estimate.low)} to {rounded(estimate.high)})"
    return rounded(estimate.value) + ends
