"""Results of experiments, such as cross-validations and ablations: several trainings that are compared with one another."""

import statistics
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self

from pneumo.evaluation.scores import PARTS, Evaluation, OperatingPoint, Result
from pneumo.results.provenance import Provenance


class Experiment(Provenance):
    """Result of several trainings that are compared with one another, none of which becomes a registered model."""

    KIND: ClassVar[str]
    """One word that identifies the kind of result in the registry and in messages."""

    name: str
    """The newest result of a name replaces older ones of the same kind and cohort in the report."""
    settings: dict[str, Any]
    """Settings of the run, as JSON values."""
    seed: int
    precision: str
    """Numeric precision of the fits, with the reason for it."""
    seconds: float
    """All fits together."""

    @abstractmethod
    def headline(self) -> dict[str, float]:
        """Return the main scores by name, without spaces: the metrics of the MLflow run."""


class Scores(Result):
    """Scores of one fit on radiographs that it was not trained on, at the threshold 0.5."""

    images: int
    accuracy: float
    sensitivity: float | None
    specificity: float | None
    precision: float | None
    """Of PNEUMONIA."""
    f1: float | None
    """Of PNEUMONIA."""
    auroc: float | None
    average_precision: float | None
    loss: float
    """Binary cross-entropy, without class weights."""

    @classmethod
    def of(cls, evaluation: Evaluation) -> Self:
        """Return the scores of an evaluation by which fits are compared."""
        return cls(
            images=evaluation.images,
            accuracy=evaluation.half.accuracy,
            sensitivity=evaluation.half.sensitivity,
            specificity=evaluation.half.specificity,
            precision=evaluation.half.pneumonia.precision,
            f1=evaluation.half.pneumonia.f1,
            auroc=evaluation.auroc,
            average_precision=evaluation.average_precision,
            loss=evaluation.loss,
        )


METRICS = tuple(name for name in Scores.model_fields if name != "images")


class Fold(Result):
    """One fold, scored by the network that was trained on the others."""

    training_images: int
    scores: Scores
    history: dict[str, list[float]]
    """Metrics after each epoch."""
    seconds: float


class Spread(Result):
    """Mean and sample standard deviation over folds or seeds; None where any of the values is undefined."""

    mean: float | None
    sd: float | None

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Self:
        """Average at least two values."""
        defined = [value for value in values if value is not None]
        # A mean without the undefined values would be too good: a score is undefined where a network fails.
        if len(defined) < len(values):
            return cls(mean=None, sd=None)
        return cls(mean=statistics.fmean(defined), sd=statistics.stdev(defined))


class CrossValidation(Experiment):
    """Cross-validation of one recipe; its name is that of the recipe."""

    KIND: ClassVar[str] = "cross-validation"

    folds: tuple[Fold, ...]
    spread: dict[str, Spread]
    """Mean and SD over the folds, by score."""
    pooled: Scores
    """Of all out-of-fold predictions together. The networks differ in scale, so this AUROC can be lower than that of every fold."""
    pooled_point: OperatingPoint
    """Decisions at 0.5, counted over all folds."""

    def headline(self) -> dict[str, float]:
        """Return mean and SD of each score."""
        return {
            f"{metric}_{statistic}": value
            for metric, spread in self.spread.items()
            for statistic, value in (("mean", spread.mean), ("sd", spread.sd))
            if value is not None
        }


def spread_of(folds: Sequence[Scores]) -> dict[str, Spread]:
    """Mean and SD of each score over at least two folds."""
    return {metric: Spread.of([getattr(scores, metric) for scores in folds]) for metric in METRICS}


class Variant(Result):
    """One variant, trained once."""

    name: str
    """networks: name of the network, with the suffix -augmented; leave-one-out: name of the component that is left out, or none."""
    group: str
    """Variants of one group, that is, of one network or one component, are drawn in one panel."""
    label: str
    """What distinguishes it from the other variants of its group."""
    description: str
    """Short description of its components."""
    threshold: float
    """Threshold of the "locked" scores in the evaluations below: 0.5, or chosen on the variant's validation scores."""
    validation: Evaluation
    validation_shifted: Evaluation | None = None
    """This and `test` are None where only validation was scored."""
    test: Evaluation | None = None
    """Accessed after all variants were trained and their thresholds locked."""
    epoch: int
    """Epoch whose weights were scored, from 1: with early stopping the one of lowest validation loss, otherwise the last."""
    history: dict[str, list[float]]
    """Metrics after each epoch."""
    parameters: int
    """Number of trainable weights."""
    seconds: float

    @property
    def scores(self) -> Scores:
        """Scores on validation at 0.5."""
        return Scores.of(self.validation)


class Ablation(Experiment):
    """Variants of a recipe, compared."""

    KIND: ClassVar[str] = "ablation"

    design: Literal["networks", "leave-one-out"]
    training_images: int
    variants: tuple[Variant, ...]
    """In leave-one-out, the first is the whole recipe."""

    def headline(self) -> dict[str, float]:
        """Scores of each variant on validation, and its AUROC on the other parts."""
        scores = {f"{variant.name}_{metric}": getattr(variant.scores, metric) for variant in self.variants for metric in METRICS}
        for variant in self.variants:
            evaluations = {part: getattr(variant, part) for part in PARTS}
            scores |= {f"{variant.name}_{part}_auroc": scored.auroc for part, scored in evaluations.items() if scored is not None}
        return {name.replace(" ", "_"): value for name, value in scores.items() if value is not None}
