"""Remarks on the selected model: what a reader should know before using its scores, one sentence each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pneumo.audit.traits import TRAITS
from pneumo.evaluation.model_statistics import ModelStatistics
from pneumo.report.content import Content
from pneumo.report.inputs import CohortSummary
from pneumo.report.other_cohorts import discrimination
from pneumo.report.reference import OFFICIAL_TEST_IMAGES, reference_systems
from pneumo.report.scores import SEED_SCORES
from pneumo.report.seed_groups import SeedGroup, seed_group_of
from pneumo.report.selected_model import EXPECTED_SCORES
from pneumo.results.audit import Audit
from pneumo.results.formatting import interval, listed, lower_first, mean_sd, per_hundred, percent, rounded, times
from pneumo.results.model import RegisteredModel


@dataclass(frozen=True)
class Remark:
    """A sentence about the selected model."""

    topic: str
    sentence: str
    section: str
    """Id of the place on the page that gives the details."""


def remarks_on_selected(content: Content) -> list[Remark]:
    """Return all remarks, in the order of the page."""
    model, statistics, audit = content.selected.model, content.selected.statistics, content.audit.result
    remarks = [
        ("missing_results", missing_results(content), "checklist"),
        ("expected_performance", expected_performance(statistics), "gap"),
        ("other_cohorts", other_cohorts(model), "other-cohorts"),
        ("subtypes", subtypes(statistics), "subtypes"),
        ("calibration", calibration(statistics), "calibration"),
        ("linear_baseline", linear_baseline(audit, statistics), "linear-baseline"),
        ("reference", reference(model, content.cohort, statistics), "reference"),
        ("seeds", seeds(seed_group_of(model, content.seed_groups)), "seeds"),
        ("shortcuts", shortcuts(audit), "audit"),
        ("test_access", test_access(model, content.test_accesses), "test-access"),
        ("highest_on_test", highest_on_test(model, [section.model for section in content.sections]), "comparisons"),
        ("champion", champion(model, [section.model for section in content.all_sections]), "models"),
        ("limits", limits(content.cohort, [scored.evaluation.data_name for scored in model.external]), "limits"),
    ]
    return [Remark(topic, sentence, section) for topic, sentence, section in remarks if sentence]


def missing_results(content: Content) -> str | None:
    """Name what the page cannot show of the model, and the commands that compute it."""
    model = content.selected.model
    gallery = next(section.gallery for section in content.sections if section.model is model)
    missing = {
        "robustness": ("robustness curves", model.name in content.robustness.missing),
        "gradcam": ("heatmaps of mistakes", gallery.absent is not None),
    }
    commands = [f"pneumo {command}" for command, (_, absent) in missing.items() if absent]
    if not commands:
        return None
    names = " and no ".join(name for name, absent in missing.values() if absent)
    return f"This page has no {names} for {model.name}: run {listed(commands)}, then pneumo report."


def expected_performance(statistics: ModelStatistics) -> str:
    """Compare the scores on test with those expected from worst views of validation."""
    validation, test = statistics.certainty["validation"].scores, statistics.certainty["test"].scores
    expected = statistics.worst_views.scores
    before = listed([f"{label} {form(expected[path].value)}" for path, (label, form) in EXPECTED_SCORES.items()])
    after = listed([form(test[path].value) for path, (_, form) in EXPECTED_SCORES.items()])
    too_high = [label for path, (label, _) in EXPECTED_SCORES.items() if _exceeds(expected[path].value, test[path].high)]
    too_low = [label for path, (label, _) in EXPECTED_SCORES.items() if _exceeds(test[path].low, expected[path].value)]
    if too_high:
        verdict = f"The expected {listed(too_high)} {'lies' if len(too_high) == 1 else 'lie'} above the 95 % interval on test"
    elif too_low:
        verdict = (
            f"On test, {listed(too_low)} {'is' if len(too_low) == 1 else 'are'} clearly higher: worst views suppose that"
            " radiographs are acquired otherwise than those of training, as those of test hardly are"
        )
    else:
        verdict = "No score on test is clearly lower than expected"
    return (
        f"Validation by worst views gave {before} before the test split was accessed; the test split gave {after}. {verdict}."
        f" On unchanged validation the AUROC was {rounded(validation['auroc'].value)}."
    )


def _exceeds(first: float | None, second: float | None) -> bool:
    return first is not None and second is not None and first > second


def other_cohorts(model: RegisteredModel) -> str | None:
    """Give the AUROC on each other cohort that the model was evaluated on."""
    return " ".join(discrimination(scored.evaluation, model.record) for scored in model.external) or None


def subtypes(statistics: ModelStatistics) -> str | None:
    """Give the sensitivity by subtype of pneumonia, where there are several."""
    sensitivities = {name: at["locked"] for name, at in statistics.certainty["test"].subtypes.items()}
    counts = [f"{per_hundred(share)} {name}" for name, share in sensitivities.items() if share.value is not None]
    if len(counts) <= 1:
        return None
    return f"Of 100 pneumonias of each subtype, it detects {listed(counts)} ones."


def calibration(statistics: ModelStatistics) -> str:
    """Give the calibration error on test, raw and temperature-scaled."""
    test = statistics.calibration["test"]
    raw = (
        "On test, its probabilities differ from the observed share of PNEUMONIA by"
        f" {percent(test.raw.expected_calibration_error)} on average (expected calibration error)"
    )
    if test.scaled is None or statistics.temperature is None:
        return f"{raw}; no temperature that improves this could be fitted."
    scaled = percent(test.scaled.expected_calibration_error)
    return f"{raw}, and by {scaled} after temperature scaling (temperature {statistics.temperature:.2f})."


def linear_baseline(audit: Audit | None, statistics: ModelStatistics) -> str | None:
    """Compare the AUROC on test with that of the linear pixel baseline."""
    baseline = audit.linear_baseline if audit else None
    if baseline is None or baseline.test.value is None:
        return None
    low = statistics.certainty["test"].scores["auroc"].low
    better = low is not None and low > baseline.test.value
    return (
        f"A logistic regression on {baseline.side_px} × {baseline.side_px} pixels, which uses only coarse grey values at fixed"
        f" positions, has an AUROC of {rounded(baseline.test.value)} on test, and at 0.5 {percent(baseline.sensitivity.value)}"
        f" sensitivity and {percent(baseline.specificity.value)} specificity. The AUROC of this model is"
        f" {'clearly higher (its 95 % interval lies above)' if better else 'not clearly higher'}."
    )


def reference(model: RegisteredModel, cohort: CohortSummary, statistics: ModelStatistics) -> str | None:
    """Compare the accuracy at 0.5 with the best published one."""
    if cohort.synthetic:
        return None
    systems = reference_systems()
    best = max(systems, key=lambda system: system["accuracy"])
    accuracy = interval(statistics.certainty["test"].scores["half.accuracy"])
    return (
        f"At threshold 0.5, which the reference systems use, its accuracy on these {model.record.test.images} radiographs is"
        f" {accuracy}; the highest that the sources of {len(systems)} reference systems report for the {OFFICIAL_TEST_IMAGES}"
        f" radiographs of the official test split is {rounded(best['accuracy'])} ({best['short']})."
    )


def seeds(group: SeedGroup | None) -> str | None:
    """Give the scores of single models of the recipe, where it was trained from several seeds."""
    if group is None:
        return None
    scores = [f"{lower_first(label)} {mean_sd(group.spread['test'][path])}" for path, label in SEED_SCORES.items()]
    return f"Single models of this recipe, trained from {len(group.models)} seeds, have on test (mean ± SD): {listed(scores)}."


def shortcuts(audit: Audit | None) -> str:
    """Name the shortcuts that the audit found."""
    if audit is None:
        return "The radiographs have not been audited for shortcuts: differences in acquisition that predict the label."
    names = [TRAITS[finding.trait].title for finding in audit.shortcuts]
    if not names:
        return "The audit found no shortcut: no acquisition trait predicts the label in training and clearly less in test."
    shortcut, predict = ("a shortcut", "predicts") if len(names) == 1 else ("shortcuts", "predict")
    return (
        f"The audit found {shortcut}: {listed(names)} {predict} the label in training and clearly less in test. A network"
        " may use this instead of the disease."
    )


def test_access(model: RegisteredModel, test_accesses: Mapping[str, int]) -> str:
    """Give the number of accesses to the test split, in all and for this recipe."""
    recipe = model.record.recipe
    own = test_accesses[recipe]
    several = f"; a result that was selected from these {own} is too optimistic" if own > 1 else ""
    return (
        f"The test split was accessed {times(sum(test_accesses.values()))} from this registry, {times(own)} for {recipe}{several}."
    )


def highest_on_test(model: RegisteredModel, models: Sequence[RegisteredModel]) -> str | None:
    """Name the model with the highest AUROC on test, where it is another one and three decimals show it."""
    aurocs = [(other.record.test.auroc, other) for other in models if other.record.test.auroc is not None]
    if not aurocs or model.record.test.auroc is None:
        return None
    highest, other = max(aurocs, key=lambda pair: pair[0])
    if rounded(highest) == rounded(model.record.test.auroc):
        return None
    return (
        f"{other.name} has a higher AUROC on test ({rounded(highest)} against {rounded(model.record.test.auroc)}). This is not used"
        " for selection: a test split that selects models is no longer a test split, and the selected score is too optimistic."
    )


def champion(model: RegisteredModel, models: Sequence[RegisteredModel]) -> str | None:
    """Say which model commands use by default, where it is another one."""
    if model.champion:
        return None
    name = next((f", {other.name}" for other in models if other.champion), "")
    return (
        f"Commands that name no model use the registry's champion{name}, not this model; pneumo registry promote"
        f" {model.version} makes this model the champion."
    )


def limits(cohort: CohortSummary, others: Sequence[str]) -> str:
    """Say on which radiographs the scores were measured, given the names of the other cohorts that the model was evaluated on."""
    if cohort.synthetic:
        return "The radiographs are simulated phantoms: this page says nothing about patients."
    published = "One hospital, children aged one to five, labels from reading the radiographs and not from culture"
    scope = published if cohort.published else "One cohort"
    radiographs = f"radiographs other than these and those of {listed(others)}" if others else "other radiographs"
    return f"{scope}: performance on {radiographs} has not been measured."
