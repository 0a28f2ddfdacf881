"""What validation fixes before anybody looks at test."""

from dataclasses import dataclass

import keras
import pandas as pd

from pneumo.evaluation.calibration import fit_temperature
from pneumo.evaluation.operating_point import balanced_threshold, youden_threshold
from pneumo.evaluation.scores import HALF
from pneumo.training.dataset import Study
from pneumo.training.predict import predict, predict_shifted


@dataclass(frozen=True)
class Locked:
    """A network's scores on validation, and what was chosen on them."""

    validation: pd.DataFrame
    """Columns path, patient, y_true, y_score."""
    validation_shifted: pd.DataFrame
    """Shifted validation: every radiograph several times; also `view`."""
    thresholds: dict[str, float]
    """By every rule."""
    threshold: float
    """By the recipe's rule."""
    temperature: float | None


def lock(study: Study, model: keras.Model) -> Locked:
    """Score validation, as it is and under acquisition shift, and choose thresholds and temperature on it."""
    validation, shifted = predict(study, model, "validation"), predict_shifted(study, model)
    # The radiographs as they are weigh as much as all their changed views.
    tuned = pd.concat([*[validation] * study.recipe.acquisition_views, shifted], ignore_index=True)
    thresholds = {
        "calibration": balanced_threshold(tuned["y_true"], tuned["y_score"]),
        "youden": youden_threshold(validation["y_true"], validation["y_score"]),
        "half": HALF,
    }
    return Locked(
        validation=validation,
        validation_shifted=shifted,
        thresholds=thresholds,
        threshold=thresholds[study.recipe.threshold_rule],
        temperature=fit_temperature(tuned["y_true"].to_numpy(), tuned["y_score"].to_numpy()),
    )
