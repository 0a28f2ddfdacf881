"""Completed forms, and the mistakes that they may have: one line each, with file, row and remedy."""

import csv

import pytest

from pneumo.errors import UserError
from pneumo.results.formatting import spreadsheet_cell
from pneumo.review.answers import findings, package_of, read_rows
from pneumo.review.form import COLUMNS, FORM
from tests.review.review_inputs import fill_in, write


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "review"


def read(key, *files):
    rows = [row for file in files for row in read_rows(file)]
    assert package_of(rows) == key.package
    return findings(rows, key)


def changed(file, line, **cells):
    """Change cells of a row, counted as a spreadsheet does."""
    rows = list(csv.reader(file.open(newline="")))
    for column, cell in cells.items():
        rows[line - 1][rows[0].index(column)] = cell
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return file


def test_what_readers_filled_in_is_read(folder):
    key = write(folder)
    table = read(
        key, fill_in(folder, "ab", {1: "NORMAL", 2: "pneumonia", 3: "Cannot tell"}), fill_in(folder, "cd", {1: "PNEUMONIA"})
    )
    assert len(table) == 2 * len(key.radiographs)
    by_reader = {reader: rows.set_index("number")["finding"] for reader, rows in table.groupby("reader")}
    assert by_reader["ab"].loc[[1, 2, 3, 4]].tolist() == ["NORMAL", "PNEUMONIA", "cannot tell", ""]
    assert by_reader["cd"].loc[1] == "PNEUMONIA"


def test_what_spreadsheets_do_to_a_form_is_read(folder):
    key = write(folder)
    expected = read(key, fill_in(folder, "=ab", {1: "NORMAL", 2: "PNEUMONIA"}))
    text = fill_in(folder, str(spreadsheet_cell("=ab")), {1: "NORMAL", 2: "PNEUMONIA"}).read_text().replace(",00", ",")
    for separator in ",;\t":
        file = folder.with_name("saved.csv")
        file.write_text("\ufeff" + text.replace(",", separator) + separator * 6 + "\n\n", encoding="utf-8")
        assert read(key, file).equals(expected)


MISTAKES = {
    "number": ({"number": "999"}, r"row 3: no radiograph has the number “999”; numbers go from 001 to 016"),
    "no number": ({"number": "two"}, r"row 3: no radiograph has the number “two”"),
    "duplicate": ({"number": "001"}, r"row 3: reader ab has answered radiograph 001 before; delete one of the two rows"),
    "finding": ({"finding": "viral"}, r"row 3: unknown finding “viral”; write NORMAL, PNEUMONIA, cannot tell, or nothing"),
    "confidence": ({"confidence": "6"}, r"row 3: unknown confidence “6”; write 1 to 5, or nothing"),
    "reader": ({"reader": " "}, r"row 3: no reader; write who read it"),
    "reserved": ({"reader": "Model"}, r"row 3: a reader is called Model; .* use another name"),
    "package": ({"package": "0123456789ab"}, r"row 3: package 0123456789ab, and not .*; score each package by itself"),
    "no package": ({"package": ""}, r"row 3: no package; copy it from the form"),
}


@pytest.mark.parametrize(("cells", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_a_row_names_file_row_and_remedy(folder, cells, message):
    key = write(folder)
    file = changed(fill_in(folder, "ab", {1: "NORMAL", 2: "NORMAL"}), 3, **cells)
    with pytest.raises(UserError, match=rf"ab\.csv, {message}") as caught:
        read(key, file)
    assert "\n" not in str(caught.value)


def test_a_reader_in_two_files_is_a_duplicate(folder):
    key = write(folder)
    file = fill_in(folder, "ab", {1: "NORMAL"})
    with pytest.raises(UserError, match="has answered radiograph 001 before"):
        read(key, file, file)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_missing_column_is_named(folder, column):
    write(folder)
    file = folder / FORM
    file.write_text(file.read_text().replace(column, "other", 1))
    with pytest.raises(UserError, match=rf"form\.csv, row 1: no column {column}; it needs package, reader"):
        read_rows(file)


def test_files_that_are_no_forms_are_refused_in_one_line(tmp_path):
    contents = {
        "latin.csv": "Müller".encode("latin1"),
        "open.csv": ",".join(COLUMNS).encode() + b'\n"never closed',
        "empty.csv": b"",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=name) as caught:
            read_rows(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=r"absent\.csv: no such file"):
        read_rows(tmp_path / "absent.csv")
    (tmp_path / "blank.csv").write_text(",".join(COLUMNS))
    with pytest.raises(UserError, match="no rows"):
        package_of(read_rows(tmp_path / "blank.csv"))
