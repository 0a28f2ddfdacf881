"""What a prediction needs besides the network: how radiographs are prepared, and how scores become decisions."""

import numpy as np
from scipy.special import expit

from pneumo.config import Resize
from pneumo.evaluation.calibration import logits, scale_temperature
from pneumo.evaluation.referral import Referral
from pneumo.evaluation.scores import Result, Scores

TRAINED_ON_PHANTOMS = "the model was trained on synthetic phantom radiographs: this says nothing about patients"


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
    def heading(self) -> str:
        """What a command prints of the model before it uses it, in one line, or two of a model trained on phantoms."""
        line = f"{self.name}, threshold {self.calibrated_threshold:.3f}, {self._referred}. For research; not a medical device."
        return f"{line}\nNote: {TRAINED_ON_PHANTOMS}." if self.synthetic else line

    @property
    def referral_reason(self) -> str:
        """Why a decision is referred, with the limits."""
        referral = self.referral
        if referral.cutoff is None:
            return f"on {referral.chosen_on}, no decisions of this model have an error rate of {referral.most_errors:.0%} or less"
        if referral.criterion == "spread":
            return f"the networks of the ensemble disagree too much: their logits have {self._referral_limits}"
        return f"the probability is too near to the threshold: {self._referral_limits}"

    @property
    def _referred(self) -> str:
        if self.referral.cutoff is None:
            return "every radiograph referred"
        where = "where the networks' logits have " if self.referral.criterion == "spread" else ""
        return f"referred {where}{self._referral_limits}"

    @property
    def _referral_limits(self) -> str:
        cutoff = self.referral.cutoff or 0.0
        if self.referral.criterion == "spread":
            return f"a standard deviation above {-cutoff:.2f}"
        middle = logits(np.array([self.threshold]))
        low, high = self.calibrated(expit(middle + np.array([-cutoff, cutoff])))
        return f"between {low:.3f} and {high:.3f}"

    @property
    def calibrated_threshold(self) -> float:
        """The threshold as a probability: decisions by it are those by the threshold of scores."""
        return float(self.calibrated(np.array([self.threshold]))[0])
