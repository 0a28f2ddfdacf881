"""Which model to trust, how far, and why: what the top of the page says, in plain sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pneumo.audit.report import Audit
from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.model_statistics import ModelStatistics
from pneumo.evaluation.selection import RULE, ranked
from pneumo.report import reasons
from pneumo.report.families import Family
from pneumo.report.inputs import CohortFacts
from pneumo.report.reasons import PROMISED, Reason, TestAccesses
from pneumo.results.formatting import of_hundred
from pneumo.results.registered import RegisteredModel


@dataclass(frozen=True)
class Trust:
    """The model to trust, and how far."""

    model: RegisteredModel
    statistics: ModelStatistics
    rule: str
    auroc: Estimate
    """On shifted validation, which the rule goes by."""
    runner_up: RegisteredModel | None
    runner_up_auroc: Estimate | None
    radiographs: str
    """What was read: phantoms, radiographs, or radiographs of children."""
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
            "validation_shifted_auroc": self.model.facts.validation_shifted.auroc,
            "runner_up": self.runner_up.name if self.runner_up else None,
            "test": {path: scores[path].model_dump(mode="json") for path in PROMISED},
            "reasons": {reason.topic: reason.sentence for reason in self.reasons},
        }


def count_accesses(cohort: CohortFacts, models: Sequence[RegisteredModel]) -> TestAccesses:
    """Count the looks at test, by the registry's own notes, or where these were lost by what the models' records say."""
    known = dict(cohort.test_accesses)
    for model in models:
        known[model.facts.recipe] = max(known.get(model.facts.recipe, 0), model.facts.test_accesses_of_recipe)
    return TestAccesses(known)


def weigh(
    cohort: CohortFacts,
    models: Sequence[RegisteredModel],
    statistics: Sequence[ModelStatistics],
    *,
    everyone: Sequence[RegisteredModel],
    families: Sequence[Family],
    audit: Audit | None,
    openings: TestAccesses,
    lacking: Mapping[str, Mapping[str, str]],
) -> Trust:
    """Choose the model to trust among some, and say what its figures are worth.

    Args:
        everyone: all models of the registry, one of which is its champion.
        lacking: what the page lacks of each model, by its name, with the command that makes it.
    """
    order = ranked([model.facts.validation_shifted for model in models])
    model, found = models[order[0]], statistics[order[0]]
    scores = found.certainty["test"].scores
    aurocs = [statistics[place].certainty["validation_shifted"].scores["auroc"] for place in order]
    return Trust(
        model=model,
        statistics=found,
        rule=RULE,
        auroc=aurocs[0],
        runner_up=models[order[1]] if len(order) > 1 else None,
        runner_up_auroc=aurocs[1] if len(order) > 1 else None,
        radiographs=radiographs_of(cohort),
        found=of_hundred(scores["locked.sensitivity"]),
        false_alarms=of_hundred(complement(scores["locked.specificity"])),
        reasons=[
            *reasons.unmeasured(model, lacking[model.name]),
            reasons.promise(found),
            *reasons.subtypes(found),
            reasons.calibration(found),
            *reasons.floor(audit, found),
            *reasons.reference(model, cohort, found),
            *reasons.seeds(model, families),
            reasons.shortcuts(audit),
            reasons.opened(model, openings),
            *reasons.rival(model, models),
            *reasons.champion(model, everyone),
            reasons.limits(cohort),
        ],
    )


def radiographs_of(cohort: CohortFacts) -> str:
    """Say what the radiographs are of, as far as that is known."""
    return "phantoms" if cohort.synthetic else "radiographs of children" if cohort.published else "radiographs"


def complement(share: Estimate) -> Estimate:
    """Turn a share into that of the others."""
    value, low, high = (None if each is None else 1 - each for each in (share.value, share.high, share.low))
    return Estimate(value=value, low=low, high=high)
