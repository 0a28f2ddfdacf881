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
from pneumo.results.ablation import Ablation
from pneumo.results.cross_validation import CrossValidation
from pneumo.results.experiment import Experiment
from pneumo.results.ingredients import Ingredients
from pneumo.results.registered import RegisteredModel


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
    test_accesses: Mapping[str, int]
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


def read_gallery(report_directory: Path, model: RegisteredModel) -> Gallery:
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
