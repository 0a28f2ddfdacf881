"""Reading of a manifest's file, CSV, TSV or Parquet, into rows of text."""

import difflib
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pneumo.errors import UserError
from pneumo.files import printable

SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})
HEADER_ROW = 1
"""Rows are counted as in a spreadsheet: the first one holds the names of the columns."""
_NAMED_COLUMNS = 12


def read_rows(file: Path, wanted: Collection[str]) -> pd.DataFrame:
    """Rows of a manifest as text, "" where a cell is empty; the index is the row's number as in a spreadsheet.

    Args:
        wanted: names of columns that may be needed; of a Parquet file only these are read.

    Raises:
        UserError: not readable as what its suffix says, not UTF-8, a column twice, or no rows.
    """
    name = printable(file)
    try:
        rows = _read_parquet(file, wanted, name) if file.suffix.lower() == ".parquet" else _read_text(file, name)
    except OSError as error:
        raise UserError(f"{name}: {error.strerror or printable(error)[:120]}; make the manifest readable") from error
    rows = rows[(rows != "").any(axis=1)]
    if rows.empty:
        raise UserError(f"{name}: holds no rows below its header; give a manifest with a row for each radiograph")
    return rows


def find_column(header: Sequence[str], names: Sequence[str]) -> str | None:
    """The first of several columns that a manifest has, in this spelling or in another case."""
    folded = {column.strip().casefold(): column for column in header}
    for name in names:
        if name in header:
            return name
        if name.strip().casefold() in folded:
            return folded[name.strip().casefold()]
    return None


def no_column(header: Sequence[str], name: str, setting: str) -> str:
    """Message for a column that a manifest does not have, with the nearest one that it has."""
    present = [column for column in header if column]
    folded = {column.casefold(): column for column in present}
    nearest = difflib.get_close_matches(name.casefold(), folded, n=1)
    if nearest:
        return f"has no column `{printable(name)}`, but `{printable(folded[nearest[0]])}`; set cohort.manifest.{setting}"
    more = f" and {len(present) - _NAMED_COLUMNS} more" if len(present) > _NAMED_COLUMNS else ""
    columns = ", ".join(map(printable, present[:_NAMED_COLUMNS]))
    return f"has no column `{printable(name)}`, but {columns}{more}; set cohort.manifest.{setting}"


def _read_text(file: Path, name: str) -> pd.DataFrame:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
        # Spreadsheets write semicolons where the comma is the decimal sign.
        separator = "\t" if file.suffix.lower() == ".tsv" else max(",;\t", key=header.count)
        table = pd.read_csv(
            file, sep=separator, header=None, dtype=str, na_filter=False, encoding="utf-8-sig", skip_blank_lines=False
        ).fillna("")
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: row {_undecodable_row(file)}: not UTF-8; save the manifest as UTF-8") from error
    except pd.errors.EmptyDataError as error:
        raise UserError(f"{name}: empty; give a manifest with a row for each radiograph") from error
    except pd.errors.ParserError as error:
        problem = printable(str(error).strip().removeprefix("Error tokenizing data. C error: "))
        raise UserError(f"{name}: not a table ({problem[:120]}); correct that row") from error
    columns = [column.strip() for column in table.iloc[0]]
    table = table.iloc[1:].set_axis(np.arange(HEADER_ROW + 1, HEADER_ROW + len(table)))
    return table.set_axis(_without_duplicates(columns, name), axis=1)


def _read_parquet(file: Path, wanted: Collection[str], name: str) -> pd.DataFrame:
    import pyarrow as pa  # noqa: PLC0415 - takes long to import, and few manifests are Parquet
    from pyarrow import parquet  # noqa: PLC0415

    folded = {column.strip().casefold() for column in wanted}
    try:
        columns = _without_duplicates(list(parquet.read_schema(file).names), name)
        used = [column for column in columns if column.strip().casefold() in folded]
        table = parquet.read_table(file, columns=used)
        cells = {column: [_text(value) for value in table.column(column).to_pylist()] for column in used}
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        if isinstance(error, OSError) and error.strerror:  # of the file system; Arrow raises OSError for damage as well
            raise
        problem = printable(" ".join(str(error).split()))[:120]
        raise UserError(f"{name}: damaged or not Parquet ({problem}); write the manifest again") from error
    # Columns that are not read are there by name, for the messages.
    rows = np.arange(HEADER_ROW + 1, HEADER_ROW + 1 + table.num_rows)
    return pd.DataFrame(cells, columns=columns, index=rows, dtype=str).fillna("")


def _text(value: object) -> str:
    """A cell of a Parquet file as a CSV would hold it: whole numbers without a point, a list as ['a', 'b']."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _without_duplicates(columns: list[str], name: str) -> list[str]:
    twice = [column for column, count in Counter(columns).items() if column and count > 1]
    if twice:
        raise UserError(f"{name}: row {HEADER_ROW}: the column `{printable(twice[0])}` is there twice; rename one of them")
    return columns


def _undecodable_row(file: Path) -> int:
    """Number of the first line that is not UTF-8."""
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return HEADER_ROW
