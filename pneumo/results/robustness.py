"""Robustness of a model's scores to perturbations of the radiographs, as the stage `robustness` saves it for the report.

Measured on validation: the test split is accessed once for each model, and curves drawn on it would influence the design of the
next model. Validation scores are optimistic, so a curve shows what a perturbation costs, not which score to expect.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from pneumo.evaluation import weighted_scores
from pneumo.evaluation.bootstrap import Estimate, Proportion, estimates
from pneumo.evaluation.scores import Result, checked
from pneumo.radiographs.perturbation import definition
from pneumo.results.measurements import Measurements, ModelMeasurement

FILE = "robustness.json"
"""In the report's directory."""
Score = Literal["auroc", "sensitivity", "specificity"]
SCORES: dict[Score, str] = {"auroc": "AUROC", "sensitivity": "sensitivity", "specificity": "specificity"}


class Point(Result):
    """Scores at one severity of a perturbation, with intervals by patient bootstrap."""

    severity: float
    auroc: Estimate
    sensitivity: Estimate
    """At the model's threshold, as the specificity."""
    specificity: Estimate


class Curve(Result):
    """Scores by severity of one perturbation."""

    perturbation: str
    title: str
    unit: str
    """Of the severities."""
    severity_format: str
    """Format string of a severity."""
    neutral: float
    """Severity that leaves the radiographs unchanged."""
    points: tuple[Point, ...]

    @property
    def unperturbed(self) -> Point:
        """Scores on the unperturbed radiographs."""
        return next(point for point in self.points if point.severity == self.neutral)

    def label(self, severity: float) -> str:
        """Return the label of a severity, such as "0.5 %"."""
        return "as is" if severity == self.neutral else self.severity_format.format(severity)


class ModelRobustness(ModelMeasurement):
    """Robustness curves of one model."""

    definition: str
    """Fingerprint of the perturbations."""
    threshold: float
    images: int
    """Validation radiographs in the sample."""
    patients: int
    frame_px: int
    """Side of the square to which radiographs are resized before they are perturbed."""
    curves: tuple[Curve, ...]

    @property
    def summary(self) -> str:
        """Each score on the unperturbed radiographs, and its lowest value with the perturbation that causes it."""
        parts = []
        for name, title in SCORES.items():
            if lowest := lowest_point(self, name):
                curve, point = lowest
                before, after = getattr(curve.unperturbed, name).value, getattr(point, name).value
                worst = f"at worst {after:.3f} ({curve.title} {curve.label(point.severity)})" if after < before else "never lower"
                parts.append(f"{title} {before:.3f}, {worst}")
        return f"{self.name}: {'; '.join(parts)}."

    def is_current(self, directory: Path) -> bool:
        """Return whether the perturbations are still defined as they were."""
        return self.definition == definition()


class Robustness(Measurements[ModelRobustness]):
    """Robustness curves of several models."""


def sample_radiographs(predictions: pd.DataFrame, radiographs: int, seed: int) -> pd.DataFrame:
    """Sample at most `radiographs` radiographs, whole patients, with equal numbers of both classes where possible.

    No score here depends on the prevalence, so equal numbers give the narrowest intervals for both classes.

    Args:
        predictions: columns patient and y_true, among others.

    Returns:
        Rows of `predictions`, in their order.
    """
    generator = np.random.default_rng(seed)
    selected = pd.Series(False, index=predictions.index)
    remaining = radiographs
    # The rarer class first: the other class fills what it lacks.
    by_class = sorted((rows for _, rows in predictions.groupby("y_true")), key=len)
    for position, rows in enumerate(by_class):
        sizes = rows["patient"].value_counts().sort_index()
        cumulative = sizes.iloc[generator.permutation(len(sizes))].cumsum()
        patients = cumulative.index[cumulative <= remaining // (len(by_class) - position)]
        sampled = rows.index[rows["patient"].isin(patients)]
        selected[sampled] = True
        remaining -= len(sampled)
    return predictions[selected]


def score(radiographs: pd.DataFrame, y_score: np.ndarray, threshold: float, severity: float) -> Point:
    """Return a model's scores on perturbed radiographs.

    Args:
        radiographs: columns patient and y_true.
        y_score: (N,), probability of PNEUMONIA.
        threshold: the model's, chosen on unperturbed radiographs.
    """
    y_true, y_score = checked(radiographs["y_true"], y_score)
    positive, predicted = y_true == 1, y_score >= threshold
    shares = {"sensitivity": Proportion(predicted, among=positive), "specificity": Proportion(~predicted, among=~positive)}
    intervals, _ = estimates(radiographs["patient"], {"auroc": weighted_scores.auroc(y_true, y_score)}, shares)
    return Point(severity=severity, **intervals)


def lowest_point(model: ModelRobustness, name: Score) -> tuple[Curve, Point] | None:
    """Return where one score is lowest; None where it is undefined everywhere."""
    points = [(curve, point) for curve in model.curves for point in curve.points if getattr(point, name).value is not None]
    return min(points, key=lambda place: getattr(place[1], name).value, default=None)
