"""Results that are not models, such as a cross-validation: what each says of itself, and how its fits are scored."""

from abc import abstractmethod
from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict

from pneumo.evaluation.scores import Evaluation


class Experiment(BaseModel):
    """What every result that is not a model says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    KIND: ClassVar[str]
    """One word, by which such results are found again."""

    name: str
    """Of two results of one kind and cohort, the newer takes the place of the older where they have one name."""
    created: datetime
    """In UTC."""
    synthetic: bool
    """Made on the phantom cohort."""
    data_name: str
    """Name of the cohort's folder, never a path."""
    data_fingerprint: str
    settings: dict[str, Any]
    """The whole configuration as run, as JSON values."""
    seed: int
    precision: str
    """Policy of the fits, with its reason."""
    git_commit: str | None
    software: dict[str, str]
    hardware: str
    seconds: float
    """Of all its fits together."""

    @abstractmethod
    def headline(self) -> dict[str, float]:
        """Give the numbers that are shown first, by a name without spaces."""


class Scores(BaseModel):
    """What one fit scores on radiographs that it was not trained on, decided at 0.5."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

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
    """Binary cross-entropy, the classes not weighted."""

    @classmethod
    def of(cls, evaluation: Evaluation) -> Self:
        """Take from an evaluation what fits are compared on."""
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
