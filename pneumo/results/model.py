"""The record of a registered model, with its training phases and search, and the model as figures and reports take it."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from pneumo.config import Resize
from pneumo.evaluation.scores import Evaluation, Part, Result
from pneumo.results.external import ScoredCohort
from pneumo.results.provenance import Provenance


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


class ModelRecord(Provenance):
    """Record of a registered model: all that is needed to use it without a configuration file, and how it was made and scored."""

    recipe: str
    seed_group: str | None = None
    """Recipe without the seed, for models of several seeds."""
    members: tuple[int, ...] = ()
    """Versions of the models that an ensemble averages."""
    partition: dict[str, dict[str, dict[str, int]]]
    """Images and patients of each class in training, validation and test."""
    class_names: tuple[str, str]
    """Classes of the probabilities 0 and 1."""
    image_size_px: int
    resize: Resize
    preprocessing: str
    """What the model expects, and how it rescales that internally, in one sentence."""
    threshold: float
    """Locked on validation; the second class is predicted at this probability or more."""
    threshold_rule: str
    thresholds: dict[str, float]
    """Threshold by each of the rules calibration, youden and half."""
    temperature: float | None
    """Of temperature scaling, fitted on validation and shifted validation; None where no finite positive value is optimal."""
    test_accessed: datetime
    """In UTC; after the threshold was locked."""
    test_accesses: int
    """Accesses to this cohort's test split in the test-access log of the registry, including this model's."""
    test_accesses_of_recipe: int
    """Accesses by models of this recipe."""
    settings: dict[str, Any]
    """Settings of the recipe, as JSON values."""
    history: dict[str, list[float]]
    """Metrics after each epoch, of all phases in sequence."""
    phases: tuple[Phase, ...] = ()
    """Empty where the training has only one."""
    validation: Evaluation
    validation_shifted: Evaluation
    """On shifted validation, all views together."""
    test: Evaluation
    search: SearchResult | None = None
    """The hyper-parameter search that chose the settings, where there was one."""
    parameters: int
    """Number of trainable weights."""
    training_seconds: float
    seed: int | None
    """None for an ensemble, whose members have their own."""
    precision: str
    precision_reason: str


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

    @property
    def name(self) -> str:
        """Recipe and version, as pages and figures show them."""
        return f"{self.record.recipe} v{self.version}"

    def evaluation(self, part: Part) -> Evaluation:
        """Return the scores on one part."""
        return getattr(self.record, part)
