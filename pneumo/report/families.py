"""Models that differ in their seed alone: shown together, and in front of them their ensemble."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pneumo.evaluation.predictions import PARTS, Part
from pneumo.report.numbers import value
from pneumo.results.cross_validation import Spread
from pneumo.results.registered import RegisteredModel

# Path into an Evaluation, and its name on the page.
SCORED_SEEDS = {
    "locked.accuracy": "Accuracy",
    "auroc": "AUROC",
    "locked.sensitivity": "Sensitivity",
    "locked.specificity": "Specificity",
}


@dataclass(frozen=True)
class Family:
    """One recipe, trained from several seeds."""

    name: str
    seeds: Sequence[RegisteredModel]
    ensemble: RegisteredModel | None
    """Of all of these models or some, where there is one."""
    spread: dict[Part, dict[str, Spread]]
    """Over the seeds, at each one's own locked threshold."""

    @property
    def versions(self) -> set[int]:
        """Versions of all its models."""
        return {model.version for model in (*self.seeds, *([self.ensemble] if self.ensemble else []))}

    def numbers(self) -> dict[str, Any]:
        """Give the family as metrics.json has it."""
        return {
            "family": self.name,
            "versions": [model.version for model in self.seeds],
            "seeds": [model.facts.seed for model in self.seeds],
            "spread": {
                part: {path: each.model_dump(mode="json") for path, each in scores.items()} for part, scores in self.spread.items()
            },
            "ensemble": self.ensemble.version if self.ensemble else None,
        }


def find_families(models: Sequence[RegisteredModel]) -> list[Family]:
    """Find the models of several seeds among those of a report."""
    related = sorted((model for model in models if model.facts.family), key=lambda model: (_kind(model), model.version))
    families = []
    for _, group in groupby(related, _kind):
        seeds = list(group)
        if len(seeds) > 1:
            versions = {model.version for model in seeds}
            ensembles = [model for model in models if model.facts.members and versions.issuperset(model.facts.members)]
            families.append(
                Family(
                    str(seeds[0].facts.family),
                    seeds,
                    ensembles[-1] if ensembles else None,
                    {part: _spread(seeds, part) for part in PARTS},
                )
            )
    return families


def in_front(models: Sequence[RegisteredModel], families: Sequence[Family]) -> list[RegisteredModel]:
    """Leave out the seeds whose ensemble stands for them: which of them does best is chance."""
    folded = {model.version for family in families if family.ensemble for model in family.seeds}
    return [model for model in models if model.version not in folded]


def family_of(model: RegisteredModel, families: Sequence[Family]) -> Family | None:
    """Find the family that a model is of, as one of its seeds or as its ensemble."""
    return next((family for family in families if model.version in family.versions), None)


def _kind(model: RegisteredModel) -> tuple[str, str]:
    """What models of one family share: their name and their settings, but for the seeds."""
    settings = {name: each for name, each in model.facts.settings.items() if name != "seeds"}
    fit = {name: each for name, each in settings.pop("fit", {}).items() if name != "seed"}
    return str(model.facts.family), json.dumps([settings, fit], sort_keys=True)


def _spread(seeds: Sequence[RegisteredModel], part: Part) -> dict[str, Spread]:
    return {path: Spread.of([value(model.evaluation(part), path) for model in seeds]) for path in SCORED_SEEDS}
