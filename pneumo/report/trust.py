"""Which model to trust, how far, and why: what the top of the page says, in plain sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pneumo.cohort.traits import TRAITS
from pneumo.evaluation.audit import Audit
from pneumo.evaluation.choice import RULE, ranked
from pneumo.evaluation.intervals import Estimate
from pneumo.evaluation.protocol import ModelStatistics
from pneumo.report.drawing import rounded
from pneumo.report.families import SCORED_SEEDS, Family, family_of
from pneumo.report.inputs import CohortFacts, ModelResult
from pneumo.report.numbers import reference_systems
from pneumo.report.words import inside, interval, listed, of_hundred, percent, spread, times

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
class Openings:
    """How often the test split was opened from this registry."""

    by_recipe: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_recipe.values())


@dataclass(frozen=True)
class Trust:
    """The model to trust, and how far."""

    model: ModelResult
    statistics: ModelStatistics
    rule: str
    runner_up: ModelResult | None
    films: str
    """What was read: phantoms, films, or films of children."""
    found: str
    """Of 100 with pneumonia, those it finds, and the interval."""
    false_alarms: str
    """Of 100 without, those it calls PNEUMONIA."""
    reasons: Sequence[Reason]

    def numbers(self) -> dict[str, Any]:
        """Give the choice as metrics.json has it."""
        scores = self.statistics.certainty["test"].scores
        return {
            "version": self.model.version,
            "model": self.model.name,
            "rule": self.rule,
            "acquisition_auroc": self.model.facts.acquisition.auroc,
            "runner_up": self.runner_up.name if self.runner_up else None,
            "test": {path: scores[path].model_dump(mode="json") for path in PROMISED},
            "reasons": {reason.topic: reason.sentence for reason in self.reasons},
        }


def count_openings(cohort: CohortFacts, models: Sequence[ModelResult]) -> Openings:
    """Count the looks at test, by the registry's own notes, or where these were lost by what the models' records say."""
    known = dict(cohort.test_openings)
    for model in models:
        known[model.facts.recipe] = max(known.get(model.facts.recipe, 0), model.facts.test_openings_of_recipe)
    return Openings(known)


def weigh(
    cohort: CohortFacts,
    models: Sequence[ModelResult],
    statistics: Sequence[ModelStatistics],
    *,
    families: Sequence[Family],
    audit: Audit | None,
    openings: Openings,
) -> Trust:
    """Choose the model to trust among some, and say what its figures are worth."""
    order = ranked([model.facts.acquisition for model in models])
    model, found = models[order[0]], statistics[order[0]]
    scores = found.certainty["test"].scores
    return Trust(
        model=model,
        statistics=found,
        rule=RULE,
        runner_up=models[order[1]] if len(order) > 1 else None,
        films=films_of(cohort),
        found=of_hundred(scores["locked.sensitivity"]),
        false_alarms=of_hundred(complement(scores["locked.specificity"])),
        reasons=[
            _promise(found),
            *_floor(audit, found),
            *_reference(cohort, found),
            *_seeds(model, families),
            _shortcuts(audit),
            opened(model, openings),
            *_rival(model, models),
            _limits(cohort),
        ],
    )


def films_of(cohort: CohortFacts) -> str:
    """Say what the radiographs are of, as far as that is known."""
    return "phantoms" if cohort.synthetic else "films of children" if cohort.published else "films"


def complement(share: Estimate) -> Estimate:
    """Turn a share into that of the others."""
    value, low, high = (None if each is None else 1 - each for each in (share.value, share.high, share.low))
    return Estimate(value=value, low=low, high=high)


def opened(model: ModelResult, openings: Openings) -> Reason:
    """Say how often test was looked at."""
    recipe = model.facts.recipe
    mine = openings.by_recipe[recipe]
    once = f"The test split was opened {times(openings.total)} from this registry, {times(mine)} for {recipe}"
    many = f": this is one of {mine} looks, and a figure chosen among several looks is too good."
    return Reason("openings", once + (many if mine > 1 else "."), "openings")


def _promise(found: ModelStatistics) -> Reason:
    plain, promised, kept = (found.certainty[part].scores for part in ("validation", "acquisition", "test"))
    said = [f"{name} {say(promised[path].value)}" for path, (name, say) in PROMISED.items()]
    came = [say(kept[path].value) for path, (_, say) in PROMISED.items()]
    short = [name for path, (name, _) in PROMISED.items() if _falls_short(promised[path].value, kept[path])]
    which = f"test fell short in {listed(short)}" if short else "no score fell short"
    return Reason(
        "gap",
        f"Before test was opened, validation under randomised acquisition promised {listed(said)}; test gave {listed(came)}."
        f" By more than the interval on test allows, {which}. On films as they are, validation had promised an AUROC of"
        f" {rounded(plain['auroc'].value)}.",
        "gap",
    )


def _falls_short(promised: float | None, kept: Estimate) -> bool:
    return promised is not None and kept.high is not None and promised > kept.high


def _shortcuts(audit: Audit | None) -> Reason:
    if audit is None:
        return Reason("shortcuts", "Whether the films give the label away by how they were made has not been audited.", "audit")
    names = [TRAITS[finding.trait].title for finding in audit.shortcuts]
    if not names:
        return Reason(
            "shortcuts",
            "The audit names no shortcut: no trait of the films gives the label away in train and not in test.",
            "audit",
        )
    what = f"a shortcut: {names[0]} gives" if len(names) == 1 else f"shortcuts: {listed(names)} give"
    return Reason(
        "shortcuts",
        f"The audit names {what} the label away in train and not, or clearly less, in test. A network may lean on that in place of"
        " the disease.",
        "audit",
    )


def _floor(audit: Audit | None, found: ModelStatistics) -> list[Reason]:
    if audit is None or audit.pixel_floor is None or audit.pixel_floor.test.value is None:
        return []
    floor, ours = audit.pixel_floor.test.value, found.certainty["test"].scores["auroc"]
    above = ours.low is not None and ours.low > floor
    verdict = "this model lies above that by more than its interval" if above else "this model is not clearly better"
    side = audit.pixel_floor.side_px
    return [
        Reason(
            "floor",
            f"A logistic regression on {side} × {side} pixels, which sees no detail, has an AUROC of {rounded(floor)} on test;"
            f" {verdict}.",
            "pixel-floor",
        )
    ]


def _reference(cohort: CohortFacts, found: ModelStatistics) -> list[Reason]:
    if cohort.synthetic:
        return []
    systems = reference_systems()
    best = max(systems, key=lambda system: system["accuracy"])
    accuracy = interval(found.certainty["test"].scores["locked.accuracy"])
    return [
        Reason(
            "reference",
            f"Its accuracy on test is {accuracy}; the highest of {len(systems)} reference systems, as they report themselves of the"
            f" official test split, is {rounded(best['accuracy'])} ({best['short']}).",
            "reference",
        )
    ]


def _seeds(model: ModelResult, families: Sequence[Family]) -> list[Reason]:
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


def _rival(model: ModelResult, models: Sequence[ModelResult]) -> list[Reason]:
    known = [(each.facts.test.auroc, each) for each in models if each.facts.test.auroc is not None]
    if not known or model.facts.test.auroc is None:
        return []
    best, rival = max(known, key=lambda pair: pair[0])
    if best <= model.facts.test.auroc:
        return []
    return [
        Reason(
            "rival",
            f"On test {rival.name} has the higher AUROC ({rounded(best)} against {rounded(model.facts.test.auroc)}). That is no"
            " reason to choose it: a test split that chooses is a training set, and the chosen figure too good.",
            "comparisons",
        )
    ]


def _limits(cohort: CohortFacts) -> Reason:
    if cohort.synthetic:
        return Reason("limits", "Phantoms are computed: none of this says anything about patients.", "limits")
    known = "One hospital, children aged one to five, labels from reading the films and not from culture"
    where = known if cohort.published else "One cohort"
    return Reason("limits", f"{where}: what it does on other films, nobody has measured.", "limits")
