"""Labels of a manifest's rows, from a column of labels or from a column for each finding."""

import re
from collections.abc import Mapping

import pandas as pd

from pneumo import config
from pneumo.cohort.manifest_paths import refuse_first
from pneumo.cohort.vocabulary import Labels

NEITHER = ""
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_FLAGS = {**dict.fromkeys(("1", "true", "yes"), 1), **dict.fromkeys(("", "0", "false", "no", "nan"), 0), "-1": -1}


def from_cells(cells: pd.Series, separator: str, labels: Labels) -> pd.DataFrame:
    """Columns label and subtype from cells of one or more labels; the label is NEITHER where no rule gives one.

    PNEUMONIA where one of the labels is, whatever the others are; NORMAL where there is no other label.
    """
    meanings = {cell: _meaning(cell, separator, labels) for cell in cells.unique()}
    return pd.DataFrame([meanings[cell] for cell in cells], columns=["label", "subtype"], index=cells.index, dtype=str)


def from_columns(rows: pd.DataFrame, columns: Mapping[config.Label, list[str]], source: str) -> pd.DataFrame:
    """Columns label and subtype from columns of findings that are 1, 0 or, if uncertain, -1 (CheXpert, VinDr-CXR).

    PNEUMONIA where one of its columns is 1; NORMAL where one of its columns is 1 and those of PNEUMONIA are all 0.

    Raises:
        UserError: a cell is none of these, nor blank.
    """
    flags = {}
    for column in [name for names in columns.values() for name in names]:
        cells = rows[column].str.strip().str.casefold().str.removesuffix(".0")
        flags[column] = cells.map(_FLAGS)
        refuse_first(flags[column].isna(), f"the cell of `{column}` is not 1, 0, -1 or blank", "correct it", source)
    pneumonia = pd.DataFrame({name: flags[name] for name in columns.get("PNEUMONIA", [])}, index=rows.index)
    normal = pd.DataFrame({name: flags[name] for name in columns.get("NORMAL", [])}, index=rows.index)
    is_pneumonia = (pneumonia == 1).any(axis=1)
    is_normal = (normal == 1).any(axis=1) & (pneumonia == 0).all(axis=1)
    label = pd.Series(NEITHER, index=rows.index).mask(is_normal, "NORMAL").mask(is_pneumonia, "PNEUMONIA")
    return pd.DataFrame({"label": label, "subtype": label.map({"NORMAL": "normal"}).fillna("unknown")}, dtype=str)


def of_majority(paths: pd.Series, label: pd.Series) -> pd.Series:
    """For each row, the label that more than half of the rows of its path have; NEITHER without one."""
    counts = pd.DataFrame({"path": paths, "label": label}).value_counts().rename("rows").reset_index()
    winners = counts[counts["rows"] * 2 > counts["path"].map(paths.value_counts())].set_index("path")["label"]
    return paths.map(winners).fillna(NEITHER)


def split_cell(cell: str, separator: str) -> list[str]:
    """The labels of one cell, also of a list as Python writes it."""
    text = cell.strip()
    if text.startswith("[") and text.endswith("]"):
        quoted = [single or double for single, double in _QUOTED.findall(text)]
        return [label.strip() for label in quoted or text[1:-1].split(",") if label.strip()]
    return [label.strip() for label in text.split(separator) if label.strip()]


def _meaning(cell: str, separator: str, labels: Labels) -> tuple[str, str]:
    meanings = [labels.find(label) for label in split_cell(cell, separator)]
    pneumonia = {meaning[1] for meaning in meanings if meaning and meaning[0] == "PNEUMONIA"}
    if pneumonia:
        named = pneumonia - {"unknown"}
        return "PNEUMONIA", named.pop() if len(named) == 1 else "unknown"
    if meanings and all(meaning and meaning[0] == "NORMAL" for meaning in meanings):
        return "NORMAL", "normal"
    return NEITHER, "unknown"
