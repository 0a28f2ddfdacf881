"""Figures of models on another cohort: ROC with operating points, reliability beside their own test split, decision curves."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.metrics import roc_curve

from pneumo.evaluation.model_statistics import PartCalibration
from pneumo.figures.drawing import (
    LINES,
    REFERENCE_COLOUR,
    Picture,
    SeriesStyle,
    in_report_style,
    new_figure,
    series_style,
    to_picture,
)
from pneumo.figures.statistics import GREY, PANEL_INCHES, SQUARE_INCHES, draw_calibration
from pneumo.results.external import ScoredCohort
from pneumo.results.formatting import interval, rounded

BAND_CAPTION = " Band: pointwise 95 % interval by patient bootstrap."


@in_report_style
def external_roc(cohorts: Sequence[ScoredCohort], positions: Sequence[int], name: str, synthetic: bool) -> Picture:
    """Draw the ROC curves of several models on one other cohort, with the locked and the re-chosen operating points.

    Args:
        positions: of the models on the page, which decide their styles.
        name: of the file.
    """
    cohort = cohorts[0].evaluation.data_name
    figure, axes = new_figure(SQUARE_INCHES, f"ROC on {cohort}", "1 − specificity", "sensitivity")
    axes.plot([0, 1], [0, 1], color=REFERENCE_COLOUR, linewidth=1)
    for scored, position in zip(cohorts, positions, strict=True):
        _draw_roc(axes, scored, series_style(position), band=len(cohorts) == 1)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right")
    evaluations = [scored.evaluation for scored in cohorts]
    areas = "; ".join(f"{result.name} {interval(result.statistics.certainty.scores['auroc'])}" for result in evaluations)
    return to_picture(
        figure,
        synthetic,
        name=name,
        alt=f"ROC curves on {cohort}; AUROC: {areas}.",
        caption=f"ROC on {cohort}. Filled: at the threshold locked on the model's own validation; open: at the threshold chosen on"
        f" {cohort} itself, which is optimistic.{BAND_CAPTION if len(cohorts) == 1 else ''}",
    )


def _draw_roc(axes: Axes, scored: ScoredCohort, style: SeriesStyle, band: bool) -> None:
    statistics, rows = scored.evaluation.statistics, scored.predictions
    if statistics.certainty.band is None:
        return
    false_positive_rates, sensitivities, _ = roc_curve(rows["y_true"], rows["y_score"], drop_intermediate=False)
    label = f"{scored.evaluation.name}, AUROC {rounded(statistics.scores.auroc)}"
    axes.plot(false_positive_rates, sensitivities, style.line, color=style.colour, label=label)
    if band:
        ends = (statistics.certainty.band.false_positive_rates, statistics.certainty.band.low, statistics.certainty.band.high)
        axes.fill_between(*ends, color=style.colour, alpha=0.15, linewidth=0, step="post")
    locked, rechosen = statistics.scores.locked, statistics.rechosen
    marker: dict[str, Any] = {"marker": style.marker, "color": style.colour, "markersize": 8, "clip_on": False, "zorder": 5}
    if locked.sensitivity is not None and locked.specificity is not None:
        axes.plot(1 - locked.specificity, locked.sensitivity, **marker)
    if rechosen and rechosen.sensitivity.value is not None and rechosen.specificity.value is not None:
        axes.plot(1 - rechosen.specificity.value, rechosen.sensitivity.value, markerfacecolor="white", **marker)


@in_report_style
def external_reliability(scored: ScoredCohort, own_test: PartCalibration, name: str, synthetic: bool) -> Picture:
    """Draw one model's reliability on its own test split and on another cohort."""
    evaluation = scored.evaluation
    figure = Figure(figsize=(7.4, 5.2), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, height_ratios=(3.2, 1))
    for panels, calibration, title in zip(
        grid.T, (own_test, evaluation.statistics.calibration), ("Own test", evaluation.data_name), strict=True
    ):
        draw_calibration(panels, calibration, title)
    grid[0, 0].set_ylabel("share of PNEUMONIA")
    grid[1, 0].set_ylabel("number")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2, title=evaluation.name)
    raw = evaluation.statistics.calibration.raw
    return to_picture(
        figure,
        synthetic,
        name=name,
        alt=f"Reliability curves of {evaluation.name} on its own test split and on {evaluation.data_name}. There the Brier score is"
        f" {rounded(raw.brier)} and the expected calibration error {rounded(raw.expected_calibration_error)}.",
        caption=f"Reliability of {evaluation.name} on its own test split and on {evaluation.data_name}: ten bins of equal width"
        " with Wilson 95 % intervals, and below them the number of radiographs in each bin. The temperature was fitted on its own"
        " validation.",
    )


@in_report_style
def external_decision_curves(cohorts: Sequence[ScoredCohort], positions: Sequence[int], name: str, synthetic: bool) -> Picture:
    """Draw the net benefit of several models on one other cohort, beside treating all and treating none."""
    cohort, curves = cohorts[0].evaluation.data_name, [scored.evaluation.statistics.decision for scored in cohorts]
    figure, axes = new_figure(PANEL_INCHES, f"Decision curves on {cohort}", "threshold probability of treatment", "net benefit")
    thresholds = np.array(curves[0].threshold_probabilities)
    axes.axhline(0, color=GREY, linewidth=1.2, label="treat none")
    axes.plot(thresholds, curves[0].treat_all, LINES[3], color=GREY, label="treat all")
    for scored, curve, position in zip(cohorts, curves, positions, strict=True):
        axes.plot(thresholds, curve.model, LINES[position % 3], color=series_style(position).colour, label=scored.evaluation.name)
    prevalence = max(float(cohorts[0].predictions["y_true"].mean()), 0.1)
    # Far below zero, where a model that misses its purpose is, the axis would hide the part that matters.
    axes.set(xlim=(0, 1), ylim=(-0.35 * prevalence, 1.08 * prevalence))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.legend(loc="upper right")
    middle = len(thresholds) // 2
    benefits = ", ".join(
        f"{scored.evaluation.name} {curve.model[middle]:.3f}" for scored, curve in zip(cohorts, curves, strict=True)
    )
    return to_picture(
        figure,
        synthetic,
        name=name,
        alt=f"Net benefit by threshold probability on {cohort}; at {thresholds[middle]:.0%}: {benefits}.",
        caption=f"Net benefit on {cohort}, at its own share of PNEUMONIA; probabilities are temperature-scaled where a temperature"
        " could be fitted. A model is useful where its curve lies above both grey lines.",
    )
