"""A registered model as figures and reports take it: its record and its predictions."""

from dataclasses import dataclass

import pandas as pd

from pneumo.evaluation.predictions import Part
from pneumo.evaluation.scores import Evaluation
from pneumo.results.model import ModelRecord


@dataclass(frozen=True)
class RegisteredModel:
    """One registered model and its predictions."""

    version: int
    champion: bool
    sha256: str
    """Of the model file: a gallery made from another file is not shown as this model's."""
    facts: ModelRecord
    predictions_validation: pd.DataFrame
    """Columns path, patient, subtype, y_true, y_score."""
    predictions_validation_shifted: pd.DataFrame
    """Shifted validation: every radiograph several times."""
    predictions_test: pd.DataFrame
    search_convergence: bytes | None = None
    """PNG, as the next, where a search chose the settings."""
    search_dependence: bytes | None = None

    @property
    def name(self) -> str:
        """How the page and the figures call it."""
        return f"{self.facts.recipe} v{self.version}"

    def evaluation(self, part: Part) -> Evaluation:
        """Pick the scores on one part."""
        found: Evaluation = getattr(self.facts, part)
        return found

    def predictions(self, part: Part) -> pd.DataFrame:
        """Pick the predictions on one part."""
        tables = {
            "validation": self.predictions_validation,
            "validation_shifted": self.predictions_validation_shifted,
            "test": self.predictions_test,
        }
        return tables[part]
