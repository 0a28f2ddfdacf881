"""What a prediction needs besides the network: how radiographs are prepared, and how scores become decisions."""

import numpy as np

from pneumo.config import Resize
from pneumo.evaluation.calibration import scale_temperature
from pneumo.evaluation.referral import Referral
from pneumo.evaluation.scores import Result, Scores


class Specification(Result):
    """What a prediction needs besides the network, and which model it is."""

    recipe: str
    version: int
    model_sha256: str
    """Of the registered model file."""
    cohort: str
    """Name of the cohort that it was trained on."""
    adapted_on: str | None = None
    """Name of the cohort that its head was refitted on; None of a model that was not adapted."""
    synthetic: bool
    """Whether any of them was a phantom cohort: then predictions say nothing about patients."""
    image_size_px: int
    resize: Resize
    preprocessing: str
    class_names: tuple[str, str]
    """Classes of the probabilities 0 and 1."""
    threshold: float
    """Locked on validation, of the network's score."""
    temperature: float | None
    """Divides the logit of the score; None where none could be fitted, and probabilities are the scores."""
    referral: Referral

    @property
    def name(self) -> str:
        """Recipe and version, as pages and figures show them."""
        return f"{self.recipe} v{self.version}"

    def calibrated(self, score: Scores) -> Scores:
        """Return the probabilities of scores, temperature-scaled; both (N,), 0..1."""
        return score if self.temperature is None else scale_temperature(score, self.temperature)

    @property
    def calibrated_threshold(self) -> float:
        """The threshold as a probability: decisions by it are those by the threshold of scores."""
        return float(self.calibrated(np.array([self.threshold]))[0])
