"""What a folder, an archive or a manifest says about its radiographs, before any of them is opened."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pneumo import config
from pneumo.cohort import names
from pneumo.cohort.layout import Layout, find_layout, list_files
from pneumo.cohort.manifest import list_manifest
from pneumo.cohort.manifest_file import SUFFIXES as MANIFEST_SUFFIXES
from pneumo.cohort.unpack import unpack
from pneumo.errors import UserError
from pneumo.files import printable

LISTED = ("path", "split", "label", "subtype", "patient", "age_years", "sex", "view", "manufacturer", "row")


@dataclass(frozen=True, eq=False)
class Listing:
    """What a folder, an archive or a manifest says about its radiographs."""

    root: Path
    """Folder that the table's paths are relative to."""
    table: pd.DataFrame
    """A row for each radiograph, sorted by path, with the columns LISTED; "" and NaN are unknown. `split` is "" where the cohort
    has none, `patient` where neither manifest nor names tell it, and `row` is the row of the manifest, counted from 1, or 0."""
    foreign: dict[str, int]
    """Number of files or rows that are not radiographs of the cohort, by kind."""
    patient_sources: dict[str, int]
    """Number of radiographs by the source of their patient; "" for unknown."""
    problems: pd.DataFrame
    """Radiographs that cannot be read because of their names: columns path, problem, detail."""


def list_radiographs(source: Path, settings: config.Cohort) -> Listing:
    """List the radiographs of a folder, of an archive (zip or tar), or of a manifest (CSV, TSV or Parquet).

    Writes nothing but the unpacked archive, below `settings.cache_dir`.

    Raises:
        UserError: no radiographs, a damaged archive, an error in a row of a manifest, or names that do not match
            `settings.patient_pattern`.
    """
    if source.is_file() and source.suffix.lower() in MANIFEST_SUFFIXES:
        return _of_manifest(source, settings)
    if settings.root is not None:
        raise UserError(f"{printable(source)}: cohort.root is for manifests ({' '.join(sorted(MANIFEST_SUFFIXES))}); leave it out")
    if source.is_file():
        root, layout = unpack(source, settings)
    else:
        root, layout = _list_folder(source, settings)
    table = layout.table.assign(patient="", age_years=float("nan"), sex="", view="", manufacturer="", row=0)
    table, sources = _with_patients(table, settings, printable(source), None)
    return Listing(root, table[list(LISTED)], layout.foreign, sources, _unnameable(layout.unnameable))


def _of_manifest(source: Path, settings: config.Cohort) -> Listing:
    listed = list_manifest(source, settings)
    table, sources = _with_patients(listed.table, settings, printable(source), listed.patient_column)
    return Listing(listed.root, table[list(LISTED)], listed.foreign, sources, _unnameable([]))


def _list_folder(folder: Path, settings: config.Cohort) -> tuple[Path, Layout]:
    name = printable(folder)
    if not folder.is_dir():
        raise UserError(f"{name}: no such folder or zip, tar or manifest; give the cohort's path with --data or PNEUMO_DATA")
    if settings.cache_dir.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            f"{name}: contains cohort.cache_dir ({printable(settings.cache_dir)}), and nothing may be written there; "
            "set another cohort.cache_dir"
        )
    try:
        layout = find_layout(list_files(folder), name, settings)
    except OSError as error:
        raise UserError(f"{printable(error.filename)}: {error.strerror}; make the folder readable") from error
    return folder / layout.nesting, layout


def _with_patients(
    table: pd.DataFrame, settings: config.Cohort, source: str, column: str | None
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The table with patients and subtypes from names, and the number of radiographs by the source of their patient."""
    named = names.from_names(table["path"])
    unknown = (table["label"] == "PNEUMONIA") & (table["subtype"] == "unknown") & (named["subtype"] != "")
    table = table.assign(subtype=table["subtype"].mask(unknown, named["subtype"]))
    if settings.patient_pattern is not None:
        patients = names.from_pattern(table["path"], settings.patient_pattern, source)
        pattern = names.BY_FILE if settings.patient_pattern == config.EACH_FILE else "cohort.patient_pattern"
        return table.assign(patient=patients), {pattern: len(table)}
    if column is not None:
        return table, {f"the manifest's column `{printable(column)}`": len(table)}
    counts = named["scheme"].value_counts(sort=False).to_dict()
    return table.assign(patient=named["patient"]), {str(scheme): int(count) for scheme, count in counts.items()}


def _unnameable(paths: list[str]) -> pd.DataFrame:
    paths = [path.encode(errors="backslashreplace").decode() for path in paths]
    detail = "name is not valid UTF-8; rename the file"
    return pd.DataFrame({"path": paths, "problem": "unreadable", "detail": detail}, dtype=str)
