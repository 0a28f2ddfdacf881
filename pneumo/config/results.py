"""Where results are stored, and the settings of benchmark and reproduction."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from pneumo.config.augmentation import Augmentation
from pneumo.config.basics import Settings
from pneumo.config.cohort import Phantom
from pneumo.config.recipes import Cnn, CnnRecipe, Fit


class Registry(Settings):
    """The model registry."""

    directory: Path = Path("models")
    """Folder of the embedded registry, and of unfinished training runs."""
    tracking_uri: str | None = None
    """URI of an MLflow tracking server to use in place of the embedded registry."""


class Robustness(Settings):
    """Robustness: scores of registered models on perturbed validation radiographs."""

    radiographs: Annotated[int, Field(ge=20)] = 200
    """Largest number of validation radiographs scored at every severity: sampled by patient, half of each class if possible."""


class Report(Settings):
    """The report."""

    directory: Path = Path("reports")
    """Folder of the page, its figures, the heatmaps and the results of the benchmark."""


class Bench(Settings):
    """The benchmark."""

    radiographs: Annotated[int, Field(ge=64)] = 640
    """Largest number of training radiographs in a measured epoch."""
    rounds: Annotated[int, Field(ge=1, le=20)] = 3
    """Repetitions; the alternatives run in turn, each in a fresh process."""
    originals: Path | None = None
    """Folder of full-size JPEGs to decode, in any layout; none: phantom radiographs rendered at 1024 px."""


class Reproduce(Settings):
    """The small fixed training that `make reproduce` runs twice."""

    patients: Annotated[int, Field(ge=40)] = 240
    """Number of patients of each cohort, sampled at the same rate from every part and class."""
    recipe: CnnRecipe = CnnRecipe(
        image_size_px=64,
        network=Cnn(filters=(8, 16), dense_units=32),
        # Every augmentation is on, so that none can change unnoticed.
        augmentation=Augmentation(aspect_log_range=0.1, contrast_fraction=0.1, brightness_fraction=0.05, gamma_log_range=0.1),
        fit=Fit(epochs=3, optimizer="adam", class_weights="balanced", precision="float32", deterministic=True),
    )
    phantom: Phantom = Phantom(patients=240, size_px=128)
    """The phantom cohort that is used in place of `cohort.phantom`."""
    expectations: Path = Path("configs/expectations")
    """Folder of the committed expectations, one JSON file for each cohort."""
    update: bool = False
    """After an intended change: write the expectations from this run instead of comparing with them."""
