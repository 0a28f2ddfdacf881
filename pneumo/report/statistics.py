"""What the study protocol makes of the models of a report, and of each pair of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from pneumo.evaluation.model_statistics import Difference, Locked, ModelStatistics, compare, describe
from pneumo.evaluation.predictions import PARTS, Predictions
from pneumo.results.registered import RegisteredModel


@dataclass(frozen=True)
class Comparison:
    """Two models on the test radiographs that both have read."""

    first: str
    second: str
    difference: Difference


@dataclass(frozen=True)
class Statistics:
    """All of a report."""

    models: Sequence[ModelStatistics]
    """In the order of the models."""
    comparisons: Sequence[Comparison]


def work_out(models: Sequence[RegisteredModel], compared: Sequence[RegisteredModel]) -> Statistics:
    """Work out the statistics from the predictions kept with the models, and compare some of them in pairs."""
    return Statistics(
        models=[_described(model) for model in models],
        comparisons=[
            Comparison(first=first.name, second=second.name, difference=_difference(first, second))
            for first, second in combinations(compared, 2)
        ],
    )


def _described(model: RegisteredModel) -> ModelStatistics:
    locked = Locked(threshold=model.facts.threshold, thresholds=model.facts.thresholds, temperature=model.facts.temperature)
    return describe({part: Predictions.of(model.predictions(part)) for part in PARTS}, locked)


def _difference(first: RegisteredModel, second: RegisteredModel) -> Difference:
    tables = (first.predictions_test, second.predictions_test)
    common = set(tables[0]["path"]) & set(tables[1]["path"])
    one, other = (Predictions.of(rows[rows["path"].isin(common)].sort_values("path")) for rows in tables)
    return compare(one, first.facts.threshold, other, second.facts.threshold)
