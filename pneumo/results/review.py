"""Key of a review package: what each numbered radiograph is. It is stored outside the package, which readers receive."""

from pathlib import Path
from typing import Literal

from pneumo.config import Label
from pneumo.evaluation.scores import Result
from pneumo.results.provenance import Provenance

Group = Literal["contradiction", "control"]
"""contradiction: label and decision differ; control: they are equal."""


class ReviewedModel(Result):
    """A model whose decisions the package was selected by."""

    version: int
    recipe: str
    model_sha256: str
    threshold: float
    temperature: float | None


class ReviewedRadiograph(Result):
    """A radiograph of the package."""

    number: int
    """Of its file, from 1."""
    path: str
    """In the cohort's table."""
    patient: str
    label: Label
    decision: Label
    """Of the model, or of several models together."""
    margin: float
    """Distance to the threshold in tempered logits, positive where the decision is PNEUMONIA; the mean over several models."""
    group: Group


class ReviewKey(Provenance):
    """Key of a review package."""

    package: str
    """Identifier that every row of the form carries: a hash of the images and of the model files."""
    models: tuple[ReviewedModel, ...]
    seed: int
    """Of the controls and of the order."""
    radiographs: tuple[ReviewedRadiograph, ...]


def key_file(directory: Path, package: str) -> Path:
    """Return the file of a key, beside the folder of its package."""
    return directory.with_name(f"{directory.name}-key-{package}.json")


def agreement_file(directory: Path, package: str) -> Path:
    """Return the file of the agreement that was computed from answers to a package, beside the folder of the package."""
    return directory.with_name(f"{directory.name}-agreement-{package}.csv")
