"""What a model said of the radiographs of one part."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from pneumo.evaluation.scores import Labels, Scores

Part = Literal["validation", "validation_shifted", "test"]
PARTS: tuple[Part, ...] = ("validation", "validation_shifted", "test")
"""Validation as it is, shifted validation (every radiograph in several views), and test."""


@dataclass(frozen=True)
class Predictions:
    """What a model said of the radiographs of one part."""

    y_true: Labels
    y_score: Scores
    patient: npt.NDArray[np.str_]
    subtype: npt.NDArray[np.str_]

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Self:
        """Take the columns y_true, y_score, patient and subtype of a table."""
        return cls(
            y_true=rows["y_true"].to_numpy(int),
            y_score=rows["y_score"].to_numpy(float),
            patient=rows["patient"].to_numpy(str),
            subtype=rows["subtype"].to_numpy(str),
        )

    def right(self, threshold: float) -> npt.NDArray[np.bool_]:
        """Tell which radiographs are decided rightly at a threshold."""
        return (self.y_score >= threshold) == (self.y_true == 1)
