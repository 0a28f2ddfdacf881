"""Answers of readers, read from completed forms: CSV as the page saves it, or as a spreadsheet saves the form."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from pneumo.errors import UserError
from pneumo.files import printable
from pneumo.results.formatting import from_spreadsheet_cell, listed
from pneumo.results.review import ReviewKey
from pneumo.review.form import COLUMNS, CONFIDENCES, FINDINGS, GIVEN

RESERVED = ("label", "model")
"""Raters that are no readers."""
NO_ANSWER = ""


class Row(NamedTuple):
    """A row of a completed form."""

    file: Path
    line: int
    """As a spreadsheet counts it: the header is 1."""
    cells: dict[str, str]

    def error(self, problem: str, remedy: str) -> UserError:
        """Return an error that names file and row."""
        return UserError(f"{printable(self.file)}, row {self.line}: {printable(problem)}; {remedy}")


def read_rows(file: Path) -> list[Row]:
    """Read a completed form; its cells may be separated by commas or, as some spreadsheets save it, by semicolons.

    Raises:
        UserError: the file is not there, is not CSV in UTF-8, or lacks a column.
    """
    name = printable(file)
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            text = stream.read()
        separator = max(",;\t", key=text.partition("\n")[0].count)
        header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True) if text else [[]]
    except FileNotFoundError as error:
        raise UserError(f"{name}: no such file; give the completed forms after --score") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{name} is not a CSV file in UTF-8 ({error}); save the form as “CSV UTF-8”") from error
    columns = [cell.strip().lower() for cell in header]
    if missing := [column for column in COLUMNS if column not in columns]:
        raise UserError(f"{name}, row 1: no column {missing[0]}; it needs {listed(COLUMNS)}, as the form has them")
    return [
        Row(
            file, line, {**dict.fromkeys(columns, ""), **{column: cell.strip() for column, cell in zip(columns, row, strict=False)}}
        )
        for line, row in enumerate(rows, start=2)
        if any(cell.strip() for cell in row)
    ]


def is_answered(file: Path) -> bool:
    """Whether a form has an answer; one that cannot be read is taken to have some."""
    try:
        rows = read_rows(file)
    except UserError:
        return True
    return any(cell for row in rows for column, cell in row.cells.items() if column not in GIVEN)


def package_of(rows: Sequence[Row]) -> str:
    """Return the package that all rows are of.

    Raises:
        UserError: there is no row, or they are of several packages.
    """
    if not rows:
        raise UserError("the forms have no rows; give completed forms after --score")
    package = rows[0].cells["package"]
    for row in rows:
        if not row.cells["package"].isalnum():
            raise row.error("no package", "copy it from the form of the package")
        if row.cells["package"] != package:
            raise row.error(f"package {row.cells['package']}, and not {package} as before", "score each package by itself")
    return package


def findings(rows: Iterable[Row], key: ReviewKey) -> pd.DataFrame:
    """Return the findings, one row for each radiograph that a reader's forms have: columns reader, number, finding.

    A finding is NORMAL, PNEUMONIA, "cannot tell", or "" where the reader gave none.

    Raises:
        UserError: no reader, an unknown number, finding or confidence, or a second answer to the same radiograph.
    """
    known, answers = {radiograph.number for radiograph in key.radiographs}, {}
    for row in rows:
        reader, number = _reader(row), _number(row, known)
        if (reader, number) in answers:
            raise row.error(f"reader {reader} has answered radiograph {number:03} before", "delete one of the two rows")
        answers[reader, number] = _finding(row)
    records = [(reader, number, finding) for (reader, number), finding in answers.items()]
    return pd.DataFrame(records, columns=["reader", "number", "finding"])


def _reader(row: Row) -> str:
    reader = from_spreadsheet_cell(row.cells["reader"])
    if not reader:
        raise row.error("no reader", "write who read it into every row")
    if reader.lower() in RESERVED:
        raise row.error(f"a reader is called {reader}", f"{listed(RESERVED)} are no readers here: use another name")
    return reader


def _number(row: Row, known: set[int]) -> int:
    # A spreadsheet turns 001 into 1.
    cell = row.cells["number"]
    number = int(cell) if cell.isascii() and cell.isdigit() else None
    if number not in known:
        raise row.error(f"no radiograph has the number “{cell}”", f"numbers go from 001 to {max(known):03}")
    return number


def _finding(row: Row) -> str:
    given, confidence = row.cells["finding"], row.cells["confidence"]
    finding = next((choice for choice in (*FINDINGS, NO_ANSWER) if choice.lower() == given.lower()), None)
    if finding is None:
        raise row.error(f"unknown finding “{given}”", f"write {', '.join(FINDINGS)}, or nothing")
    if confidence not in (*CONFIDENCES, NO_ANSWER):
        raise row.error(f"unknown confidence “{confidence}”", f"write {CONFIDENCES[0]} to {CONFIDENCES[-1]}, or nothing")
    return finding
