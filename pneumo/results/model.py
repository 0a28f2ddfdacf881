"""The record of a registered model, with its training phases and search, and the model as figures and reports take it."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal

import pandas as pd

from pneumo.evaluation.scores import PARTS, Evaluation, Part, Result
from pneumo.results.adaptation import Adaptation, AdaptedModel, AdaptedRecord
from pneumo.results.external import ScoredCohort
from pneumo.results.registered import RegisteredRecord


class Phase(Result):
    """One phase of a training that has several, such as the fine-tuning of a backbone."""

    name: str
    learning_rate: float
    """Initial learning rate."""
    epochs: int
    """Epochs that were trained."""
    parameters: int
    """Number of weights that this phase trained."""
    seconds: float
    history: dict[str, list[float]]
    """Metrics after each epoch."""
    validation: Evaluation
    """Of the network at the end of the phase; only the finished model is scored on test."""


class SearchPoint(Result):
    """One hyper-parameter setting, scored by cross-validation."""

    parameters: dict[str, float]
    fold_scores: tuple[float, ...]
    failures: tuple[str, ...]
    """Error messages of failed fits, each of which has the worst possible score."""
    seconds: float
    """All its fits together."""

    @property
    def mean(self) -> float:
        """Mean score over the folds, which the search maximizes."""
        return statistics.fmean(self.fold_scores)

    @property
    def standard_deviation(self) -> float:
        """Sample standard deviation over the folds."""
        return statistics.stdev(self.fold_scores)


class SearchResult(Result):
    """A hyper-parameter search with its points in the order in which they were tried."""

    space: dict[str, tuple[float, float]]
    """Bounds of each parameter."""
    scoring: str
    """Name of the scorer in scikit-learn."""
    folds: int
    initial_points: int
    """Points drawn at random before the surrogate model proposed the next."""
    points: tuple[SearchPoint, ...]

    @property
    def best(self) -> SearchPoint:
        """The point with the highest mean score, the earliest of equal ones."""
        return max(self.points, key=lambda point: point.mean)


class ModelRecord(RegisteredRecord):
    """Record of a trained model: how to use it, and how it was made and scored."""

    OWN: ClassVar[str] = "test"
    OWN_NAME: ClassVar[str] = "its own test split"
    REFERRAL: ClassVar[str] = "validation_shifted"
    REFERRAL_NAME: ClassVar[str] = "shifted validation"

    seed_group: str | None = None
    """Recipe without the seed, for models of several seeds."""
    test_accessed: datetime
    """In UTC; after the threshold was locked."""
    test_accesses: int
    """Accesses to this cohort's test split in the test-access log of the registry, including this model's."""
    test_accesses_of_recipe: int
    """Accesses by models of this recipe."""
    phases: tuple[Phase, ...] = ()
    """Empty where the training has only one."""
    validation: Evaluation
    validation_shifted: Evaluation
    """On shifted validation, all views together."""
    worst_views: Evaluation
    """On validation, each radiograph by the worst of its shifted views: expected of test, and what ranks models."""
    test: Evaluation
    search: SearchResult | None = None
    """The hyper-parameter search that chose the settings, where there was one."""

    @property
    def evaluations(self) -> dict[str, Evaluation]:
        """Scores by part."""
        return {part: getattr(self, part) for part in PARTS}


AnyRecord = ModelRecord | AdaptedRecord
"""Record of any registered model."""


@dataclass(frozen=True, eq=False)
class RegisteredModel:
    """A registered model, without its weights."""

    version: int
    champion: bool
    sha256: str
    """Of the model file."""
    record: ModelRecord
    predictions: Mapping[Part, pd.DataFrame]
    """Columns path, patient, subtype, y_true, y_score; shifted validation has every radiograph several times."""
    search_figures: Mapping[str, bytes] = field(default_factory=dict)
    """PNG by name, "convergence" and "dependence"; empty where no search chose the settings."""
    external: Sequence[ScoredCohort] = ()
    """Evaluations on other cohorts; no selection of a model reads them."""
    adaptations: Sequence[Adaptation] = ()
    """Learning curves on other cohorts; no selection of a model reads them."""
    adapted: Sequence[AdaptedModel] = ()
    """Models that were adapted from it."""

    @property
    def name(self) -> str:
        """Recipe and version, as pages and figures show them."""
        return f"{self.record.recipe} v{self.version}"

    def evaluation(self, part: Part | Literal["worst_views"]) -> Evaluation:
        """Return the scores on one part, or those by worst views."""
        return getattr(self.record, part)
