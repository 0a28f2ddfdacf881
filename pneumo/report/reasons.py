"""What raises or lowers trust in a model, each in a plain sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pneumo.audit.report import Audit
from pneumo.audit.traits import TRAITS
from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.model_statistics import ModelStatistics
from pneumo.figures.drawing import rounded
from pneumo.report.families import SCORED_SEEDS, Family, family_of
from pneumo.report.inputs import CohortFacts
from pneumo.report.numbers import OFFICIAL_TEST_IMAGES, reference_systems
from pneumo.results.formatting import inside, interval, listed, of_hundred, percent, spread, times
from pneumo.results.registered import RegisteredModel

# Path into an Evaluation; how its value is said, and by what name.
PROMISED = {
    "auroc": ("AUROC", rounded),
    "locked.sensitivity": ("sensitivity", percent),
    "locked.specificity": ("specificity", percent),
}


@dataclass(frozen=True)
class Reason:
    """Something that raises or lowers trust."""

    topic: str
    sentence: str
    place: str
    """Id of the place on the page that holds the whole of it."""


@dataclass(frozen=True)
class TestAccesses:
    """How often the test split was opened from this registry."""

    by_recipe: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_recipe.values())


def opened(model: RegisteredModel, openings: TestAccesses) -> Reason:
    """Say how often test was looked at."""
    recipe = model.facts.recipe
    mine = openings.by_recipe[recipe]
    once = f"The test split was opened {times(openings.total)} from this registry, {times(mine)} for {recipe}"
    many = f": this is one of {mine} looks, and a figure chosen among several looks is too good."
    return Reason("openings", once + (many if mine > 1 else "."), "openings")


def promise(found: ModelStatistics) -> Reason:
    """Hold test against what shifted validation had promised."""
    plain, promised, kept = (found.certainty[part].scores for part in ("validation", "validation_shifted", "test"))
    said = [f"{name} {say(promised[path].value)}" for path, (name, say) in PROMISED.items()]
    came = [say(kept[path].value) for path, (_, say) in PROMISED.items()]
    short = [name for path, (name, _) in PROMISED.items() if _falls_short(promised[path].value, kept[path])]
    which = f"Test fell short in {listed(short)}, by more than the interval" if short else "No score fell clearly short"
    return Reason(
        "gap",
        f"Before test was opened, shifted validation promised {listed(said)}; test gave {listed(came)}."
        f" {which}. On radiographs as they are, validation had promised an AUROC of"
        f" {rounded(plain['auroc'].value)}.",
        "gap",
    )


def _falls_short(promised: float | None, kept: Estimate) -> bool:
    return promised is not None and kept.high is not None and promised > kept.high


def shortcuts(audit: Audit | None) -> Reason:
    """Say what the audit found."""
    if audit is None:
        return Reason(
            "shortcuts", "Whether the radiographs give the label away by how they were made has not been audited.", "audit"
        )
    names = [TRAITS[finding.trait].title for finding in audit.shortcuts]
    if not names:
        return Reason(
            "shortcuts",
            "The audit names no shortcut: no trait of the radiographs gives the label away in train and not in test.",
            "audit",
        )
    what = f"a shortcut: {names[0]} gives" if len(names) == 1 else f"shortcuts: {listed(names)} give"
    return Reason(
        "shortcuts",
        f"The audit names {what} the label away in train and not, or clearly less, in test. A network may lean on that in place of"
        " the disease.",
        "audit",
    )


def floor(audit: Audit | None, found: ModelStatistics) -> list[Reason]:
    """Set the model beside the regression on a few pixels, at every threshold and at one."""
    if audit is None or audit.linear_baseline is None or audit.linear_baseline.test.value is None:
        return []
    regression, scores = audit.linear_baseline, found.certainty["test"].scores
    ours = scores["auroc"]
    above = ours.low is not None and ours.low > audit.linear_baseline.test.value
    verdict = "this model lies above that by more than its interval" if above else "this model is not clearly better"
    at_half = f"{percent(regression.sensitivity.value)} sensitivity and {percent(regression.specificity.value)} specificity at 0.5"
    return [
        Reason(
            "floor",
            f"A logistic regression on {regression.side_px} × {regression.side_px} pixels, which sees only coarse grey values at"
            f" fixed places, has an AUROC of {rounded(regression.test.value)} on test, and {at_half}; {verdict}.",
            "linear-baseline",
        )
    ]


def reference(model: RegisteredModel, cohort: CohortFacts, found: ModelStatistics) -> list[Reason]:
    """Set the accuracy beside the best that was published in the open."""
    if cohort.synthetic:
        return []
    systems = reference_systems()
    best = max(systems, key=lambda system: system["accuracy"])
    accuracy = interval(found.certainty["test"].scores["half.accuracy"])
    return [
        Reason(
            "reference",
            f"At 0.5, where others decide, its accuracy on these {model.facts.test.images} radiographs is {accuracy}; the highest of"
            f" {len(systems)} reference systems, as they report themselves of the {OFFICIAL_TEST_IMAGES} of the official test"
            f" split, is {rounded(best['accuracy'])} ({best['short']}).",
            "reference",
        )
    ]


def seeds(model: RegisteredModel, families: Sequence[Family]) -> list[Reason]:
    """Say what single networks of the recipe come to."""
    family = family_of(model, families)
    if family is None:
        return []
    scores = [f"{inside(name)} {spread(family.spread['test'][path])}" for path, name in SCORED_SEEDS.items()]
    return [
        Reason(
            "seeds",
            f"Trained from {len(family.seeds)} seeds, single networks of this recipe have on test, mean ± SD: {listed(scores)}.",
            "seeds",
        )
    ]


def rival(model: RegisteredModel, models: Sequence[RegisteredModel]) -> list[Reason]:
    """Name the model that a choice on test would have taken, where figures as shown tell the two apart."""
    known = [(each.facts.test.auroc, each) for each in models if each.facts.test.auroc is not None]
    if not known or model.facts.test.auroc is None:
        return []
    best, other = max(known, key=lambda pair: pair[0])
    said, ours = rounded(best), rounded(model.facts.test.auroc)
    if said == ours:
        return []
    return [
        Reason(
            "rival",
            f"On test {other.name} has the higher AUROC ({said} against {ours}). That is no reason to choose it: a test split"
            " that chooses is a training set, and the chosen figure too good.",
            "comparisons",
        )
    ]


def subtypes(found: ModelStatistics) -> list[Reason]:
    """Say how many of each kind of pneumonia are found: one kind may hide behind the other."""
    kinds = {kind: at["locked"] for kind, at in found.certainty["test"].subtypes.items() if at["locked"].value is not None}
    if len(kinds) <= 1:
        return []
    return [Reason("subtypes", f"Of 100 pneumonias it finds, by kind: {listed(_said(kinds))}.", "subtypes")]


def _said(kinds: Mapping[str, Estimate]) -> list[str]:
    return [f"{of_hundred(share)} of the {kind}" for kind, share in kinds.items()]


def calibration(found: ModelStatistics) -> Reason:
    """Say how far its scores are from being probabilities."""
    on_test = found.calibration["test"]
    raw = f"Read as a probability, its score is off by {percent(on_test.raw.expected_calibration_error)} on average on test"
    if on_test.scaled is None or found.temperature is None:
        return Reason("calibration", f"{raw}, and no temperature could be fitted that would mend it.", "calibration")
    mended = percent(on_test.scaled.expected_calibration_error)
    return Reason(
        "calibration",
        f"{raw}; with its logit divided by {found.temperature:.2f}, a temperature fitted on validation, by {mended}.",
        "calibration",
    )


def unmeasured(model: RegisteredModel, lacking: Mapping[str, str]) -> list[Reason]:
    """Name what the page cannot say of the model to trust.

    Args:
        lacking: what is missing, with the command that makes it.
    """
    if not lacking:
        return []
    commands = listed([f"pneumo {command}" for command in lacking.values()])
    return [
        Reason(
            "unmeasured",
            f"This page lacks {listed(list(lacking))} of {model.name}: run {commands}, then pneumo report.",
            "checklist",
        )
    ]


def champion(model: RegisteredModel, models: Sequence[RegisteredModel]) -> list[Reason]:
    """Tell that commands use another model, where they do."""
    if model.champion:
        return []
    used = next((f", {each.name}" for each in models if each.champion), "")
    return [
        Reason(
            "champion",
            f"Commands that are told no model use the registry's champion{used}, and not this one; pneumo registry promote"
            f" {model.version} makes it the champion.",
            "models",
        )
    ]


def limits(cohort: CohortFacts) -> Reason:
    """Say where the figures end."""
    if cohort.synthetic:
        return Reason("limits", "Phantoms are computed: none of this says anything about patients.", "limits")
    known = "One hospital, children aged one to five, labels from reading the radiographs and not from culture"
    where = known if cohort.published else "One cohort"
    return Reason("limits", f"{where}: what it does on other radiographs, nobody has measured.", "limits")
