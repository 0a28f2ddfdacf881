"""Settings of the cohort, of the phantom cohort, and of the audit."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import CliSuppress

from pneumo.config.basics import Seed, Settings
from pneumo.config.radiographs import Dicom

Problem = Literal["unreadable", "unsuitable", "shared_patient", "shared_image"]
Label = Literal["NORMAL", "PNEUMONIA"]
EACH_FILE = "file"
"""Value of `cohort.patient_pattern` by which each file is a patient of its own."""


def _as_tuple(names: object) -> object:
    return (names,) if isinstance(names, str) else names


def _with_group(pattern: str | None) -> str | None:
    if pattern is None or pattern == EACH_FILE:
        return pattern
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression ({error})") from error
    if compiled.groups == 0:
        raise ValueError(f"a regular expression needs a group (...) that is the patient; `{EACH_FILE}` makes each file a patient")
    return pattern


def _with_placeholder(template: str) -> str:
    if template.count("{}") != 1:
        raise ValueError("needs {} once, where the value of the path column goes")
    return template


Columns = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


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


class Manifest(Settings):
    """How a manifest (CSV, TSV or Parquet) is read: the names of its columns. Of several names, the first one present is used.

    A column must be there if its name is set; under the default names all but path and label may be absent.
    """

    path: Columns = ("path",)
    """Column of the radiographs' paths, relative to `cohort.root`; a bare file name is searched for in the folders below it."""
    path_template: Annotated[str, AfterValidator(_with_placeholder)] = "{}"
    """What the paths are made from, such as `{}.dcm` where the column holds the name without a suffix."""
    label: Columns = ("label",)
    """Column of the labels; a cell with several is PNEUMONIA where one of them is, and NORMAL where it has no other."""
    label_columns: dict[Label, Columns] = Field(default={})
    """Instead of a label column: the columns that mean NORMAL or PNEUMONIA where they are 1; 0 or blank: no, -1: uncertain."""
    separator: Annotated[str, Field(min_length=1)] = "|"
    """What separates several labels in one cell; lists such as ['a', 'b'] are read as well."""
    repeated: Literal["agree", "majority"] = "agree"
    """Several rows of one radiograph: they must have the same label (agree), or the label of more than half of them holds, and
    without one the radiograph has neither label (majority)."""
    patient: Columns = ("patient",)
    """Column of the patients."""
    split: Columns = ("split",)
    """Column of the splits: train, val or test."""
    subtype: Columns = ("subtype",)
    """Column of the subtypes: bacterial or viral."""
    view: Columns = ("view",)
    """Column of the views, such as PA or AP; rows of lateral views are left out and counted, see `cohort.dicom.lateral`."""
    age: Columns = ("age",)
    """Column of the ages in years, or as DICOM writes them, such as 058Y."""
    sex: Columns = ("sex",)
    """Column of the sex: F or M."""
    manufacturer: Columns = ("manufacturer",)
    """Column of the manufacturer of the device."""
    absent: Literal["refuse", "ignore"] = "refuse"
    """What happens where the column that is set for view, age, sex or manufacturer is missing."""


class Cohort(Settings):
    """Which radiographs are used, and where caches are written."""

    leave_out: tuple[Problem, ...] = ()
    """Problems whose radiographs are left out and counted; any other problem stops the command."""
    labels: dict[str, Literal["NORMAL", "PNEUMONIA", "NEITHER"]] = Field(default={})
    """What class folders and labels mean, besides the usual names of NORMAL and PNEUMONIA, such as {"COVID": "PNEUMONIA"}; case,
    blanks, hyphens and underscores make no difference. Radiographs of other folders and labels are left out and counted."""
    root: Path | None = None
    """Folder that the paths of a manifest are relative to; by default the manifest's own."""
    manifest: Manifest = Manifest()
    patient_pattern: Annotated[str | None, AfterValidator(_with_group)] = None
    """Regular expression whose group `patient`, or first group, is the patient in a radiograph's path; `file`: each file is a
    patient of its own. By default, patients are read from the manifest, from known schemes of names, or from DICOM headers."""
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Fraction of the patients of each subtype that becomes the test split where the cohort has none."""
    split_seed: Seed = 0
    """Random seed of the draw of that test split."""
    dicom: Dicom = Dicom()
    cache_dir: Path = Path("data")
    """Folder of the phantom cohort, of cohort tables and of caches; never inside the folder of the radiographs."""
    phantom: Phantom = Phantom()


class BriefCohort(Cohort):
    """Which radiographs are used, and where caches are. `pneumo prepare --help` also has cohort.manifest and cohort.phantom."""

    manifest: CliSuppress[Manifest] = Manifest()
    phantom: CliSuppress[Phantom] = Phantom()


class Audit(Settings):
    """Additional input for `pneumo audit`."""

    originals: Path | None = None
    """Folder, in any layout, of original files that some of the cohort's radiographs were resized from, matched by file name. They
    show traits that resizing removes, such as aspect ratio and compression."""
