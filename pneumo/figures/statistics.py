"""Figures of intervals, calibration and clinical utility."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.metrics import roc_curve

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.calibration import Calibration
from pneumo.evaluation.model_statistics import ModelStatistics, PartCalibration
from pneumo.evaluation.scores import PARTS
from pneumo.figures.drawing import (
    COLOURS,
    LINES,
    MARKERS,
    MARKS,
    REFERENCE_COLOUR,
    Mark,
    Picture,
    draw_estimate,
    in_report_style,
    label_mark,
    new_figure,
    series_style,
    to_picture,
)
from pneumo.results.formatting import PART_LABELS, interval, rounded, upper_first
from pneumo.results.model import RegisteredModel

SQUARE_INCHES = (5.0, 5.0)
PANEL_INCHES = (5.6, 4.4)
GREY = "#555555"
# Path of a score in an Evaluation, and its title.
SHOWN = {
    "auroc": "AUROC",
    "locked.accuracy": "Accuracy",
    "locked.sensitivity": "Sensitivity",
    "locked.specificity": "Specificity",
}


@in_report_style
def scores_with_intervals(models: Sequence[RegisteredModel], statistics: Sequence[ModelStatistics], synthetic: bool) -> Picture:
    """Draw four scores of every model with their intervals on validation, unchanged and by worst views, and on test."""
    figure = Figure(figsize=(7.6, 2.2 + 1.1 * len(models)), layout="constrained")
    panels = figure.subplots(2, 2, sharey=True).flat
    for axes, (path, title) in zip(panels, SHOWN.items(), strict=True):
        for row, model in enumerate(statistics):
            for offset, (estimates_of, mark) in zip((-0.22, 0, 0.22), _with_expected(model).values(), strict=True):
                draw_estimate(axes, estimates_of[path], row + offset, mark)
        axes.set_title(title)
        axes.set_yticks(range(len(models)), [model.name for model in models])
        axes.set_ylim(len(models) - 0.5, -0.5)
    for label, (_, mark) in _with_expected(statistics[0]).items():
        label_mark(panels[0], label, mark)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    scores = "; ".join(
        f"{model.name}: "
        + ", ".join(f"{title} {interval(estimates.certainty['test'].scores[path])}" for path, title in SHOWN.items())
        for model, estimates in zip(models, statistics, strict=True)
    )
    return to_picture(
        figure,
        synthetic,
        name="certainty.png",
        alt=f"Scores on test with 95 % intervals. {scores}.",
        caption="Scores with 95 % intervals by patient bootstrap on validation (open circle), on validation by worst views (open"
        " square) and on test (filled). The square is what was expected of test: where it lies right of the interval on test, the"
        " model falls short. Accuracy, sensitivity and specificity at the locked threshold.",
    )


def _with_expected(model: ModelStatistics) -> dict[str, tuple[dict[str, Estimate], Mark]]:
    """Scores with the mark they are drawn with, by label."""
    return {
        "validation": (model.certainty["validation"].scores, MARKS["validation"]),
        "validation, worst views: expected": (model.worst_views.scores, MARKS["validation_shifted"]),
        "test": (model.certainty["test"].scores, MARKS["test"]),
    }


@in_report_style
def roc_band(model: RegisteredModel, statistics: ModelStatistics, synthetic: bool) -> Picture:
    """Draw one model's ROC curves on validation, shifted validation and test; the latter two with 95 % bands."""
    lines = {"validation": LINES[3], "validation_shifted": LINES[1], "test": LINES[0]}
    figure, axes = new_figure(SQUARE_INCHES, f"ROC of {model.name}", "1 − specificity", "sensitivity")
    axes.plot([0, 1], [0, 1], color=REFERENCE_COLOUR, linewidth=1)
    for part in PARTS:
        certainty, colour, rows = statistics.certainty[part], COLOURS[MARKS[part].colour], model.predictions[part]
        if certainty.band is None:
            continue
        false_positive_rates, sensitivities, _ = roc_curve(rows["y_true"], rows["y_score"], drop_intermediate=False)
        if part != "validation":
            band = (certainty.band.false_positive_rates, certainty.band.low, certainty.band.high)
            axes.fill_between(*band, color=colour, alpha=0.22, linewidth=0, step="post")
        label = f"{PART_LABELS[part]}, AUROC {rounded(certainty.scores['auroc'].value)}"
        axes.plot(false_positive_rates, sensitivities, lines[part], color=colour, label=label)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.legend(loc="lower right", fontsize="small")
    areas = ", ".join(f"{PART_LABELS[part]} {interval(statistics.certainty[part].scores['auroc'])}" for part in PARTS)
    return to_picture(
        figure,
        synthetic,
        name=f"v{model.version}-roc-band.png",
        alt=f"ROC curves of {model.name} with bands; AUROC: {areas}.",
        caption=f"ROC of {model.name} on validation (dotted), shifted validation (dashed) and test (solid). Band: pointwise"
        " 95 % interval of the sensitivity at each false-positive rate, by patient bootstrap.",
    )


@in_report_style
def reliability(model: RegisteredModel, statistics: ModelStatistics, synthetic: bool) -> Picture:
    """Draw reliability curves, raw and temperature-scaled, and the number of radiographs in each bin."""
    figure = Figure(figsize=(9.6, 4.6), layout="constrained")
    grid = figure.subplots(2, len(PARTS), sharex=True, height_ratios=(3.2, 1))
    for panels, part in zip(grid.T, PARTS, strict=True):
        draw_calibration(panels, statistics.calibration[part], upper_first(PART_LABELS[part]))
    grid[0, 0].set_ylabel("share of PNEUMONIA")
    grid[1, 0].set_ylabel("number")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, title=model.name)
    test = statistics.calibration["test"].raw
    return to_picture(
        figure,
        synthetic,
        name=f"v{model.version}-reliability.png",
        alt=f"Reliability curves of {model.name} on validation, shifted validation and test. On test the Brier score is"
        f" {rounded(test.brier)} and the expected calibration error {rounded(test.expected_calibration_error)}.",
        caption=f"Reliability of {model.name}: ten bins of equal width with Wilson 95 % intervals, and below them the number of"
        " radiographs in each bin (in shifted validation, of views). On the diagonal, probabilities equal the observed share;"
        " below it, the model overestimates the probability of PNEUMONIA.",
    )


@in_report_style
def predictive_values(models: Sequence[RegisteredModel], statistics: Sequence[ModelStatistics], synthetic: bool) -> Picture:
    """Draw positive and negative predictive value of every model by prevalence."""
    prevalences = [values.prevalence for values in statistics[0].predictive]
    figure, axes = new_figure(PANEL_INCHES, "Predictive values", "prevalence of PNEUMONIA", "predictive value")
    for position, (model, estimates) in enumerate(zip(models, statistics, strict=True)):
        positive = [values.positive.value for values in estimates.predictive]
        negative = [values.negative.value for values in estimates.predictive]
        colour, _, marker = series_style(position)
        for line, label, values in ((LINES[0], model.name, positive), (LINES[1], None, negative)):
            shares = np.array(values, dtype=float)  # None becomes nan, a gap in the line
            axes.plot(prevalences, shares, line, color=colour, marker=marker, markersize=5, label=label)
    axes.set_xscale("log")
    axes.set_xticks(prevalences, [f"{prevalence:.0%}" for prevalence in prevalences])
    axes.minorticks_off()
    axes.set_ylim(-0.02, 1.02)
    axes.legend(loc="lower right")
    return to_picture(
        figure,
        synthetic,
        name="predictive-values.png",
        alt="Positive and negative predictive values by prevalence; the table beside it has the numbers.",
        caption="Positive (solid) and negative (dashed) predictive value by prevalence of PNEUMONIA, from sensitivity and"
        " specificity on test at the locked threshold.",
    )


@in_report_style
def decision_curves(models: Sequence[RegisteredModel], statistics: Sequence[ModelStatistics], synthetic: bool) -> Picture:
    """Draw every model's net benefit beside treating all and treating none."""
    figure, axes = new_figure(PANEL_INCHES, "Decision curves, test", "threshold probability of treatment", "net benefit")
    thresholds = np.array(statistics[0].decision.threshold_probabilities)
    axes.axhline(0, color=GREY, linewidth=1.2, label="treat none")
    axes.plot(thresholds, statistics[0].decision.treat_all, LINES[3], color=GREY, label="treat all")
    for position, (model, estimates) in enumerate(zip(models, statistics, strict=True)):
        colour = series_style(position).colour
        axes.plot(thresholds, estimates.decision.model, LINES[position % 3], color=colour, label=model.name)
    prevalence = float(models[0].predictions["test"]["y_true"].mean())
    axes.set(xlim=(0, 1), ylim=(-0.15 * max(prevalence, 0.1), 1.08 * max(prevalence, 0.1)))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    # Above the line of treating none and left of treating all, where the curve of a useful model does not run.
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.13))
    middle = len(thresholds) // 2
    benefits = ", ".join(
        f"{model.name} {estimates.decision.model[middle]:.3f}" for model, estimates in zip(models, statistics, strict=True)
    )
    return to_picture(
        figure,
        synthetic,
        name="decision-curves.png",
        alt=f"Net benefit by threshold probability on test; at {thresholds[middle]:.0%}: {benefits}.",
        caption="Net benefit: true positives minus false positives, the latter weighted by the odds of the threshold"
        " probability, as a share of all radiographs; probabilities are temperature-scaled where a temperature could be fitted. A"
        " model is useful where its curve lies above both grey lines.",
    )


def draw_calibration(panels: Sequence[Axes], calibration: PartCalibration, title: str) -> None:
    """Draw the reliability curves of one part, raw and temperature-scaled, and below them the radiographs in each bin."""
    upper, lower = panels
    upper.plot([0, 1], [0, 1], color=REFERENCE_COLOUR, linewidth=1)
    for position, (label, curve) in enumerate({"raw": calibration.raw, "temperature-scaled": calibration.scaled}.items()):
        if curve is not None:
            _draw_reliability(upper, curve, position, label)
            centres = np.array([(edges.lower + edges.upper) / 2 for edges in curve.bins])
            images = [edges.images for edges in curve.bins]
            lower.bar(centres + (position - 0.5) * 0.04, images, 0.04, color=COLOURS[2 + position])
    upper.set(title=title, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    lower.set_xlabel("probability of PNEUMONIA")


def _draw_reliability(axes: Axes, calibration: Calibration, position: int, label: str) -> None:
    bins = [edges for edges in calibration.bins if edges.images]
    x, y = np.array([edges.mean_probability for edges in bins]), np.array([edges.fraction_of_positives for edges in bins])
    ends = np.array([[edges.low for edges in bins], [edges.high for edges in bins]])
    # A Wilson interval of 0 or 1 ends there, up to rounding.
    errors = np.maximum(np.abs(ends - y), 0)
    axes.errorbar(
        x, y, yerr=errors, fmt=MARKERS[position], linestyle=LINES[position], color=COLOURS[2 + position],
        markersize=5, capsize=2, linewidth=1.3, label=label,
    )  # fmt: skip
