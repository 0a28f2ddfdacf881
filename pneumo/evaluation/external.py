"""Scores of a model on another cohort, at the threshold and temperature that were locked on its own validation."""

import numpy as np
import pandas as pd

from pneumo.evaluation import weighted_scores
from pneumo.evaluation.bootstrap import SEED, Estimate, patient_bootstrap, percentile_interval
from pneumo.evaluation.calibration import scale_temperature
from pneumo.evaluation.clinical_utility import DecisionCurve, decision_curve
from pneumo.evaluation.feature_distance import Shift
from pneumo.evaluation.model_statistics import (
    PartCalibration,
    ScoreIntervals,
    ThresholdScores,
    part_calibration,
    score_intervals,
    threshold_scores,
)
from pneumo.evaluation.operating_point import youden_threshold
from pneumo.evaluation.scores import Evaluation, Predictions, Result, evaluate
from pneumo.evaluation.subgroups import Subgroup, subgroup_scores
from pneumo.evaluation.weighted_scores import Draws

_BOTH_CLASSES = 2


class ExternalStatistics(Result):
    """All scores of a model on another cohort."""

    scores: Evaluation
    certainty: ScoreIntervals
    auroc_difference: Estimate
    """AUROC on the other cohort minus that on the model's own test split; undefined where either lacks a class. Interval by
    bootstrap of the patients within each, which are independent samples."""
    calibration: PartCalibration
    """Raw, and by the temperature fitted on the model's own validation."""
    decision: DecisionCurve
    """After temperature scaling where possible."""
    subgroups: tuple[Subgroup, ...]
    shift: Shift | None
    """None where the model was registered without a reference of its features."""
    rechosen: ThresholdScores | None
    """At the threshold with the largest sensitivity + specificity on these very radiographs (Youden 1950), which no other threshold
    exceeds: optimistic, because it is chosen and scored on the same ones. None where a class is missing."""


def external_statistics(
    table: pd.DataFrame,
    y_score: np.ndarray,
    *,
    own_test: pd.DataFrame,
    threshold: float,
    temperature: float | None,
    shift: Shift | None,
) -> ExternalStatistics:
    """Compute all scores of a model on another cohort.

    Args:
        table: a row for each radiograph with y_true, patient, subtype and, where known, the columns of subgroups.
        y_score: (N,), probability of PNEUMONIA, 0..1.
        own_test: the model's predictions on its own test split: columns patient, y_true and y_score.
        threshold: locked on the model's own validation, 0..1.
        temperature: fitted there; None where none could be.

    Raises:
        ValueError: there are no radiographs, or a score is not a probability.
    """
    predictions = Predictions.of(table.assign(y_score=y_score))
    y_true, y_score, subtype = predictions.y_true, predictions.y_score, predictions.subtype
    scores = evaluate(y_true, y_score, subtype, threshold)
    both_classes = np.unique(y_true).size == _BOTH_CLASSES
    certainty, draws = score_intervals(predictions, threshold)
    return ExternalStatistics(
        scores=scores,
        certainty=certainty,
        auroc_difference=_auroc_difference(scores.auroc, draws["auroc"], own_test),
        calibration=part_calibration(predictions, temperature),
        decision=decision_curve(y_true, y_score if temperature is None else scale_temperature(y_score, temperature)),
        subgroups=subgroup_scores(table, predictions, threshold),
        shift=shift,
        rechosen=threshold_scores(predictions, youden_threshold(y_true, y_score)) if both_classes else None,
    )


def _auroc_difference(auroc: float | None, draws: Draws, own_test: pd.DataFrame) -> Estimate:
    """Difference of the AUROC to that on own test, by the draws of the first and as many independent ones of the second."""
    area = weighted_scores.auroc(own_test["y_true"].to_numpy(int), own_test["y_score"].to_numpy(float))
    own = float(area(np.ones((1, len(own_test))))[0])
    # Another seed: with the same one, cohorts of equally many patients would be drawn alike, and their differences vary too little.
    own_draws = patient_bootstrap(own_test["patient"], {"auroc": area}, seed=SEED + 1)["auroc"]
    return percentile_interval(np.nan if auroc is None else auroc - own, draws - own_draws)
