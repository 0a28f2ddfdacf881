"""Blackout controls: how well models classify without the lungs, or by the lungs alone, as the stage `blackout` saves them.

Measured on validation radiographs whose lung mask is accepted; the test split is not accessed.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from pneumo.evaluation import weighted_scores
from pneumo.evaluation.bootstrap import Estimate, estimates
from pneumo.evaluation.heatmap_metrics import MapMetric
from pneumo.evaluation.scores import Result, checked
from pneumo.results.audit import CHANCE
from pneumo.results.formatting import interval, percent, rounded
from pneumo.results.measurements import Measurements, ModelMeasurement

FILE = "blackout.json"
"""In the report's directory."""
DEFINITION = "1"
"""Increment it when the same masks and settings give other numbers: controls are then measured again."""
KEEPS_MOST, IS_LOST = 0.8, 0.2
"""Shares of the AUROC above 0.5 that remain with the lungs removed: from the first on, most of it; up to the second, hardly any."""
Removed = Literal["nothing", "lungs", "surroundings"]
REMOVED: dict[Removed, str] = {
    "nothing": "unchanged",
    "lungs": "lungs removed",
    "surroundings": "lungs alone, the rest removed",
}
FILLS = {None: "", "black": "black", "mean": "mean grey"}


class Condition(Result):
    """Scores on radiographs without one of their regions, with intervals by patient bootstrap."""

    removed: Removed
    fill: Literal["black", "mean"] | None
    """Grey value of the removed region: black, or the mean of the pixels that stay; None where nothing is removed."""
    auroc: Estimate
    shifted: Estimate
    """AUROC under acquisition shift, in one view that is the same for all conditions."""

    @property
    def title(self) -> str:
        """What was done to the radiographs."""
        return REMOVED[self.removed] + (f", {FILLS[self.fill]}" if self.fill else "")


class LungEnergy(Result):
    """How much of a model's heatmaps lies in the lungs, on radiographs of one predicted class."""

    energy: MapMetric
    """Share of the map's sum inside the lung mask."""
    area: MapMetric
    """Share of the image's area inside the mask, which a constant map has."""


class ModelBlackout(ModelMeasurement):
    """Blackout controls of one model, and the energy of its heatmaps inside the lungs."""

    definition: str
    lungs_version: int
    """Version of the lung segmentation."""
    checked: int
    """Validation radiographs whose masks were checked."""
    accepted: int
    """Those with an accepted mask."""
    images: int
    """Those in the sample that is scored."""
    patients: int
    margin: float
    """By which masks are dilated, as a fraction of the image's side."""
    conditions: tuple[Condition, ...]
    """The radiographs as they are come first."""
    lung_area: Estimate
    """AUROC of the area of the undilated mask as a score of PNEUMONIA: what the outline alone tells. Below 0.5, lungs with
    PNEUMONIA have the smaller masks."""
    method: str
    """Explanation method of the heatmaps."""
    layer: str
    energy: dict[str, LungEnergy]
    """By predicted class, on the sample without blackout; masks undilated."""

    def without(self, removed: Removed) -> list[Condition]:
        """The conditions without one region."""
        return [condition for condition in self.conditions if condition.removed == removed]

    @property
    def left_without_lungs(self) -> float | None:
        """Share of the AUROC above 0.5 that remains with the lungs removed, by the fill with the higher AUROC; None if undefined.

        The higher, because an unfamiliar image, such as one with black lungs, lowers the AUROC of a network as well.
        """
        before = self.conditions[0].auroc.value
        values = [condition.auroc.value for condition in self.without("lungs")]
        if before is None or None in values or before <= CHANCE:
            return None
        return (max(value for value in values if value is not None) - CHANCE) / (before - CHANCE)

    @property
    def verdict(self) -> str:
        """What follows from the AUROC without the lungs, as a sentence."""
        left = self.left_without_lungs
        if left is None:
            return "No verdict: the AUROC on unchanged radiographs is undefined or not above 0.5."
        if left >= KEEPS_MOST:
            return (
                f"With the lungs removed, {percent(left)} of its AUROC above 0.5 remains: it may use something else, such as how"
                " the radiographs were acquired."
            )
        if left <= IS_LOST:
            return f"With the lungs removed, {percent(max(left, 0))} of its AUROC above 0.5 remains: it depends on the lungs."
        return f"With the lungs removed, {percent(left)} of its AUROC above 0.5 remains: it depends on the lungs only in part."

    @property
    def summary(self) -> str:
        """The AUROC in each condition, and what follows from it."""
        before, *others = (f"{condition.title} {rounded(condition.auroc.value)}" for condition in self.conditions)
        return f"{self.name}, AUROC: {before}; {'; '.join(others)}. {self.verdict}"

    @property
    def card_sentence(self) -> str:
        """The AUROC with and without the lungs, with intervals, and what follows from it."""
        without = " and ".join(f"{interval(condition.auroc)} ({FILLS[condition.fill]})" for condition in self.without("lungs"))
        return (
            f"On {self.images} validation radiographs its AUROC is {interval(self.conditions[0].auroc)}; with the lungs removed"
            f" it is {without}. {self.verdict}"
        )

    def is_current(self, directory: Path) -> bool:
        """Return whether the controls are still defined as they were."""
        return self.definition == DEFINITION


class Blackouts(Measurements[ModelBlackout]):
    """Blackout controls of several models."""


def score(
    radiographs: pd.DataFrame, y_score: np.ndarray, shifted: np.ndarray, removed: Removed, fill: Literal["black", "mean"] | None
) -> Condition:
    """Return a model's scores in one condition.

    Args:
        radiographs: columns patient and y_true.
        y_score: (N,), probability of PNEUMONIA.
        shifted: (N,), the same under acquisition shift.
    """
    aurocs = {"auroc": y_score, "shifted": shifted}
    return Condition(removed=removed, fill=fill, **{name: auroc(radiographs, scores) for name, scores in aurocs.items()})


def auroc(radiographs: pd.DataFrame, scores: np.ndarray) -> Estimate:
    """Return the AUROC of scores in 0..1, (N,), with its interval by patient bootstrap."""
    y_true, y_score = checked(radiographs["y_true"], scores)
    intervals, _ = estimates(radiographs["patient"], {"auroc": weighted_scores.auroc(y_true, y_score)})
    return intervals["auroc"]
