"""Statistics of registered models, computed from their stored predictions: confidence intervals, calibration, clinical utility."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from pneumo.evaluation import weighted_scores
from pneumo.evaluation.bootstrap import CONFIDENCE_LEVEL, Estimate, Proportion, estimates, patient_bootstrap, percentile_interval
from pneumo.evaluation.calibration import Calibration, scale_temperature
from pneumo.evaluation.clinical_utility import (
    PREVALENCES,
    TARGETS,
    DecisionCurve,
    FixedOperatingPoint,
    PredictiveValues,
    decision_curve,
    predictive_values,
)
from pneumo.evaluation.comparison import DeLong, McNemar, delong, mcnemar
from pneumo.evaluation.operating_point import threshold_at
from pneumo.evaluation.scores import HALF, PARTS, PNEUMONIA_SUBTYPES, Part, Predictions, Result
from pneumo.evaluation.weighted_scores import Draws

FALSE_POSITIVE_RATES = tuple(float(rate) for rate in np.linspace(0, 1, 101))
"""Where the confidence band of an ROC curve is computed."""
RATES = ("accuracy", "sensitivity", "specificity")
_TWO = 2


class RocBand(Result):
    """Pointwise 95 % confidence band of an ROC curve."""

    false_positive_rates: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class ScoreIntervals(Result):
    """Scores of one model on one part with confidence intervals by patient bootstrap."""

    patients: int
    scores: dict[str, Estimate]
    """By path in an Evaluation, such as "locked.sensitivity"."""
    subtypes: dict[str, dict[str, Estimate]]
    """Sensitivity by subtype of pneumonia, then by threshold: "locked" and "half"."""
    band: RocBand | None
    """None where a class is missing."""


class PartCalibration(Result):
    """Calibration on one part before and after temperature scaling."""

    raw: Calibration
    scaled: Calibration | None
    """None where no temperature could be fitted."""


class ThresholdScores(Result):
    """Scores on test or on another cohort at the threshold of one rule."""

    threshold: float
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate


class ModelStatistics(Result):
    """Confidence intervals, calibration and clinical utility of one model."""

    certainty: dict[Part, ScoreIntervals]
    worst_views: ScoreIntervals
    """On validation, each radiograph by the worst of its shifted views."""
    temperature: float | None
    """Fitted on validation and shifted validation; None where no finite positive temperature is optimal there."""
    calibration: dict[Part, PartCalibration]
    thresholds: dict[str, ThresholdScores]
    """By rule."""
    fixed: tuple[FixedOperatingPoint, ...]
    predictive: tuple[PredictiveValues, ...]
    """From sensitivity and specificity on test at the locked threshold."""
    decision: DecisionCurve
    """On test, after temperature scaling where possible: a threshold probability of 20 % needs calibrated probabilities."""


class Difference(Result):
    """Difference of two models on the same test radiographs, first minus second."""

    images: int
    auroc: Estimate
    """Interval by patient bootstrap."""
    delong: DeLong | None
    """None where a class has fewer than two radiographs."""
    locked: McNemar
    """Each model at its own locked threshold."""
    half: McNemar
    """Both at 0.5."""


def model_statistics(
    predictions: Mapping[Part, Predictions],
    worst_views: Predictions,
    *,
    threshold: float,
    thresholds: Mapping[str, float],
    temperature: float | None,
) -> ModelStatistics:
    """Compute all statistics of one model from its predictions, locked threshold, thresholds by rule, and temperature.

    Args:
        worst_views: predictions on validation, each radiograph by the worst of its shifted views.
    """
    intervals = {part: score_intervals(predictions[part], threshold) for part in PARTS}
    test = predictions["test"]
    return ModelStatistics(
        certainty={part: scores for part, (scores, _) in intervals.items()},
        worst_views=score_intervals(worst_views, threshold)[0],
        temperature=temperature,
        calibration={part: part_calibration(predictions[part], temperature) for part in PARTS},
        thresholds={rule: threshold_scores(test, value) for rule, value in thresholds.items()},
        fixed=tuple(_fixed_operating_points(predictions["validation_shifted"], test)),
        predictive=tuple(_predictive_values(*intervals["test"])),
        decision=decision_curve(test.y_true, test.y_score if temperature is None else scale_temperature(test.y_score, temperature)),
    )


def compare_models(first: Predictions, first_threshold: float, second: Predictions, second_threshold: float) -> Difference:
    """Compare two models on the same test radiographs, given in the same order."""
    minuend, subtrahend = (weighted_scores.auroc(model.y_true, model.y_score) for model in (first, second))
    intervals, _ = estimates(first.patient, {"auroc": lambda weights: minuend(weights) - subtrahend(weights)})
    counts = np.bincount(first.y_true, minlength=_TWO)
    return Difference(
        images=first.y_true.size,
        auroc=intervals["auroc"],
        delong=delong(first.y_true, first.y_score, second.y_score) if counts.min() >= _TWO else None,
        locked=mcnemar(first.correct(first_threshold), second.correct(second_threshold)),
        half=mcnemar(first.correct(HALF), second.correct(HALF)),
    )


def score_intervals(predictions: Predictions, threshold: float) -> tuple[ScoreIntervals, dict[str, Draws]]:
    """Return the scores on one part with their intervals, and the bootstrap draws of each."""
    thresholds = {"locked": threshold, "half": HALF}
    proportions = {
        f"{point}.{name}": proportion
        for point, value in thresholds.items()
        for name, proportion in _proportions(predictions, value, (*RATES, *PNEUMONIA_SUBTYPES)).items()
    }
    areas = {
        "auroc": weighted_scores.auroc(predictions.y_true, predictions.y_score),
        "average_precision": weighted_scores.average_precision(predictions.y_true, predictions.y_score),
    }
    scores, draws = estimates(predictions.patient, areas, proportions)
    subtypes = {subtype: {point: scores.pop(f"{point}.{subtype}") for point in thresholds} for subtype in PNEUMONIA_SUBTYPES}
    intervals = ScoreIntervals(
        patients=np.unique(predictions.patient).size,
        scores=scores,
        subtypes=subtypes,
        band=_roc_band(predictions) if np.unique(predictions.y_true).size == _TWO else None,
    )
    return intervals, draws


def part_calibration(predictions: Predictions, temperature: float | None) -> PartCalibration:
    """Return the calibration on one part, raw and, where there is a temperature, scaled."""
    y_true, y_score = predictions.y_true, predictions.y_score
    return PartCalibration(
        raw=Calibration.of(y_true, y_score),
        scaled=None if temperature is None else Calibration.of(y_true, scale_temperature(y_score, temperature)),
    )


def threshold_scores(predictions: Predictions, threshold: float) -> ThresholdScores:
    """Return accuracy, sensitivity and specificity at a threshold with their intervals."""
    scores, _ = estimates(predictions.patient, {}, _proportions(predictions, threshold, RATES))
    return ThresholdScores(threshold=threshold, **scores)


def _roc_band(predictions: Predictions) -> RocBand:
    roc = weighted_scores.roc(predictions.y_true, predictions.y_score, np.array(FALSE_POSITIVE_RATES))
    curves = patient_bootstrap(predictions.patient, {"roc": roc})["roc"]
    low, high = np.nanquantile(curves, [(1 - CONFIDENCE_LEVEL) / 2, (1 + CONFIDENCE_LEVEL) / 2], axis=0)
    return RocBand(false_positive_rates=FALSE_POSITIVE_RATES, low=tuple(low.tolist()), high=tuple(high.tolist()))


def _fixed_operating_points(shifted: Predictions, test: Predictions) -> Iterator[FixedOperatingPoint]:
    read_off = {
        "sensitivity": weighted_scores.specificity_at_sensitivity,
        "specificity": weighted_scores.sensitivity_at_specificity,
    }
    for fixed, target in TARGETS:
        threshold = threshold_at(shifted.y_true, shifted.y_score, fixed, target)
        curve = {"read_off": read_off[fixed](test.y_true, test.y_score, target)}
        on_test, _ = estimates(test.patient, curve, _proportions(test, threshold, RATES[1:]))
        on_shifted, _ = estimates(shifted.patient, {}, _proportions(shifted, threshold, RATES[1:]))
        scores = {f"test_{name}": estimate for name, estimate in on_test.items()}
        scores |= {f"validation_shifted_{name}": estimate for name, estimate in on_shifted.items()}
        yield FixedOperatingPoint(fixed=fixed, target=target, threshold=threshold, **scores)


def _proportions(predictions: Predictions, threshold: float | None, names: Iterable[str]) -> dict[str, Proportion]:
    """Rates and sensitivities by subtype, by name, at a threshold; empty where there is no threshold."""
    if threshold is None:
        return {}
    correct, positive = predictions.correct(threshold), predictions.y_true == 1
    among = {"accuracy": np.ones_like(positive), "sensitivity": positive, "specificity": ~positive}
    among |= {subtype: positive & (predictions.subtype == subtype) for subtype in PNEUMONIA_SUBTYPES}
    return {name: Proportion(correct, among[name]) for name in names}


def _predictive_values(intervals: ScoreIntervals, draws: Mapping[str, Draws]) -> Iterator[PredictiveValues]:
    names = ("locked.sensitivity", "locked.specificity")
    sensitivity, specificity = (intervals.scores[name] for name in names)
    for prevalence in PREVALENCES:
        values = predictive_values(sensitivity.value, specificity.value, prevalence)
        drawn = predictive_values(draws[names[0]], draws[names[1]], prevalence)
        # Both grow with sensitivity and with specificity, so the corners of their intervals are bounds: wider than necessary, but a
        # model without a false positive on test is not one without false positives.
        lowest = predictive_values(sensitivity.low, specificity.low, prevalence)
        highest = predictive_values(sensitivity.high, specificity.high, prevalence)
        positive, negative = (
            _with_bounds(percentile_interval(float(value), spread), float(low), float(high))
            for value, spread, low, high in zip(values, drawn, lowest, highest, strict=True)
        )
        yield PredictiveValues(prevalence=prevalence, positive=positive, negative=negative)


def _with_bounds(estimate: Estimate, low: float, high: float) -> Estimate:
    """Give an estimate without an interval these bounds, where they are defined."""
    if estimate.value is None or estimate.low is not None or np.isnan(low) or np.isnan(high):
        return estimate
    return Estimate(value=estimate.value, low=low, high=high)
