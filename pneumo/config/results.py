"""Where results are kept, and how they are checked."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from pneumo.config.basics import Settings
from pneumo.config.cohort import Phantom
from pneumo.config.recipes import Augmentation, Cnn, Fit, Recipe


class Registry(Settings):
    """Where finished models are kept."""

    directory: Path = Path("models")
    """Folder of the embedded registry, and of trainings under way."""
    tracking_uri: str | None = None
    """An MLflow tracking server, in place of the embedded registry."""


class Robustness(Settings):
    """Scores of the registered models on validation radiographs that are made worse, or otherwise."""

    radiographs: Annotated[int, Field(ge=20)] = 200
    """Validation radiographs that each model is shown at every severity, at most: drawn by patient, half of each class if possible."""


class Report(Settings):
    """Where the report is written."""

    directory: Path = Path("reports")
    """Folder of the page, its figures, the heatmaps and the benchmark's results."""


class Bench(Settings):
    """What `make bench` measures on."""

    radiographs: Annotated[int, Field(ge=64)] = 640
    """Training radiographs of the cohort that an epoch passes over, at most."""
    rounds: Annotated[int, Field(ge=1, le=20)] = 3
    """Times that the things compared are run in turn, each in a fresh process."""
    originals: Path | None = None
    """Folder of full-size JPEGs to decode, in any layout; none: phantom radiographs rendered at 1024 px."""


class Reproduce(Settings):
    """The small fixed study that `make reproduce` runs twice."""

    patients: Annotated[int, Field(ge=40)] = 240
    """Patients of each cohort that take part, drawn at random from every part and class alike."""
    recipe: Recipe = Recipe(
        image_size_px=64,
        network=Cnn(filters=(8, 16), dense_units=32),
        # Every augmentation takes part, so that none can change unnoticed.
        augmentation=Augmentation(aspect_log_range=0.1, contrast_fraction=0.1, brightness_fraction=0.05, gamma_log_range=0.1),
        fit=Fit(epochs=3, optimizer="adam", class_weights="balanced", precision="float32", deterministic=True),
    )
    phantom: Phantom = Phantom(patients=240, size_px=128)
    """The phantom cohort of this study, whatever `cohort.phantom` says."""
    expectations: Path = Path("configs/expectations")
    """Folder of the committed expectations, one JSON file a cohort."""
    update: bool = False
    """Write the expectations from this run, after a change that is meant, in place of comparing with them."""
