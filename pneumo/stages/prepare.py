"""Indexing, checking and decoding of the cohort."""

import pandas as pd
from rich.console import Console
from rich.table import Table

from pneumo.cohort.examination import HIDDEN_NAMES
from pneumo.cohort.index import Cohort, index
from pneumo.cohort.splits import partition
from pneumo.config import Config
from pneumo.files import printable
from pneumo.results.formatting import counted
from pneumo.stages import RECIPES


def run(config: Config, console: Console) -> None:
    """Index and check the cohort, print its composition, and decode it at the image size of every recipe."""
    if config.data is None:
        console.print("No data given (`make train DATA=…` or PNEUMO_DATA): using a SYNTHETIC phantom cohort")
    cohort = index(config.data, config.cohort)
    parts = partition(cohort, config.protocol)
    table = Table("part", "label", "radiographs", "patients", title=cohort.title)
    for key, radiographs in cohort.table.groupby([parts, "label"]):
        table.add_row(*map(str, key), str(len(radiographs)), str(radiographs["patient"].nunique()))
    console.print(table)
    _describe(cohort, console)
    recipes = [getattr(config, name) for name in RECIPES]
    for size_px, resize in sorted({(recipe.image_size_px, recipe.resize) for recipe in recipes}):
        cohort.pixels(size_px, resize)
    console.print(f"Table and pixels in {cohort.cache_folder}\nNext: pneumo audit")


def _describe(cohort: Cohort, console: Console) -> None:
    """Print where patients and splits come from, and what was left out."""
    if not cohort.synthetic:
        console.print(f"Patients: {cohort.patients_from}.", style=None if cohort.patients_known else "bold", markup=False)
    console.print(cohort.splits_from, markup=False)
    for kind, count in cohort.foreign.items():
        console.print(f"Left out {count}: {printable(kind)}", markup=False)
    for (problem, detail), radiographs in cohort.left_out.groupby(["problem", _without_names(cohort.left_out)]):
        console.print(f"Left out {counted(len(radiographs), 'radiograph')}: {problem}{detail and f', {detail}'}", markup=False)
    if cohort.hidden_names:
        console.print(
            f"{len(cohort.hidden_names)} DICOM files are shown as dicom-NUMBER, because their names may identify patients; "
            f"{cohort.cache_folder / HIDDEN_NAMES} has the names"
        )


def _without_names(left_out: pd.DataFrame) -> pd.Series:
    """Why radiographs were left out, where many share a reason; "" where each has its own, such as the other patient's name."""
    return left_out["detail"].where(left_out["problem"].isin(["unsuitable", "unreadable"]), "")
