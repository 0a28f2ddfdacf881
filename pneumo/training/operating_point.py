"""Threshold and temperature, which are chosen on validation before the test split is accessed."""

from dataclasses import dataclass

import keras
import pandas as pd

from pneumo.evaluation.calibration import fit_temperature
from pneumo.evaluation.operating_point import balanced_threshold, youden_threshold
from pneumo.evaluation.scores import HALF
from pneumo.training.predict import predict, predict_shifted
from pneumo.training.run import TrainingRun


@dataclass(frozen=True)
class LockedOperatingPoint:
    """A network's scores on validation, and the threshold and temperature chosen on them."""

    validation: pd.DataFrame
    """Columns path, patient, y_true, y_score."""
    validation_shifted: pd.DataFrame
    """Several views of every validation radiograph; also the column `view`."""
    thresholds: dict[str, float]
    """By every rule."""
    threshold: float
    """By the protocol's rule."""
    temperature: float | None


def lock_operating_point(model: keras.Model, run: TrainingRun) -> LockedOperatingPoint:
    """Score validation and shifted validation, and choose the threshold by every rule, and the temperature."""
    dataset, protocol = run.dataset, run.protocol
    validation = predict(model, dataset, "validation", run.recipe.fit.batch_size)
    shifted = predict_shifted(model, dataset, protocol)
    # Unshifted validation has the same total weight as all shifted views together.
    pooled = pd.concat([*[validation] * protocol.shifted_views, shifted], ignore_index=True)
    thresholds = {
        "calibration": balanced_threshold(pooled["y_true"], pooled["y_score"]),
        "youden": youden_threshold(validation["y_true"], validation["y_score"]),
        "half": HALF,
    }
    return LockedOperatingPoint(
        validation=validation,
        validation_shifted=shifted,
        thresholds=thresholds,
        threshold=thresholds[protocol.threshold_rule],
        temperature=fit_temperature(pooled["y_true"].to_numpy(), pooled["y_score"].to_numpy()),
    )
