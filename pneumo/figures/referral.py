"""Risk–coverage curves."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.ticker import PercentFormatter

from pneumo.evaluation.bootstrap import CONFIDENCE_LEVEL, patient_bootstrap
from pneumo.evaluation.referral import Certainty, risk_area, risk_at_coverages, risk_coverage
from pneumo.evaluation.scores import Part
from pneumo.figures.drawing import COLOURS, LINES, MARKS, REFERENCE_COLOUR, Picture, in_report_style, new_figure, to_picture
from pneumo.results.formatting import PART_LABELS, rounded

COVERAGES = np.linspace(0.05, 1, 96)
PANEL_INCHES = (6.4, 4.4)


@in_report_style
def risk_coverage_curves(
    name: str,
    decisions: Mapping[Part, tuple[npt.NDArray[Any], npt.NDArray[np.bool_], Certainty]],
    most_errors: float,
    synthetic: bool,
) -> Picture:
    """Draw the error rate of a model's most certain decisions by their share, on each part, with a 95 % band on test.

    Args:
        name: of the model.
        decisions: patients, errors and certainty, (N,) each, by part.
        most_errors: drawn as a line.
        synthetic: whether the cohort is a phantom cohort.
    """
    figure, axes = new_figure(PANEL_INCHES, f"Risk and coverage of {name}", "decided, not referred", "errors among these")
    axes.axhline(most_errors, color=REFERENCE_COLOUR, linewidth=1)
    lines: dict[Part, str] = {"validation": LINES[3], "validation_shifted": LINES[1], "test": LINES[0]}
    for part, (patient, errors, certainty) in decisions.items():
        colour = COLOURS[MARKS[part].colour]
        if part == "test":
            draws = patient_bootstrap(patient, {"risk": risk_at_coverages(errors, certainty, COVERAGES)})["risk"]
            low, high = np.nanquantile(draws, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2], axis=0)
            axes.fill_between(COVERAGES, low, high, color=colour, alpha=0.22, linewidth=0)
        coverage, risk = risk_coverage(errors, certainty)
        label = f"{PART_LABELS[part]}, area {rounded(risk_area(errors, certainty))}"
        axes.plot(coverage, risk, lines[part], color=colour, label=label)
    axes.xaxis.set_major_formatter(PercentFormatter(1, 0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
    axes.set(xlim=(0, 1.01), ylim=(0, None))
    axes.legend(loc="upper left", fontsize="small")
    areas = ", ".join(
        f"{PART_LABELS[part]} {rounded(risk_area(errors, certainty))}" for part, (_, errors, certainty) in decisions.items()
    )
    return to_picture(
        figure,
        synthetic,
        name="risk-coverage.png",
        alt=f"Error rate of the most certain decisions of {name} by their share; areas under the curves: {areas}.",
        caption=f"Error rate among the most certain decisions of {name}, by their share: from right to left, more radiographs are"
        f" referred. Horizontal line: the largest error rate that is accepted, {most_errors:.0%}. Band: pointwise 95 % interval on"
        " test, by patient bootstrap.",
    )
