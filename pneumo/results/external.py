"""Evaluation of a registered model on another cohort than its own, as `pneumo evaluate` stores it in the registry."""

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from pneumo.evaluation.external import ExternalStatistics
from pneumo.results.provenance import Provenance


class OnOtherCohort(Provenance):
    """What was measured of a registered model on another cohort, whose name and fingerprint are those of the provenance.

    The newest of a model and a cohort replaces older ones in the report. No selection of a model reads it.
    """

    version: int
    """Of the model, as the next two fields."""
    recipe: str
    model_sha256: str
    """SHA-256 of the model file."""
    training_data_name: str
    """Name of the cohort that the model was trained on."""
    training_data_fingerprint: str
    threshold: float
    """Locked on the model's own validation."""
    left_out: int | None
    """Radiographs of patients with a radiograph of the cohort that the model was trained on, recognized by identical pixels. None
    where this was not checked, because the model was registered without the hashes of that cohort."""
    foreign: dict[str, int]
    """Files or rows of the cohort that are no radiographs of it, by kind."""
    problems: dict[str, int]
    """Radiographs left out by the setting `cohort.leave_out`, by problem."""
    patients_known: bool
    """False where a radiograph counts as a patient of its own, because nothing tells whose it is."""
    patients_from: str
    """Where patients were read from, as a phrase for users."""
    accesses: int
    """Times that a model of this registry was scored on these radiographs or a test split of them, this time included."""

    @property
    def name(self) -> str:
        """Recipe and version of the model."""
        return f"{self.recipe} v{self.version}"


class ExternalEvaluation(OnOtherCohort):
    """Scores of a registered model on another cohort at its locked threshold."""

    KIND: ClassVar[str] = "external-evaluation"

    temperature: float | None
    """Fitted on the model's own validation; None where none could be."""
    statistics: ExternalStatistics

    def headline(self) -> dict[str, float]:
        """Return the main scores by name: the metrics of the MLflow run."""
        scores, shift = self.statistics.scores, self.statistics.shift
        values = {
            "auroc": scores.auroc,
            "average_precision": scores.average_precision,
            "accuracy": scores.locked.accuracy,
            "sensitivity": scores.locked.sensitivity,
            "specificity": scores.locked.specificity,
            "further_than_validation": shift.further.value if shift else None,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, eq=False)
class ScoredCohort:
    """An external evaluation with the predictions that it was computed from."""

    evaluation: ExternalEvaluation
    predictions: pd.DataFrame
    """Columns path, patient, subtype, y_true, y_score, distance, and those of subgroups that the cohort has."""
