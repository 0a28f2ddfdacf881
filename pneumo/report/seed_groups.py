"""Models that differ only in their seed: their spread, and the ensemble that represents them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pneumo.evaluation.scores import PARTS, Part
from pneumo.report.scores import SEED_SCORES, value
from pneumo.results.experiment import Spread
from pneumo.results.model import RegisteredModel


@dataclass(frozen=True)
class SeedGroup:
    """Models of one recipe, trained from several seeds."""

    name: str
    models: Sequence[RegisteredModel]
    """One for each seed."""
    ensemble: RegisteredModel | None
    """Of all or some of the models."""
    spread: dict[Part, dict[str, Spread]]
    """Of the scores over the seeds, each model at its own locked threshold."""

    @property
    def versions(self) -> set[int]:
        """Versions of the models and of the ensemble."""
        return {model.version for model in (*self.models, *([self.ensemble] if self.ensemble else []))}

    def metrics(self) -> dict[str, Any]:
        """Return the group for metrics.json."""
        return {
            "name": self.name,
            "versions": [model.version for model in self.models],
            "seeds": [model.record.seed for model in self.models],
            "spread": {
                part: {path: spread.model_dump(mode="json") for path, spread in scores.items()}
                for part, scores in self.spread.items()
            },
            "ensemble": self.ensemble.version if self.ensemble else None,
        }


def find_seed_groups(models: Sequence[RegisteredModel]) -> list[SeedGroup]:
    """Return the groups of two or more models that differ only in their seed."""
    related = sorted((model for model in models if model.record.seed_group), key=lambda model: (_identity(model), model.version))
    groups = [list(group) for _, group in groupby(related, _identity)]
    return [_seed_group(group, models) for group in groups if len(group) > 1]


def without_members(models: Sequence[RegisteredModel], groups: Sequence[SeedGroup]) -> list[RegisteredModel]:
    """Return the models without the members of ensembles: which seed scores best is chance, so the ensemble represents them."""
    members = {model.version for group in groups if group.ensemble for model in group.models}
    return [model for model in models if model.version not in members]


def seed_group_of(model: RegisteredModel, groups: Sequence[SeedGroup]) -> SeedGroup | None:
    """Return the group of a model, whether it is one of the seeds or the ensemble."""
    return next((group for group in groups if model.version in group.versions), None)


def _identity(model: RegisteredModel) -> tuple[str, str]:
    """Name and settings of a model without its seed."""
    settings = {name: setting for name, setting in model.record.settings.items() if name != "seeds"}
    fit = {name: setting for name, setting in settings.pop("fit", {}).items() if name != "seed"}
    return str(model.record.seed_group), json.dumps([settings, fit], sort_keys=True)


def _seed_group(models: Sequence[RegisteredModel], candidates: Sequence[RegisteredModel]) -> SeedGroup:
    versions = {model.version for model in models}
    ensembles = [model for model in candidates if model.record.members and versions.issuperset(model.record.members)]
    spread = {
        part: {path: Spread.of([value(model.evaluation(part), path) for model in models]) for path in SEED_SCORES} for part in PARTS
    }
    return SeedGroup(str(models[0].record.seed_group), models, ensembles[-1] if ensembles else None, spread)
