"""What becomes of a model's scores where radiographs were acquired worse, or otherwise; as its file keeps it for the report.

Measured on validation and never on test, which is opened once a model: curves that were drawn there would be looked at when the
next model is designed. Validation promises more than test keeps, so a curve tells what a change costs, not what a score will be.
"""

from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from pneumo.evaluation import weighted
from pneumo.evaluation.bootstrap import Estimate, Share, estimates
from pneumo.evaluation.scores import Result, checked

FILE = "robustness.json"
"""Its name in the report's folder."""
Score = Literal["auroc", "sensitivity", "specificity"]
SCORES: dict[Score, str] = {"auroc": "AUROC", "sensitivity": "sensitivity", "specificity": "specificity"}


class Point(Result):
    """The scores at one severity, with intervals by patient bootstrap."""

    severity: float
    auroc: Estimate
    sensitivity: Estimate
    """At the model's locked threshold, as the specificity."""
    specificity: Estimate


class Curve(Result):
    """The scores along the severities of one perturbation."""

    perturbation: str
    title: str
    unit: str
    """What the severities count."""
    written: str
    """How one is written, as a format."""
    neutral: float
    """The severity that leaves radiographs as they are."""
    points: tuple[Point, ...]

    @property
    def unchanged(self) -> Point:
        """Pick the scores on radiographs as they are."""
        return next(point for point in self.points if point.severity == self.neutral)

    def said(self, severity: float) -> str:
        """Write a severity."""
        return "as is" if severity == self.neutral else self.written.format(severity)


class ModelRobustness(Result):
    """All curves of one model."""

    version: int
    recipe: str
    model_sha256: str
    data_fingerprint: str
    definition: str
    """Of the perturbations, as `images.perturbation` identifies them."""
    radiographs_at_most: int
    """As was asked for."""
    created: datetime
    """In UTC."""
    threshold: float
    images: int
    """Validation radiographs that were drawn."""
    patients: int
    frame_px: int
    """Side of the square at which radiographs were changed."""
    curves: tuple[Curve, ...]

    @property
    def name(self) -> str:
        """How the page and the figures call the model."""
        return f"{self.recipe} v{self.version}"


class Robustness(Result):
    """The curves of several models."""

    models: tuple[ModelRobustness, ...]


def read(file: Path) -> Robustness:
    """Read the kept curves: none where there is no file yet.

    Raises:
        ValidationError: the file holds something else.
    """
    return Robustness.model_validate_json(file.read_bytes()) if file.is_file() else Robustness(models=())


def draw_radiographs(predictions: pd.DataFrame, radiographs: int, seed: int) -> pd.DataFrame:
    """Draw at most `radiographs` radiographs, patients with all of theirs, half of them of each class where there are as many.

    None of the scores depends on how common PNEUMONIA is, so halves tell most about both classes.

    Args:
        predictions: columns patient and y_true, among others.

    Returns:
        Rows of `predictions`, in their order.
    """
    generator = np.random.default_rng(seed)
    chosen = pd.Series(False, index=predictions.index)
    left = radiographs
    # The rarer class first: what it cannot fill is the other's.
    by_class = sorted((rows for _, rows in predictions.groupby("y_true")), key=len)
    for place, rows in enumerate(by_class):
        sizes = rows["patient"].value_counts().sort_index()
        drawn = sizes.iloc[generator.permutation(len(sizes))].cumsum()
        patients = drawn.index[drawn <= left // (len(by_class) - place)]
        taken = rows.index[rows["patient"].isin(patients)]
        chosen[taken] = True
        left -= len(taken)
    return predictions[chosen]


def score(radiographs: pd.DataFrame, y_score: np.ndarray, threshold: float, severity: float) -> Point:
    """Score what a model says of perturbed radiographs.

    Args:
        radiographs: columns patient and y_true.
        y_score: (N,), probability of PNEUMONIA.
        threshold: the one locked on the radiographs as they are.
    """
    labels, scores = checked(radiographs["y_true"], y_score)
    ill, called = labels == 1, scores >= threshold
    shares = {"sensitivity": Share(hit=called, among=ill), "specificity": Share(hit=~called, among=~ill)}
    found, _ = estimates(radiographs["patient"], {"auroc": weighted.auroc(labels, scores)}, shares)
    return Point(severity=severity, **found)


def weakest(found: ModelRobustness, name: Score) -> tuple[Curve, Point] | None:
    """Find where one score is lowest; None where it is not defined."""
    points = [(curve, point) for curve in found.curves for point in curve.points if getattr(point, name).value is not None]
    return min(points, key=lambda place: getattr(place[1], name).value, default=None)


def sentence(found: ModelRobustness) -> str:
    """Say how far each score falls, and under what."""
    said = []
    for name, title in SCORES.items():
        place = weakest(found, name)
        if place is None:
            continue
        curve, point = place
        before, lowest = getattr(curve.unchanged, name).value, getattr(point, name).value
        worst = f"{lowest:.3f} ({curve.title} {curve.said(point.severity)})" if lowest < before else "never less"
        said.append(f"{title} {before:.3f} and {worst}")
    return f"{found.name}, on radiographs as they are and at the worst: {', '.join(said)}."
