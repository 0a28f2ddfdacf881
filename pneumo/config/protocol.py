"""Settings that must be the same for models to be comparable."""

import hashlib
from typing import Annotated, Literal

from pydantic import Field

from pneumo.config.augmentation import ACQUISITION_SHIFT, Augmentation
from pneumo.config.basics import Seed, Settings

ThresholdRule = Literal["calibration", "youden", "half"]


class Protocol(Settings):
    """How every model is validated. Models of different protocols are never ranked together."""

    validation: Literal["grouped", "shipped"] = "grouped"
    """grouped: cut from train by patient, stratified; shipped: the val folder (16 images), only to repeat the reference systems."""
    validation_fraction: Annotated[float, Field(ge=0.02, le=0.5)] = 0.15
    """Fraction of the train patients that becomes the grouped validation set."""
    seed: Seed = 0
    """Seed of the grouped validation set, and of the folds of the audit's linear pixel baseline."""
    threshold_rule: ThresholdRule = "calibration"
    """How the operating threshold is chosen on validation. calibration: where a logistic regression of the label on the logit,
    classes weighted equally, fitted on validation and shifted validation, gives 0.5; youden: the largest sensitivity + specificity
    on validation; half: 0.5. All three are reported."""
    acquisition_shift: Augmentation = ACQUISITION_SHIFT
    """Random changes that make shifted validation from validation."""
    shifted_views: Annotated[int, Field(ge=1, le=100)] = 3
    """Random views of each validation radiograph in shifted validation."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the settings."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
