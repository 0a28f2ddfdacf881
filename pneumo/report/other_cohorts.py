"""Section "On other cohorts": the evaluations of the page's models on cohorts that they were not trained on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.model_statistics import ModelStatistics
from pneumo.figures.drawing import Picture
from pneumo.figures.external import external_decision_curves, external_reliability, external_roc
from pneumo.files import printable
from pneumo.report.selected_model import complement
from pneumo.results.external import ExternalEvaluation, ScoredCohort
from pneumo.results.formatting import interval, per_hundred, percent, percent_interval, rounded, signed_interval, times
from pneumo.results.model import RegisteredModel
from pneumo.results.registered import RegisteredRecord

SCORES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "locked.sensitivity": "sensitivity",
    "locked.specificity": "specificity",
    "locked.accuracy": "accuracy",
}
"""Scores on another cohort: path in an Evaluation, and label."""
CHANCE = 0.5
COMMAND = "pneumo evaluate champion --data OTHER"


@dataclass(frozen=True)
class OtherCohort:
    """One other cohort, with the models that were evaluated on it."""

    name: str
    label: str
    """Its name, with the start of its fingerprint where another cohort has the same name."""
    synthetic: bool
    """It, or the cohort that the models were trained on, is a phantom cohort."""
    models: Sequence[tuple[RegisteredModel, ScoredCohort]]
    curves: Sequence[Picture]
    """ROC and decision curves; empty where all radiographs are of one class."""
    reliability: Sequence[Picture]
    """One for each model."""

    @property
    def evaluations(self) -> list[ExternalEvaluation]:
        """Evaluations of the models, in their order on the page."""
        return [scored.evaluation for _, scored in self.models]

    @property
    def has_subgroups(self) -> bool:
        """Whether any score by subgroup is defined."""
        groups = (group for evaluation in self.evaluations for group in evaluation.statistics.subgroups)
        return any(group.auroc.value is not None for group in groups)


@dataclass(frozen=True)
class OtherCohortsSection:
    """All other cohorts, and the models that were evaluated on none."""

    cohorts: Sequence[OtherCohort] = ()
    missing: Sequence[str] = ()
    """Names of the models without any external evaluation."""

    def all(self) -> list[Picture]:
        """Return all figures."""
        return [picture for cohort in self.cohorts for picture in (*cohort.curves, *cohort.reliability)]


def other_cohorts_section(
    models: Sequence[RegisteredModel], statistics: Sequence[ModelStatistics], synthetic: bool
) -> OtherCohortsSection:
    """Group the external evaluations of the models by cohort, in the order of the cohorts' names, and draw their figures."""
    evaluated = [scored.evaluation for model in models for scored in model.external]
    identities = sorted({(evaluation.data_name, evaluation.data_fingerprint) for evaluation in evaluated})
    names = Counter(name for name, _ in identities)
    cohorts = []
    for number, (name, fingerprint) in enumerate(identities, start=1):
        label = f"{name} ({fingerprint[:8]})" if names[name] > 1 else name
        cohorts.append(
            _other_cohort(number, label, fingerprint=fingerprint, models=models, statistics=statistics, synthetic=synthetic)
        )
    return OtherCohortsSection(cohorts, [model.name for model in models if not model.external])


def meaning(evaluation: ExternalEvaluation, record: RegisteredRecord) -> list[str]:
    """Say what an external evaluation shows, and what was expected from the model's own cohort, in sentences."""
    return [
        sentence
        for sentence in (
            discrimination(evaluation, record),
            _decisions(evaluation, record),
            _rechosen(evaluation),
            _shift(evaluation),
        )
        if sentence
    ]


def discrimination(evaluation: ExternalEvaluation, record: RegisteredRecord) -> str:
    """Compare the AUROC on another cohort with that on the model's own test split."""
    auroc, own = evaluation.statistics.certainty.scores["auroc"], record.own.auroc
    if auroc.value is None:
        return f"On {evaluation.data_name}, the AUROC of {evaluation.name} is undefined: all radiographs are of one class."
    expected = f", against {rounded(own)} on {record.OWN_NAME}" if own is not None else ""
    verdict = "its interval is not known"
    if auroc.low is not None and auroc.high is not None:
        if auroc.low <= CHANCE <= auroc.high:
            verdict = "not distinguishable from chance (0.5)"
        elif auroc.high < CHANCE:
            verdict = "worse than chance, so that its scores are reversed there"
        else:
            verdict = f"better than chance{_compared(evaluation.statistics.auroc_difference, record.OWN_NAME)}"
    return f"On {evaluation.data_name}, the AUROC of {evaluation.name} is {interval(auroc)}{expected}: {verdict}."


def notes(evaluation: ExternalEvaluation) -> list[str]:
    """Say what was left out, what could not be checked or measured, and how often models were scored on the cohort."""
    statistics, name = evaluation.statistics, evaluation.name
    remarks = []
    if evaluation.left_out is None:
        remarks.append(
            f"Not checked for radiographs of the cohort that {name} was trained on: it was registered by an earlier version."
        )
    elif evaluation.left_out:
        remarks.append(
            f"Left out: {evaluation.left_out} radiographs of patients with a radiograph of the cohort that {name} was trained on,"
            " recognized by identical pixels."
        )
    if evaluation.problems:
        remarks.append(f"Left out by cohort.leave_out: {_counts(evaluation.problems)}.")
    if evaluation.foreign:
        remarks.append(f"Ignored, because they are no radiographs of the cohort: {_counts(evaluation.foreign)}.")
    if not evaluation.patients_known:
        remarks.append(
            "Each radiograph counts as a patient of its own where nothing tells whose it is, so intervals may be too narrow."
        )
    elif evaluation.patients_from:
        remarks.append(f"Patients are read from: {printable(evaluation.patients_from)}.")
    if statistics.shift is None:
        remarks.append(
            "Distance from training: not measured, because the model was adapted or registered by an earlier version, or its"
            " features do not vary."
        )
    remarks.append(f"Models of this registry were scored on this cohort {times(evaluation.accesses)}, this evaluation included.")
    return remarks


def metrics(model: RegisteredModel) -> list[Mapping[str, Any]]:
    """Return the external evaluations of a model for metrics.json."""
    return [scored.evaluation.model_dump(mode="json") for scored in model.external]


def _compared(difference: Estimate, own_name: str) -> str:
    """Compare the AUROC with that on the model's own radiographs; nothing where the difference has no interval."""
    if difference.low is None or difference.high is None:
        return ""
    verdict = "clearly lower" if difference.high < 0 else "not clearly lower"
    return f", and {verdict} than on {own_name} (difference {signed_interval(difference)})"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {printable(kind)}" for kind, count in counts.items())


def _decisions(evaluation: ExternalEvaluation, record: RegisteredRecord) -> str | None:
    scores, own = evaluation.statistics.certainty.scores, record.own.locked
    parts = []
    if scores["locked.sensitivity"].value is not None:
        parts.append(
            f"detects {per_hundred(scores['locked.sensitivity'])} of 100 pneumonias (sensitivity on"
            f" {record.OWN_NAME} {percent(own.sensitivity)})"
        )
    if scores["locked.specificity"].value is not None:
        alarms = complement(scores["locked.specificity"])
        parts.append(
            f"raises a false alarm for {per_hundred(alarms)} of 100 radiographs without PNEUMONIA (specificity on"
            f" {record.OWN_NAME} {percent(own.specificity)})"
        )
    return f"At its locked threshold {evaluation.threshold:.3f} it {' and '.join(parts)}." if parts else None


def _rechosen(evaluation: ExternalEvaluation) -> str | None:
    rechosen = evaluation.statistics.rechosen
    if rechosen is None:
        return None
    return (
        f"The threshold with the largest sensitivity + specificity on these radiographs, {rounded(rechosen.threshold)}, would give"
        f" sensitivity {percent_interval(rechosen.sensitivity)} and specificity {percent_interval(rechosen.specificity)}:"
        " optimistic, because it is chosen and scored on the same radiographs."
    )


def _shift(evaluation: ExternalEvaluation) -> str | None:
    shift = evaluation.statistics.shift
    if shift is None or shift.further.value is None:
        return None
    low, high = (shift.further.value if end is None else end for end in (shift.further.low, shift.further.high))
    verdict = "no clear difference"
    if low > CHANCE:
        verdict = "clearly further: the network was trained on few radiographs like these"
    elif high < CHANCE:
        verdict = "clearly nearer"
    return (
        "In the network's features, a radiograph of this cohort lies further from the training radiographs than one of validation"
        f" with a probability of {interval(shift.further)}, where 0.5 means as far and 1 that all lie further: {verdict}."
    )


def _other_cohort(
    number: int,
    label: str,
    *,
    fingerprint: str,
    models: Sequence[RegisteredModel],
    statistics: Sequence[ModelStatistics],
    synthetic: bool,
) -> OtherCohort:
    evaluated = [
        (position, scored)
        for position, model in enumerate(models)
        for scored in model.external
        if scored.evaluation.data_fingerprint == fingerprint
    ]
    positions, externals = zip(*evaluated, strict=True)
    stamped, prefix = synthetic or externals[0].evaluation.synthetic, f"external-{number}"
    both_classes = any(scored.evaluation.statistics.scores.auroc is not None for scored in externals)
    drawn = {"roc": external_roc, "decision": external_decision_curves} if both_classes else {}
    return OtherCohort(
        name=externals[0].evaluation.data_name,
        label=label,
        synthetic=stamped,
        models=[(models[position], scored) for position, scored in evaluated],
        curves=[draw(externals, positions, f"{prefix}-{name}.png", stamped) for name, draw in drawn.items()],
        reliability=[
            external_reliability(
                scored, statistics[position].calibration["test"], f"{prefix}-v{scored.evaluation.version}-reliability.png", stamped
            )
            for position, scored in evaluated
        ],
    )
