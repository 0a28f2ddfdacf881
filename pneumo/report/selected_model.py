"""Model selection: the model that the page presents first, and its expected performance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pneumo.config import ACQUISITION_SHIFT, Augmentation
from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.comparison import RULE, rank_models
from pneumo.evaluation.model_statistics import ModelStatistics
from pneumo.results.formatting import percent, rounded
from pneumo.results.model import RegisteredModel

EXPECTED_SCORES = {
    "auroc": ("AUROC", rounded),
    "locked.sensitivity": ("sensitivity", percent),
    "locked.specificity": ("specificity", percent),
}
"""Scores whose value by worst views is compared with the test split: path in an Evaluation, label and format."""
# Changes that shifted validation makes and ordinary augmentation does not.
_ACQUISITION_SETTINGS = [
    name for name, field in Augmentation.model_fields.items() if not field.default and getattr(ACQUISITION_SHIFT, name)
]


@dataclass(frozen=True)
class SelectedModel:
    """The model that the selection rule ranks first."""

    ranking: Sequence[int]
    """Positions of all models, the first one's first."""
    model: RegisteredModel
    statistics: ModelStatistics
    auroc: Estimate
    """On validation by worst views, by which models are ranked."""
    runner_up: RegisteredModel | None
    runner_up_auroc: Estimate | None

    @property
    def sensitivity(self) -> Estimate:
        """Sensitivity on test at the locked threshold."""
        return self.statistics.certainty["test"].scores["locked.sensitivity"]

    @property
    def false_positive_rate(self) -> Estimate:
        """1 − specificity on test at the locked threshold."""
        return complement(self.statistics.certainty["test"].scores["locked.specificity"])

    @property
    def trained_under_shift(self) -> bool:
        """Whether its augmentation makes changes of the kinds that shifted validation makes."""
        settings = self.model.record.settings
        # An ensemble across recipes has the settings of its members.
        recipes = settings.get("members", {}).values() or [settings]
        return any(recipe.get("augmentation", {}).get(name, 0) for recipe in recipes for name in _ACQUISITION_SETTINGS)

    def metrics(self) -> dict[str, Any]:
        """Return the selection for metrics.json."""
        scores = self.statistics.certainty["test"].scores
        return {
            "version": self.model.version,
            "model": self.model.name,
            "rule": RULE,
            "worst_view_auroc": self.model.record.worst_views.auroc,
            "runner_up": self.runner_up.name if self.runner_up else None,
            "test": {path: scores[path].model_dump(mode="json") for path in EXPECTED_SCORES},
        }


def select_model(models: Sequence[RegisteredModel], statistics: Sequence[ModelStatistics]) -> SelectedModel:
    """Select a model by the rule, which does not use the test split."""
    ranking = rank_models([model.record.worst_views for model in models])
    first, *others = ranking
    aurocs = [model.worst_views.scores["auroc"] for model in statistics]
    return SelectedModel(
        ranking=ranking,
        model=models[first],
        statistics=statistics[first],
        auroc=aurocs[first],
        runner_up=models[others[0]] if others else None,
        runner_up_auroc=aurocs[others[0]] if others else None,
    )


def complement(share: Estimate) -> Estimate:
    """Return the estimate of 1 − share."""
    value, low, high = (None if number is None else 1 - number for number in (share.value, share.high, share.low))
    return Estimate(value=value, low=low, high=high)
