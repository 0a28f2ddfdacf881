"""Which radiographs there are."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pneumo.config.basics import Seed, Settings

Problem = Literal["unreadable", "shared_patient", "shared_image"]


class Phantom(Settings):
    """The synthetic cohort that stands in where no data is given."""

    patients: Annotated[int, Field(ge=40)] = 1000
    """Patients in all, divided into train, val and test; each has one to three radiographs."""
    size_px: Annotated[int, Field(ge=64, le=2048)] = 192
    """Height of a radiograph in pixels; the width follows from the collimation."""
    difficulty: Annotated[float, Field(ge=0, le=1)] = 0.1
    """0: dense, large lesions; 1: faint, small ones."""
    seed: Seed = 0
    """Seed of every random draw."""
    shortcut: Literal["none", "marker", "aspect"] = "none"
    """What gives PNEUMONIA away in train and nowhere else: none, as in a sound cohort; a bright side marker; or wide radiographs. For
    trying whether `pneumo audit` finds it."""


class Cohort(Settings):
    """Which radiographs there are, and which may be used for what."""

    validation: Literal["grouped", "shipped"] = "grouped"
    """grouped: cut from train by patient, stratified; shipped: the val folder (16 images), only to repeat the reference systems."""
    validation_fraction: Annotated[float, Field(ge=0.02, le=0.5)] = 0.15
    """Share of the train patients that becomes the grouped validation set."""
    seed: Seed = 0
    """Seed of the grouped validation set and of folds."""
    leave_out: tuple[Problem, ...] = ()
    """Problems whose radiographs are left out, and counted, instead of stopping the stage."""
    cache_dir: Path = Path("data")
    """Where the phantom cohort, cohort tables and pixel caches are written; never the folder that the radiographs came from."""
    phantom: Phantom = Phantom()


class Audit(Settings):
    """What `pneumo audit` looks at besides the cohort."""

    originals: Path | None = None
    """Folder, in any layout, of some of the cohort's radiographs as they were before somebody resized them, known by file name: for
    what resized copies no longer show, such as shape and compression."""
