"""All that the study protocol asks of the predictions kept with a model; nothing here needs the model itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pneumo.evaluation import weighted
from pneumo.evaluation.bootstrap import LEVEL, Estimate, Share, estimates, patient_bootstrap, percentile
from pneumo.evaluation.calibration import Calibration, scaled
from pneumo.evaluation.clinical_utility import (
    PREVALENCES,
    TARGETS,
    DecisionCurve,
    FixedPoint,
    PredictiveValues,
    decision_curve,
    predictive_values,
)
from pneumo.evaluation.comparison import DeLong, McNemar, delong, mcnemar
from pneumo.evaluation.operating_point import threshold_at
from pneumo.evaluation.predictions import PARTS, Part, Predictions
from pneumo.evaluation.scores import HALF, PNEUMONIA_SUBTYPES, Result
from pneumo.evaluation.weighted import Draws

RATES = tuple(float(rate) for rate in np.linspace(0, 1, 101))
"""False-positive rates at which the band about an ROC curve is known."""
_TWO = 2


@dataclass(frozen=True)
class Locked:
    """What was fixed on validation before the test split was opened."""

    threshold: float
    thresholds: Mapping[str, float]
    """What each rule would have locked."""
    temperature: float | None
    """None where no finite positive temperature was best."""


class Band(Result):
    """Where the ROC curve lies in the middle 95 % of the draws, at each false-positive rate for itself."""

    false_positive_rates: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Certainty(Result):
    """One model's scores on one part, with intervals by patient bootstrap."""

    patients: int
    scores: dict[str, Estimate]
    """By their path in an Evaluation, such as "locked.sensitivity"."""
    subtypes: dict[str, dict[str, Estimate]]
    """Sensitivity by kind of pneumonia, at the "locked" threshold and at "half"."""
    band: Band | None
    """None where a class is missing."""


class PartCalibration(Result):
    """How well the probabilities of one part fit its labels, as they are and divided by the temperature."""

    raw: Calibration
    scaled: Calibration | None
    """None where no temperature could be fitted."""


class AtThreshold(Result):
    """What one rule's threshold comes to on test."""

    threshold: float
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate


class ModelStatistics(Result):
    """What the protocol asks of one model."""

    certainty: dict[Part, Certainty]
    temperature: float | None
    """Fitted on validation; None where no finite positive temperature is best there."""
    calibration: dict[Part, PartCalibration]
    thresholds: dict[str, AtThreshold]
    """By the rule that would have locked it."""
    fixed: tuple[FixedPoint, ...]
    predictive: tuple[PredictiveValues, ...]
    """From sensitivity and specificity on test at the locked threshold."""
    decision: DecisionCurve
    """On test, of the probabilities divided by the temperature where there is one: who treats from 20 % on means 20 %."""


class Difference(Result):
    """First model minus second on the same test radiographs."""

    images: int
    auroc: Estimate
    """With its interval by patient bootstrap."""
    delong: DeLong | None
    """None where a class has fewer than two radiographs."""
    locked: McNemar
    """Each model at its own locked threshold."""
    half: McNemar
    """Both at 0.5."""


def describe(radiographs: Mapping[Part, Predictions], locked: Locked) -> ModelStatistics:
    """Work out everything about one model from what it said of each part."""
    found = {part: _certainty(radiographs[part], locked.threshold) for part in PARTS}
    on_test, draws = found["test"]
    return ModelStatistics(
        certainty={part: certainty for part, (certainty, _) in found.items()},
        temperature=locked.temperature,
        calibration={part: _calibration(radiographs[part], locked.temperature) for part in PARTS},
        thresholds={rule: _at(radiographs["test"], threshold) for rule, threshold in locked.thresholds.items()},
        fixed=tuple(_fixed_points(radiographs["validation_shifted"], radiographs["test"])),
        predictive=tuple(_predictive(on_test, draws)),
        decision=_decision(radiographs["test"], locked.temperature),
    )


def _decision(test: Predictions, temperature: float | None) -> DecisionCurve:
    return decision_curve(test.y_true, test.y_score if temperature is None else scaled(test.y_score, temperature))


def compare(first: Predictions, first_threshold: float, second: Predictions, second_threshold: float) -> Difference:
    """Compare two models on the same test radiographs, given in the same order."""
    minuend, subtrahend = (weighted.auroc(radiographs.y_true, radiographs.y_score) for radiographs in (first, second))
    found, _ = estimates(first.patient, {"auroc": lambda weights: minuend(weights) - subtrahend(weights)})
    counts = np.bincount(first.y_true, minlength=_TWO)
    return Difference(
        images=first.y_true.size,
        auroc=found["auroc"],
        delong=delong(first.y_true, first.y_score, second.y_score) if counts.min() >= _TWO else None,
        locked=mcnemar(first.right(first_threshold), second.right(second_threshold)),
        half=mcnemar(first.right(HALF), second.right(HALF)),
    )


def _certainty(radiographs: Predictions, threshold: float) -> tuple[Certainty, dict[str, Draws]]:
    ill = radiographs.y_true == 1
    kinds = {kind: ill & (radiographs.subtype == kind) for kind in PNEUMONIA_SUBTYPES}
    groups = {"accuracy": np.ones_like(ill), "sensitivity": ill, "specificity": ~ill} | kinds
    thresholds = {"locked": threshold, "half": HALF}
    shares = {
        f"{point}.{name}": Share(hit=radiographs.right(cut), among=among)
        for point, cut in thresholds.items()
        for name, among in groups.items()
    }
    areas = {
        "auroc": weighted.auroc(radiographs.y_true, radiographs.y_score),
        "average_precision": weighted.average_precision(radiographs.y_true, radiographs.y_score),
    }
    found, draws = estimates(radiographs.patient, areas, shares)
    subtypes = {kind: {point: found.pop(f"{point}.{kind}") for point in thresholds} for kind in kinds}
    certainty = Certainty(
        patients=np.unique(radiographs.patient).size,
        scores=found,
        subtypes=subtypes,
        band=_band(radiographs) if 0 < ill.sum() < ill.size else None,
    )
    return certainty, draws


def _band(radiographs: Predictions) -> Band:
    curves = patient_bootstrap(
        radiographs.patient, {"roc": weighted.roc(radiographs.y_true, radiographs.y_score, np.array(RATES))}
    )["roc"]
    low, high = np.nanquantile(curves, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Band(false_positive_rates=RATES, low=tuple(low.tolist()), high=tuple(high.tolist()))


def _calibration(radiographs: Predictions, temperature: float | None) -> PartCalibration:
    return PartCalibration(
        raw=Calibration.of(radiographs.y_true, radiographs.y_score),
        scaled=None if temperature is None else Calibration.of(radiographs.y_true, scaled(radiographs.y_score, temperature)),
    )


def _at(radiographs: Predictions, threshold: float) -> AtThreshold:
    shares = {"accuracy": Share(hit=radiographs.right(threshold), among=np.ones_like(radiographs.y_true, dtype=bool))} | _both(
        radiographs, threshold
    )
    found, _ = estimates(radiographs.patient, {}, shares)
    return AtThreshold(threshold=threshold, **found)


def _fixed_points(shifted: Predictions, test: Predictions) -> Iterator[FixedPoint]:
    read_off = {"sensitivity": weighted.specificity_at_sensitivity, "specificity": weighted.sensitivity_at_specificity}
    for fixed, target in TARGETS:
        threshold = threshold_at(shifted.y_true, shifted.y_score, fixed, target)
        curve = {"read_off": read_off[fixed](test.y_true, test.y_score, target)}
        on_test, _ = estimates(test.patient, curve, {} if threshold is None else _both(test, threshold))
        on_shifted, _ = estimates(shifted.patient, {}, {} if threshold is None else _both(shifted, threshold))
        nothing = Estimate(value=None)
        yield FixedPoint(
            fixed=fixed,
            target=target,
            threshold=threshold,
            validation_shifted_sensitivity=on_shifted.get("sensitivity", nothing),
            validation_shifted_specificity=on_shifted.get("specificity", nothing),
            test_sensitivity=on_test.get("sensitivity", nothing),
            test_specificity=on_test.get("specificity", nothing),
            test_read_off=on_test["read_off"],
        )


def _both(radiographs: Predictions, threshold: float) -> dict[str, Share]:
    right, ill = radiographs.right(threshold), radiographs.y_true == 1
    return {"sensitivity": Share(hit=right, among=ill), "specificity": Share(hit=right, among=~ill)}


def _predictive(certainty: Certainty, draws: Mapping[str, Draws]) -> Iterator[PredictiveValues]:
    sensitivity, specificity = "locked.sensitivity", "locked.specificity"
    found, normal = certainty.scores[sensitivity], certainty.scores[specificity]
    for prevalence in PREVALENCES:
        # None becomes nan.
        values = predictive_values(found.value, normal.value, prevalence)
        drawn = predictive_values(draws[sensitivity], draws[specificity], prevalence)
        # Both grow with sensitivity and with specificity, so the corners of their intervals bound them. Wider than needed, but a
        # model without a false alarm on test is not one without false alarms.
        lowest = predictive_values(found.low, normal.low, prevalence)
        highest = predictive_values(found.high, normal.high, prevalence)
        positive, negative = (
            _within(percentile(float(value), spread), float(low), float(high))
            for value, spread, low, high in zip(values, drawn, lowest, highest, strict=True)
        )
        yield PredictiveValues(prevalence=prevalence, positive=positive, negative=negative)


def _within(estimate: Estimate, low: float, high: float) -> Estimate:
    """Give an estimate without an interval this one, where it is known."""
    if estimate.value is None or estimate.low is not None or np.isnan(low) or np.isnan(high):
        return estimate
    return Estimate(value=estimate.value, low=low, high=high)
