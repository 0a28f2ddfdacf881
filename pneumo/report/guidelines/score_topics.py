"""What the scores of the selected model, and other results on it, say of the topics of reporting guidelines."""

from pneumo.evaluation.bootstrap import CONFIDENCE_LEVEL, DRAWS
from pneumo.report.content import Content
from pneumo.report.guidelines.forms import Missing
from pneumo.report.guidelines.model_topics import Topic, technology
from pneumo.report.other_cohorts import SCORES
from pneumo.report.pictures import ModelSection
from pneumo.report.scores import COMPARED
from pneumo.report.seed_groups import seed_group_of
from pneumo.results.formatting import PART_LABELS, interval, listed, lower_first, percent, percent_interval, rounded, upper_first


def headline(content: Content) -> str:
    """The numbers that an abstract needs."""
    return f"{technology(content)} {performance(content)}"


def performance(content: Content) -> str:
    """Main scores on test, with intervals."""
    certainty, record = content.selected.statistics.certainty["test"], content.selected.model.record
    scores = ", ".join(f"{label} {interval(certainty.scores[path])}" for path, label in SCORES.items())
    subtypes = {name: at["locked"] for name, at in certainty.subtypes.items() if at["locked"].value is not None}
    by_subtype = "; ".join(f"{name} {interval(share)}" for name, share in subtypes.items()) if len(subtypes) > 1 else ""
    return (
        f"On {record.test.images} test radiographs of {certainty.patients} patients, at the threshold {rounded(record.threshold)}:"
        f" {scores}.{f' Sensitivity by subtype: {by_subtype}.' if by_subtype else ''}"
    )


def diagnostic(content: Content) -> str:
    """Confusion matrix, sensitivity, specificity and predictive values."""
    statistics, point = content.selected.statistics, content.selected.model.record.test.locked
    scores = statistics.certainty["test"].scores
    values = "; ".join(
        f"{percent(at.prevalence)}: {percent_interval(at.positive)} and {percent_interval(at.negative)}"
        for at in statistics.predictive
    )
    return (
        f"{point.true_positives} true and {point.false_positives} false positives, {point.true_negatives} true and"
        f" {point.false_negatives} false negatives; sensitivity {interval(scores['locked.sensitivity'])}, specificity"
        f" {interval(scores['locked.specificity'])}. Positive and negative predictive value at a prevalence of {values}."
    )


def metrics(content: Content) -> str:
    """Names of the scores that were computed for the model."""
    computed = content.selected.statistics.certainty["test"].scores
    groups = {group: [label for path, label in rows.items() if path in computed] for group, rows in COMPARED.items()}
    names = "; ".join(f"{lower_first(group)}: {', '.join(labels)}" for group, labels in groups.items())
    fixed = ", ".join(f"{percent(at.target)} {at.fixed}" for at in content.selected.statistics.fixed)
    return (
        f"{upper_first(names)}. Calibration: reliability curves, Brier score, expected calibration error. Operating points at fixed"
        f" {fixed}; predictive values by prevalence; decision curves; ROC and precision-recall curves; confusion matrices."
    )


def uncertainty(content: Content) -> str:
    """Intervals, tests and seeds."""
    group = seed_group_of(content.selected.model, content.seed_groups)
    sentences = [
        f"{CONFIDENCE_LEVEL:.0%} intervals by bootstrap of the patients, {DRAWS:,} samples; exact intervals for shares of 0 or 1."
    ]
    if content.comparisons:
        pairs = len(content.comparisons)
        sentences.append(f"Paired comparison of models ({pairs}): DeLong's and McNemar's tests, not corrected for their number.")
    if group:
        sentences.append(f"Mean ± SD over {len(group.models)} seeds.")
    return " ".join(sentences)


def internal(content: Content) -> str:
    """AUROC on all parts of the cohort."""
    certainty = content.selected.statistics.certainty
    scores = [f"{label} {interval(certainty[part].scores['auroc'])}" for part, label in PART_LABELS.items()]
    return f"AUROC on {', '.join(scores)}."


def external(content: Content) -> str | Missing:
    """AUROC on other cohorts."""
    model = content.selected.model
    if not model.external:
        return Missing(
            f"{model.name} has not been evaluated on another cohort: `pneumo evaluate {model.version} --data OTHER` does so."
        )
    scores = [(scored.evaluation, scored.evaluation.statistics.certainty.scores) for scored in model.external]
    return (
        "; ".join(
            f"{evaluation.data_name}, {evaluation.statistics.scores.images} radiographs: "
            + ", ".join(f"{label} {interval(estimates[path])}" for path, label in SCORES.items())
            for evaluation, estimates in scores
        )
        + f". Threshold {rounded(model.record.threshold)}, as locked."
    )


def robustness(content: Content) -> str | Missing:
    """Scores under perturbations."""
    model = content.selected.model
    measured = next((curves for curves in content.robustness.models if curves.version == model.version), None)
    if measured is None:
        return Missing(f"The robustness of {model.name} has not been measured: `pneumo robustness` does so.")
    return f"{listed([curve.title for curve in measured.curves])}, on {measured.images} validation radiographs. {measured.summary}"


def explanations(content: Content) -> str | Missing:
    """Methods of the heatmaps, and whether they were checked."""
    model = content.selected.model
    checked = next((scores for scores in content.explanations.models if scores.version == model.version), None)
    if checked is not None:
        return f"{checked.summary}."
    methods = sorted({mistake.method for mistake in _section(content).gallery.mistakes})
    if not methods:
        return Missing(f"No heatmaps of {model.name} have been drawn: `pneumo gradcam` does so.")
    return f"{listed(methods)} on mistakes of the test split; the method has not been checked on this model."


def failures(content: Content) -> str | Missing:
    """Mistakes on test, and how many are shown."""
    section = _section(content)
    if section.gallery.absent is not None:
        return Missing(f"{section.gallery.absent}: `pneumo gradcam` does so.")
    point, shown = section.model.record.test.locked, section.gallery.mistakes
    return (
        f"{point.false_positives} false positives and {point.false_negatives} false negatives on test; the report shows the"
        f" {len(shown)} most confident of them with heatmaps."
    )


def referral(content: Content) -> str:
    """What is refused and referred."""
    version = content.selected.model.version
    share = next(entry for entry in content.referral.models if entry.model.version == version).shares["test"]
    return (
        "Files that cannot be read, are of another modality or show no upright frontal chest radiograph are refused; uncertain"
        f" decisions are referred to a reader. On test {percent_interval(share.referred)} would be referred, and"
        f" {percent_interval(share.errors)} of the others are wrong."
    )


def _section(content: Content) -> ModelSection:
    return next(section for section in content.sections if section.model.version == content.selected.model.version)


SCORE_TOPICS: dict[str, Topic] = {
    topic.__name__: topic
    for topic in (
        headline,
        performance,
        diagnostic,
        metrics,
        uncertainty,
        internal,
        external,
        robustness,
        explanations,
        failures,
        referral,
    )
}
