"""Adaptation of a registered model to another cohort: its learning curve, and the record of the adapted model."""

from dataclasses import dataclass
from typing import ClassVar

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.learning_curve import CurvePoint, LearningCurve
from pneumo.evaluation.linear_head import Penalty
from pneumo.evaluation.scores import Evaluation, Result
from pneumo.results.external import OnOtherCohort
from pneumo.results.registered import RegisteredRecord


class AcquisitionBaseline(Result):
    """How well acquisition traits alone, such as brightness or file size, predict the label on the site's radiographs.

    Each estimate is an AUROC. Where it is far from 0.5, a head may have learned how radiographs were acquired.
    """

    all_traits: Estimate
    """Of a logistic regression on all traits together, out of the same folds as the learning curve; mean over the folds."""
    by_trait: dict[str, Estimate]
    """Of each trait that varies, as it is: below 0.5 where higher values indicate NORMAL."""

    def strongest(self, count: int) -> list[tuple[str, Estimate]]:
        """Return the traits whose AUROC is furthest from 0.5, the furthest first."""
        return sorted(self.by_trait.items(), key=lambda trait: -abs((trait[1].value or 0.5) - 0.5))[:count]


class Adaptation(OnOtherCohort):
    """Learning curve of a registered model on another cohort; its threshold is that of the unadapted model."""

    KIND: ClassVar[str] = "adaptation"

    threshold_rule: str
    """By which the model's threshold was chosen, and those of the refitted heads out of the inner folds."""
    images: int
    pneumonia: int
    """Radiographs that show PNEUMONIA."""
    patients: int
    seed: int
    seconds: float
    """All fits together."""
    curve: LearningCurve
    acquisition: AcquisitionBaseline

    def headline(self) -> dict[str, float]:
        """Return the main scores by name: the metrics of the MLflow run."""
        values = {"auroc_unadapted": self.curve.unadapted.auroc.value, "auroc_acquisition": self.acquisition.all_traits.value}
        values |= {f"auroc_{point.labels or 'all'}_labels": point.scores.auroc.value for point in self.curve.points}
        return {name: value for name, value in values.items() if value is not None}


class AdaptedRecord(RegisteredRecord):
    """Record of a model that was trained on one cohort and whose head was refitted on another, that of the provenance.

    It is synthetic where either is. Its protocol fingerprint is that of no protocol, so it is ranked with no trained model.
    """

    OWN: ClassVar[str] = "out_of_fold"
    OWN_NAME: ClassVar[str] = "its labelled radiographs, out of fold"
    REFERRAL: ClassVar[str] = "out_of_fold"
    REFERRAL_NAME: ClassVar[str] = "its labelled radiographs, out of fold"

    parent_version: int
    """Of the model that it was adapted from, as the next fields."""
    parent_recipe: str
    parent_sha256: str
    training_data_name: str
    training_data_fingerprint: str
    training_partition: dict[str, dict[str, dict[str, int]]]
    """Images and patients of each class in training, validation and test of that cohort."""
    labels: int | None
    """Labelled radiographs that were asked for; None: all."""
    penalties: tuple[Penalty, ...]
    """Of the refitted head, or of that of each member of an ensemble."""
    out_of_fold: Evaluation
    """Of the labelled radiographs, by heads that were not fitted to their patients. Penalty and threshold were chosen on these very
    scores, so they are slightly optimistic."""
    expected: CurvePoint
    """What nested cross-validation gives for heads refitted to as many labels, or to the most that it can give."""

    @property
    def evaluations(self) -> dict[str, Evaluation]:
        """Scores of the labelled radiographs, out of fold."""
        return {"out_of_fold": self.out_of_fold}


@dataclass(frozen=True, eq=False)
class AdaptedModel:
    """A registered adapted model, without its weights."""

    version: int
    sha256: str
    """Of the model file."""
    record: AdaptedRecord

    @property
    def name(self) -> str:
        """Recipe and version, as pages and figures show them."""
        return f"{self.record.recipe} v{self.version}"
