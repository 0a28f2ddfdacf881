"""What the study protocol makes of the models of a report, and of each pair of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from pneumo.evaluation.films import PARTS, Films
from pneumo.evaluation.protocol import Difference, Locked, ModelStatistics, compare, describe
from pneumo.report.inputs import ModelResult


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


def work_out(models: Sequence[ModelResult], compared: Sequence[ModelResult]) -> Statistics:
    """Work out the statistics from the predictions kept with the models, and compare some of them in pairs."""
    return Statistics(
        models=[_described(model) for model in models],
        comparisons=[
            Comparison(first=first.name, second=second.name, difference=_difference(first, second))
            for first, second in combinations(compared, 2)
        ],
    )


def _described(model: ModelResult) -> ModelStatistics:
    locked = Locked(threshold=model.facts.threshold, thresholds=model.facts.thresholds, temperature=model.facts.temperature)
    return describe({part: Films.of(model.predictions(part)) for part in PARTS}, locked)


def _difference(first: ModelResult, second: ModelResult) -> Difference:
    tables = (first.predictions_test, second.predictions_test)
    common = set(tables[0]["path"]) & set(tables[1]["path"])
    one, other = (Films.of(rows[rows["path"].isin(common)].sort_values("path")) for rows in tables)
    return compare(one, first.facts.threshold, other, second.facts.threshold)
