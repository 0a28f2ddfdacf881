"""What the report is made from: plain data, gathered by the stage, so that no TensorFlow and no MLflow is needed here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from pneumo.errors import UserError
from pneumo.evaluation.ablation import Ablation
from pneumo.evaluation.cross_validation import CrossValidation
from pneumo.evaluation.experiment import Experiment
from pneumo.evaluation.films import Part
from pneumo.evaluation.ingredients import Ingredients
from pneumo.evaluation.record import Record
from pneumo.evaluation.scores import Evaluation


@dataclass(frozen=True)
class ModelResult:
    """One registered model and its predictions."""

    version: int
    champion: bool
    sha256: str
    """Of the model file: a gallery made from another file is not shown as this model's."""
    facts: Record
    predictions_validation: pd.DataFrame
    """Columns path, patient, subtype, y_true, y_score."""
    predictions_acquisition: pd.DataFrame
    """Validation under randomised acquisition: every film several times."""
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
            "acquisition": self.predictions_acquisition,
            "test": self.predictions_test,
        }
        return tables[part]


@dataclass(frozen=True)
class CohortFacts:
    """The radiographs that the models were trained and tested on."""

    name: str
    """Name of the cohort's folder, never a path."""
    table: pd.DataFrame
    """One row a radiograph: split, label, subtype, patient, width, height, mode; part (training, validation, test or unused)."""
    synthetic: bool
    foreign: Mapping[str, int]
    left_out: pd.DataFrame
    """Columns path, problem, detail."""
    fingerprint: str
    published: bool
    """The radiographs of Kermany et al. (2018)."""
    test_openings: Mapping[str, int]
    """How often the test split was opened from this registry, by recipe."""


@dataclass(frozen=True)
class Experiments:
    """Results on the cohort that are not models."""

    cross_validations: Sequence[CrossValidation] = ()
    ablations: Sequence[Ablation] = ()
    ingredients: Sequence[Ingredients] = ()

    def all(self) -> list[Experiment]:
        """List them in the order of the page."""
        return [*self.cross_validations, *self.ablations, *self.ingredients]


@dataclass(frozen=True)
class Sample:
    """A radiograph to show, as an example of its class."""

    pixels: npt.NDArray[np.uint8]
    """(H, W), grey."""
    caption: str


class _Json(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class CaseFiles(_Json):
    """Pictures of a case, relative to the folder of its gallery."""

    original: str
    heatmap: str
    overlay: str


class Case(_Json):
    """A mistake on the test split, explained."""

    kind: Literal["false_positive", "false_negative"]
    path: str
    patient: str
    true_label: str
    predicted_label: str
    method: str
    explained_class: str
    probability: float
    """Of PNEUMONIA."""
    confidence: float
    """Of the class that was predicted."""
    threshold: float
    layer: str
    empty: bool
    """No positive evidence: the heatmap is zero everywhere."""
    files: CaseFiles


class GalleryFile(_Json):
    """What the Grad-CAM stage leaves as `gradcam/<recipe>-v<version>/cases.json`."""

    model_sha256: str
    cases: Sequence[Case]


@dataclass(frozen=True)
class Gallery:
    """A model's explained mistakes, or why there are none to show."""

    folder: str
    """Relative to the report."""
    cases: Sequence[Case]
    absent: str | None
    """A sentence, where no gallery can be shown."""


def read_gallery(report_directory: Path, model: ModelResult) -> Gallery:
    """Find the heatmaps of one model, if they are there and were made from this very model file.

    Raises:
        UserError: the gallery's file cannot be read as one.
    """
    folder = f"gradcam/{model.facts.recipe}-v{model.version}"
    path = report_directory / folder / "cases.json"
    remedy = "run `pneumo gradcam`, then `pneumo report`"
    if not path.is_file():
        return Gallery(folder, (), f"No heatmaps have been made for this model yet: {remedy}.")
    try:
        found = GalleryFile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path} is not a heatmap gallery ({error.error_count()} errors): delete its folder, {remedy}") from error
    if found.model_sha256 != model.sha256:
        return Gallery(folder, (), f"The heatmaps in this folder were made from another model file: {remedy}.")
    root = path.parent.resolve()
    for case in found.cases:
        for name in (case.files.original, case.files.heatmap, case.files.overlay):
            picture = (root / name).resolve()
            if not (picture.is_relative_to(root) and picture.is_file()):
                return Gallery(folder, (), f"The gallery of this model is incomplete: {remedy}.")
    return Gallery(folder, found.cases, None)
