"""What travels with a registered model, and what the report tells of it."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from pneumo.config import Resize
from pneumo.evaluation.scores import Evaluation
from pneumo.results.search import SearchResult


class Phase(BaseModel):
    """One phase of a training that has several."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    learning_rate: float
    """Initial one."""
    epochs: int
    """Passes that were made."""
    parameters: int
    """Weights that this phase trained."""
    seconds: float
    history: dict[str, list[float]]
    """Each quantity after each epoch."""
    validation: Evaluation
    """Of the network as the phase left it. Validation only: the test split is opened once, for the finished model."""


class ModelRecord(BaseModel):
    """Everything that travels with a model, so that nobody needs the configuration it was trained under."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    recipe: str
    family: str | None = None
    """What the models of several seeds have in common: their recipe's name without the seed."""
    members: tuple[int, ...] = ()
    """Versions of the models that an ensemble averages."""
    created: datetime
    """In UTC."""
    synthetic: bool
    """Trained on the phantom cohort."""
    data_name: str
    """Name of the cohort's folder, never a path."""
    data_fingerprint: str
    validation_fingerprint: str | None = None
    """Of the radiographs that the threshold was locked on; None in records from before it was kept."""
    partition: dict[str, dict[str, dict[str, int]]]
    """Images and patients of each class in training, validation and test."""
    class_names: tuple[str, str]
    """What the probabilities 0 and 1 stand for."""
    image_size_px: int
    resize: Resize
    preprocessing: str
    """One sentence: what the model expects, and what it does to it itself."""
    threshold: float
    """Locked on validation; from this probability on the model says the second class."""
    threshold_rule: str
    thresholds: dict[str, float]
    """What each rule would have locked: calibration, youden, half."""
    temperature: float | None
    """Fitted on validation, as it is and under acquisition shift; None where no finite positive temperature is best there."""
    test_accessed: datetime
    """In UTC; after the threshold was locked."""
    test_accesses: int
    """How often this cohort's test split had been opened from this registry, this time included."""
    test_accesses_of_recipe: int
    """How often for this recipe."""
    settings: dict[str, Any]
    """The recipe's whole configuration as run, as JSON values."""
    history: dict[str, list[float]]
    """Each quantity after each epoch, of all phases one after another."""
    phases: tuple[Phase, ...] = ()
    """Where the training had several."""
    validation: Evaluation
    validation_shifted: Evaluation
    """Shifted validation, all views together."""
    test: Evaluation
    search: SearchResult | None = None
    """The search that chose the settings, where there was one."""
    parameters: int
    """Trainable weights."""
    training_seconds: float
    seed: int | None
    """None for an ensemble: its members have theirs."""
    precision: str
    precision_reason: str
    git_commit: str | None
    software: dict[str, str]
    hardware: str
