"""Base of the record of a registered model, trained or adapted."""

from abc import abstractmethod
from typing import Any, ClassVar

from pneumo.config import Resize
from pneumo.evaluation.scores import Evaluation
from pneumo.results.provenance import Provenance


class RegisteredRecord(Provenance):
    """Base of the record of a registered model: all that is needed to use it without a configuration file."""

    OWN: ClassVar[str]
    """Predictions that scores on other cohorts are compared with: their name in the registry."""
    OWN_NAME: ClassVar[str]
    """The same as a phrase."""
    REFERRAL: ClassVar[str]
    """Predictions that the referral is chosen on: their name in the registry."""
    REFERRAL_NAME: ClassVar[str]
    """The same as a phrase."""

    recipe: str
    members: tuple[int, ...] = ()
    """Versions of the models that an ensemble averages."""
    partition: dict[str, dict[str, dict[str, int]]]
    """Images and patients of each class in training, validation and test, or of those that an adapted model was refitted to."""
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
    """Of temperature scaling, fitted as the threshold is; None where no finite positive value is optimal."""
    settings: dict[str, Any]
    """Settings of the recipe, as JSON values."""
    history: dict[str, list[float]]
    """Metrics after each epoch, of all phases in sequence; empty where no epochs were trained."""
    parameters: int
    """Number of trainable weights."""
    training_seconds: float
    seed: int | None
    """None for an ensemble, whose members have their own."""
    precision: str
    precision_reason: str

    @property
    @abstractmethod
    def evaluations(self) -> dict[str, Evaluation]:
        """Scores by the name of the predictions in the registry."""

    @property
    def own(self) -> Evaluation:
        """The scores that those on other cohorts are compared with."""
        return self.evaluations[self.OWN]
