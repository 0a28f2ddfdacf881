"""Manifest of a cohort: a table (CSV, TSV or Parquet) with a row for each radiograph."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pneumo import config
from pneumo.cohort.manifest_file import HEADER_ROW, find_column, no_column, read_rows
from pneumo.cohort.manifest_labels import NEITHER, from_cells, from_columns, of_majority
from pneumo.cohort.manifest_paths import find_files, normalize, refuse_first
from pneumo.cohort.vocabulary import Labels, sex_of, split_of, subtype_of
from pneumo.errors import UserError
from pneumo.files import printable
from pneumo.radiographs.dicom_header import age_in_years
from pneumo.radiographs.view import is_lateral, is_lateral_name

_OF_SUBGROUPS = ("view", "age", "sex", "manufacturer")
_OPTIONAL = ("patient", "split", "subtype", *_OF_SUBGROUPS)
_FOUND_VALUES = 5


@dataclass(frozen=True, eq=False)
class ManifestListing:
    """What a manifest says about its radiographs."""

    root: Path
    """Folder that the table's paths are relative to."""
    table: pd.DataFrame
    """A row for each radiograph, with the columns of a listing (`pneumo.cohort.listing`)."""
    foreign: dict[str, int]
    """Number of rows that are not radiographs of the cohort, by kind."""
    patient_column: str | None
    """Name of the column of the patients."""


def list_manifest(file: Path, settings: config.Cohort) -> ManifestListing:
    """List the radiographs of a manifest: those that are NORMAL or PNEUMONIA, and not lateral views.

    Raises:
        UserError: anything wrong in a row, a column that is not there, or a file that is missing.
    """
    source, root = printable(file), settings.root if settings.root is not None else file.parent
    if not root.is_dir():
        raise UserError(f"{printable(root)}: no such folder; set cohort.root to the folder that the manifest's paths start from")
    rows = read_rows(file, _wanted(settings.manifest))
    columns = _columns(list(rows.columns), settings.manifest, source)
    table = _table(rows, columns, settings, root, source)
    foreign: Counter[str] = Counter()
    table = _one_row_each(table, settings.manifest, foreign, source)
    neither = table["label"] == NEITHER
    if neither.all():
        raise UserError(_no_label(rows, columns, settings.manifest, source))
    foreign["rows with neither label"] = int(neither.sum())
    table = table[~neither]
    if not settings.dicom.lateral:
        lateral = table["view"].map(is_lateral) | table["path"].str.rpartition("/")[2].map(is_lateral_name)
        foreign["rows of lateral views"] = int(lateral.sum())
        table = table[~lateral]
    _refuse_incomplete(table, columns, source)
    table = _located(table, root, settings, foreign, source)
    return ManifestListing(root, table.sort_values("path", ignore_index=True), dict(+foreign), columns.get("patient"))


def _wanted(settings: config.Manifest) -> set[str]:
    """Names of all columns that may be read."""
    of_labels = [name for names in settings.label_columns.values() for name in names]
    fields = [name for field in ("path", "label", *_OPTIONAL) for name in getattr(settings, field)]
    return {*of_labels, *fields}


def _columns(header: list[str], settings: config.Manifest, source: str) -> dict[str, str]:
    """The column of each field that the manifest has."""
    defaults, columns = config.Manifest(), {}
    for field in ("path", *(() if settings.label_columns else ("label",)), *_OPTIONAL):
        names = getattr(settings, field)
        column = find_column(header, names)
        if column is not None:
            columns[field] = column
            continue
        optional = not names or names == getattr(defaults, field) or (field in _OF_SUBGROUPS and settings.absent == "ignore")
        if field not in _OPTIONAL or not optional:
            raise UserError(f"{source}: row {HEADER_ROW}: {no_column(header, names[0] if names else field, field)}")
    return columns


def _table(rows: pd.DataFrame, columns: Mapping[str, str], settings: config.Cohort, root: Path, source: str) -> pd.DataFrame:
    """The rows with the columns of a listing; the label of some is NEITHER, and several rows may have one path."""
    manifest = settings.manifest
    blank = pd.Series("", index=rows.index, dtype=str)
    cells = {field: rows[columns[field]].str.strip() if field in columns else blank for field in _OPTIONAL}
    path = rows[columns["path"]]
    if manifest.path_template != "{}":
        before, after = manifest.path_template.split("{}")
        path = path.where(path == "", before + path + after)
    if manifest.label_columns:
        labelled = from_columns(rows, _label_columns(list(rows.columns), manifest, source), source)
    else:
        labelled = from_cells(rows[columns["label"]], manifest.separator, Labels(settings.labels))
    written = cells["subtype"].map(subtype_of) if "subtype" in columns else blank
    use = (labelled["label"] == "PNEUMONIA") & written.isin(["bacterial", "viral"])
    return pd.DataFrame(
        {
            "path": normalize(path, root, source),
            "split": _splits(cells["split"], source),
            "label": labelled["label"],
            "subtype": labelled["subtype"].mask(use, written),
            "patient": cells["patient"],
            "age_years": cells["age"].map({cell: age_in_years(cell) for cell in cells["age"].unique()}).astype(float),
            "sex": cells["sex"].map({cell: sex_of(cell) for cell in cells["sex"].unique()}),
            "view": cells["view"].str.upper(),
            "manufacturer": cells["manufacturer"],
            "row": rows.index,
        }
    )


def _label_columns(header: list[str], settings: config.Manifest, source: str) -> dict[config.Label, list[str]]:
    columns: dict[config.Label, list[str]] = {}
    for label, names in settings.label_columns.items():
        for name in names:
            column = find_column(header, [name])
            if column is None:
                raise UserError(f"{source}: row {HEADER_ROW}: {no_column(header, name, 'label_columns')}")
            columns.setdefault(label, []).append(column)
    return columns


def _splits(cells: pd.Series, source: str) -> pd.Series:
    """Splits from their usual names; "" where the cell is blank."""
    meanings = {cell: "" if cell == "" else split_of(cell) for cell in cells.unique()}
    splits = cells.map(meanings)
    unknown = splits.isna()
    if unknown.any():
        refuse_first(unknown, f"unknown split {printable(cells[unknown].iloc[0])}", "write train, val or test", source)
    return splits


def _one_row_each(table: pd.DataFrame, settings: config.Manifest, foreign: Counter[str], source: str) -> pd.DataFrame:
    """One row for each path, the first; further ones must agree with it, or the majority decides about the label."""
    repeated = table["path"].duplicated()
    if not repeated.any():
        return table
    if settings.repeated == "majority":
        table = table.assign(label=of_majority(table["path"], table["label"]))
        table = table.assign(subtype=table["subtype"].mask(table["label"] == NEITHER, "unknown"))
    first = table[~repeated].set_index("path")
    for column in ("label", "patient", "split"):
        differs = table[column] != table["path"].map(first[column])
        if differs.any():
            row = table[differs].iloc[0]
            of_first = first.loc[row["path"]]
            labels = " and ".join(printable(value) or "neither" for value in (of_first[column], row[column]))
            advice = "; or set cohort.manifest.repeated to majority" if column == "label" else ""
            raise UserError(
                f"{source}: rows {of_first['row']} and {row['row']}: two {column}s for one image, {printable(row['path'])}: "
                f"{labels}; correct one of them{advice}"
            )
    foreign["repeated rows"] = int(repeated.sum())
    return table[~repeated]


def _refuse_incomplete(table: pd.DataFrame, columns: Mapping[str, str], source: str) -> None:
    """Refuse rows without a patient or a split where the manifest has a column for it."""
    if "patient" in columns:
        advice = "fill it, or set cohort.manifest.patient to [] if patients are unknown"
        refuse_first(table["patient"] == "", f"no patient in the column `{printable(columns['patient'])}`", advice, source)
    if "split" in columns and (table["split"] != "").any():
        advice = "fill it, or set cohort.manifest.split to [] so that the splits are drawn"
        refuse_first(
            table["split"] == "", f"no split in the column `{printable(columns['split'])}`, as other rows have", advice, source
        )


def _located(table: pd.DataFrame, root: Path, settings: config.Cohort, foreign: Counter[str], source: str) -> pd.DataFrame:
    """The rows with their paths as files are found below `root`; two rows may not be one file."""
    try:
        located = find_files(table["path"], root)
    except OSError as error:
        raise UserError(f"{printable(error.filename)}: {error.strerror}; make the folder readable") from error
    missing = located == ""
    if missing.any() and ("unreadable" not in settings.leave_out or missing.all()):
        first = table[missing].iloc[0]
        advice = "" if missing.all() else ", or run without them: --cohort.leave_out '[\"unreadable\"]'"
        raise UserError(
            f"{source}: row {first['row']}: missing file, no {printable(first['path'])} in {printable(root)} ({missing.sum()} of "
            f"{len(table)} rows have no file); set cohort.root{advice}"
        )
    foreign["rows whose file is missing"] = int(missing.sum())
    table = table.assign(path=located)[~missing]
    twice = table["path"].duplicated()
    if twice.any():
        row = table[twice].iloc[0]
        rows = table.loc[table["path"] == row["path"], "row"]
        raise UserError(
            f"{source}: rows {rows.iloc[0]} and {rows.iloc[1]} name one image, {printable(row['path'])}; delete one of them"
        )
    return table


def _no_label(rows: pd.DataFrame, columns: Mapping[str, str], settings: config.Manifest, source: str) -> str:
    """Message for a manifest of which no row is NORMAL or PNEUMONIA."""
    if settings.label_columns:
        return f"{source}: no row is NORMAL or PNEUMONIA by the columns that cohort.manifest.label_columns names; correct these"
    counts = rows[columns["label"]].value_counts().head(_FOUND_VALUES)
    values = ", ".join(f"{printable(value) or 'blank'} ({count})" for value, count in counts.items())
    return (
        f"{source}: no row is NORMAL or PNEUMONIA; the column `{printable(columns['label'])}` holds {values}; "
        "map such values with cohort.labels"
    )
