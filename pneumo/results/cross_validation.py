"""What a cross-validation found: every radiograph scored once, by the one network that was not trained on it."""

import statistics
from collections.abc import Sequence
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict

from pneumo.evaluation.scores import OperatingPoint
from pneumo.results.experiment import METRICS, Experiment, Scores


class Fold(BaseModel):
    """One fold: trained on the others, scored on this one."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    training_images: int
    scores: Scores
    history: dict[str, list[float]]
    """Each quantity after each epoch."""
    seconds: float


class Spread(BaseModel):
    """Mean and sample standard deviation over folds or seeds; None where one gives no value: a mean of the others would flatter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: float | None
    sd: float | None

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Self:
        """Average two values or more."""
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return cls(mean=None, sd=None)
        return cls(mean=statistics.fmean(known), sd=statistics.stdev(known))


class CrossValidation(Experiment):
    """One recipe, trained as often as there are folds; its name is the recipe's."""

    KIND: ClassVar[str] = "cross-validation"

    folds: tuple[Fold, ...]
    spread: dict[str, Spread]
    """By the name of each score."""
    pooled: Scores
    """All out-of-fold predictions as one table. Its AUROC may lie below every fold's: each network has a scale of its own."""
    pooled_point: OperatingPoint
    """Decisions at 0.5, counted over all folds."""

    def headline(self) -> dict[str, float]:
        """Give mean and SD of each score."""
        return {
            f"{metric}_{statistic}": value
            for metric, spread in self.spread.items()
            for statistic, value in (("mean", spread.mean), ("sd", spread.sd))
            if value is not None
        }


def spread_of(folds: Sequence[Scores]) -> dict[str, Spread]:
    """Average each score over two folds or more."""
    return {metric: Spread.of([getattr(scores, metric) for scores in folds]) for metric in METRICS}
