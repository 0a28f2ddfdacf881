"""Section "Adapting to another cohort": what labels of another cohort gain, and the models that were adapted with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pneumo.audit.traits import TRAITS
from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.learning_curve import CurvePoint
from pneumo.figures.adaptation import adaptation_curve
from pneumo.figures.drawing import Picture
from pneumo.files import printable
from pneumo.results.adaptation import AcquisitionBaseline, Adaptation, AdaptedModel
from pneumo.results.formatting import interval, listed, signed_interval, times, upper_first
from pneumo.results.model import RegisteredModel

CURVE_SCORES = {
    "auroc": "AUROC",
    "accuracy": "accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "brier": "Brier score",
}
"""Scores of a learning curve: name in `CurveScores`, and label."""
CHANCE = 0.5
COMMAND = "pneumo adapt champion --data OTHER"
NAMED_TRAITS = 3


@dataclass(frozen=True)
class AdaptedTo:
    """A model on the page, its learning curve on another cohort, and the models that were adapted to that cohort."""

    model: RegisteredModel
    result: Adaptation
    adapted: Sequence[AdaptedModel]
    picture: Picture


@dataclass(frozen=True)
class AdaptationsSection:
    """All learning curves of the page's models."""

    curves: Sequence[AdaptedTo] = ()

    def all(self) -> list[Picture]:
        """Return all figures."""
        return [curve.picture for curve in self.curves]


def adaptations_section(models: Sequence[RegisteredModel], synthetic: bool) -> AdaptationsSection:
    """Collect the learning curves of the models, in the order of the page, and draw them."""
    curves: list[AdaptedTo] = []
    for model in models:
        for result in model.adaptations:
            adapted = [other for other in model.adapted if other.record.data_fingerprint == result.data_fingerprint]
            name = f"adaptation-{len(curves) + 1}.png"
            curves.append(AdaptedTo(model, result, adapted, adaptation_curve(result, name, synthetic or result.synthetic)))
    return AdaptationsSection(curves)


def adaptation_metrics(model: RegisteredModel) -> list[Mapping[str, Any]]:
    """Return the learning curves of a model for metrics.json."""
    return [result.model_dump(mode="json") for result in model.adaptations]


def labels_in_words(labels: int | None) -> str:
    """Say how many radiographs are labelled."""
    return "all labels" if labels is None else f"{labels} labels"


def adaptation_meaning(result: Adaptation) -> list[str]:
    """Say what labels gain, how few are enough, and whether acquisition may explain it, in sentences."""
    curve = result.curve
    return [
        f"Without labels, {result.name} has an AUROC of {interval(curve.unadapted.auroc)} on {printable(result.data_name)}.",
        _gain(curve.points),
        _acquisition(result.acquisition, curve.points[-1]),
    ]


def adaptation_notes(result: Adaptation) -> list[str]:
    """Say how the curve was measured, what was left out, and how often models were scored on the cohort."""
    notes = [
        "Penalty, threshold and temperature are chosen within the labelled radiographs, the threshold by the rule"
        f" {result.threshold_rule}; each radiograph is scored by heads that no radiograph of its patient was used for.",
    ]
    trained_on = printable(result.training_data_name)
    if result.left_out:
        notes.append(f"Left out: {result.left_out} radiographs of patients with a radiograph of {trained_on}.")
    elif result.left_out is None:
        notes.append(f"Not checked for radiographs of {trained_on}: the model was registered by an earlier version.")
    if not result.patients_known:
        notes.append("Each radiograph counts as a patient of its own where nothing tells whose it is: scores may be too good.")
    notes.append(f"Models of this registry were scored on this cohort {times(result.accesses)}, this adaptation included.")
    return notes


def _gain(points: Sequence[CurvePoint]) -> str:
    better, last = [point for point in points if (point.difference.auroc.low or 0) > 0], points[-1]
    if not better:
        return f"No number of labels clearly improves it; with all, the AUROC differs by {signed_interval(last.difference.auroc)}."
    fewest = better[0]
    start = f"{upper_first(labels_in_words(fewest.labels))} clearly improve it, by {signed_interval(fewest.difference.auroc)}"
    start += f", to {interval(fewest.scores.auroc)}"
    if fewest is last:
        return f"{start}."
    return f"{start}; with all, which are {last.labelled:.0f} outside a fold, it is {interval(last.scores.auroc)}."


def _acquisition(acquisition: AcquisitionBaseline, last: CurvePoint) -> str:
    alone = acquisition.all_traits
    if not _above_chance(alone):
        together = "Acquisition traits alone, such as brightness and file size, do not predict the label clearly"
        return f"{together}: AUROC {interval(alone)}."
    traits = [f"{TRAITS[name].title} {interval(estimate)}" for name, estimate in acquisition.strongest(NAMED_TRAITS)]
    as_well = (alone.high or 0) >= (last.scores.auroc.value or 1)
    return (
        f"Acquisition traits alone predict the label {'as well as' if as_well else 'less well than'} the refitted head: together"
        f" with an AUROC of {interval(alone)}, by themselves {listed(traits)}. {'All' if as_well else 'A part'} of the gain may be"
        " how radiographs were acquired, and not the disease."
    )


def _above_chance(estimate: Estimate) -> bool:
    return estimate.low is not None and estimate.low > CHANCE
