"""Settings of the cohort, of the phantom cohort, and of the audit."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pneumo.config.basics import Seed, Settings

Problem = Literal["unreadable", "shared_patient", "shared_image"]


class Phantom(Settings):
    """The synthetic cohort that is used where no data are given."""

    patients: Annotated[int, Field(ge=40)] = 1000
    """Number of patients in train, val and test together; each has one to three radiographs."""
    size_px: Annotated[int, Field(ge=64, le=2048)] = 192
    """Height of a radiograph in pixels; the width follows from the collimation."""
    difficulty: Annotated[float, Field(ge=0, le=1)] = 0.1
    """How hard the lesions are to detect, from 0 (dense and large) to 1 (faint and small)."""
    seed: Seed = 0
    """Random seed."""
    shortcut: Literal["none", "marker", "aspect"] = "none"
    """Acquisition shortcut planted in train alone, to test whether `pneumo audit` finds it: PNEUMONIA radiographs have a brighter
    and larger side marker (marker), or are wider (aspect)."""


class Cohort(Settings):
    """Which radiographs are used, and where caches are written."""

    leave_out: tuple[Problem, ...] = ()
    """Problems whose radiographs are left out and counted; any other problem stops the command."""
    cache_dir: Path = Path("data")
    """Folder of the phantom cohort, of cohort tables and of caches; never inside the folder of the radiographs."""
    phantom: Phantom = Phantom()


class Audit(Settings):
    """Additional input for `pneumo audit`."""

    originals: Path | None = None
    """Folder, in any layout, of original files that some of the cohort's radiographs were resized from, matched by file name. They
    show traits that resizing removes, such as aspect ratio and compression."""
