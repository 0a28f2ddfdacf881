"""Which model to trust, how far, and why: what the top of the page says, in plain sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pneumo.evaluation.audit import Audit
from pneumo.evaluation.choice import RULE, ranked
from pneumo.evaluation.intervals import Estimate
from pneumo.evaluation.protocol import ModelStatistics
from pneumo.report import reasons
from pneumo.report.families import Family
from pneumo.report.inputs import CohortFacts, ModelResult
from pneumo.report.reasons import PROMISED, Openings, Reason
from pneumo.report.words import of_hundred


@dataclass(frozen=True)
class Trust:
    """The model to trust, and how far."""

    model: ModelResult
    statistics: ModelStatistics
    rule: str
    auroc: Estimate
    """On validation under randomised acquisition, which the rule goes by."""
    runner_up: ModelResult | None
    runner_up_auroc: Estimate | None
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
    everyone: Sequence[ModelResult],
    families: Sequence[Family],
    audit: Audit | None,
    openings: Openings,
    lacking: Mapping[str, Mapping[str, str]],
) -> Trust:
    """Choose the model to trust among some, and say what its figures are worth.

    Args:
        everyone: all models of the registry, one of which is its champion.
        lacking: what the page lacks of each model, by its name, with the command that makes it.
    """
    order = ranked([model.facts.acquisition for model in models])
    model, found = models[order[0]], statistics[order[0]]
    scores = found.certainty["test"].scores
    aurocs = [statistics[place].certainty["acquisition"].scores["auroc"] for place in order]
    return Trust(
        model=model,
        statistics=found,
        rule=RULE,
        auroc=aurocs[0],
        runner_up=models[order[1]] if len(order) > 1 else None,
        runner_up_auroc=aurocs[1] if len(order) > 1 else None,
        films=films_of(cohort),
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


def films_of(cohort: CohortFacts) -> str:
    """Say what the radiographs are of, as far as that is known."""
    return "phantoms" if cohort.synthetic else "films of children" if cohort.published else "films"


def complement(share: Estimate) -> Estimate:
    """Turn a share into that of the others."""
    value, low, high = (None if each is None else 1 - each for each in (share.value, share.high, share.low))
    return Estimate(value=value, low=low, high=high)
