import csv
import io
import json
import os
from pathlib import Path

import pytest
from pyarrow import parquet

from pneumo.errors import UserError
from pneumo.inference.output import COLUMNS, Journal, check_output, to_row, write_csv
from pneumo.inference.predictor import Prediction
from tests.inference.predictors import specification

MODEL = specification()


def row(path: str, sha256: str = "b" * 64) -> dict:
    return to_row(Prediction(path, sha256, "", 0.25, 0.4, 0.55, "NORMAL", ""), MODEL)


def written(output: Path, rows: list[dict], *, resume: bool = False) -> Journal:
    journal = Journal(output, MODEL, resume=resume)
    with journal.appending() as stream:
        for entry in rows:
            journal.append(stream, entry)
    return journal


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_each_format_holds_the_rows(tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"out{suffix}"
    rows = [row('a,"b".png'), row("Zürich\n2.png"), row("c.png", "")]
    written(output, rows).finish()
    if suffix == ".csv":
        with output.open(newline="") as stream:
            read = [
                {**line, **{name: float(line[name]) for name in ("score", "probability", "threshold")}}
                for line in csv.DictReader(stream)
            ]
    elif suffix == ".jsonl":
        read = [json.loads(line) for line in output.read_text().splitlines()]
    else:
        read = parquet.read_table(output).to_pylist()
    assert read == rows
    assert tuple(read[0]) == COLUMNS
    assert [file.name for file in tmp_path.iterdir()] == [output.name]


def test_no_cell_is_a_formula_to_a_spreadsheet() -> None:
    stream = io.StringIO()
    write_csv([row(start + "cmd|' /C calc'!A0.png") for start in "=+-@\t\r"], stream)
    cells = [line["path"] for line in csv.DictReader(io.StringIO(stream.getvalue(), newline=""))]
    assert [cell[:2] for cell in cells] == [f"'{start}" for start in "=+-@\t\r"]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_killed_run_is_continued(tmp_path: Path, suffix: str) -> None:
    output = tmp_path / f"out{suffix}"
    output.write_text("older")
    written(output, [row("=a.png"), row("unreadable.png", "")])
    partial = tmp_path / f"out{suffix}.partial"
    with partial.open("ab") as stream:
        stream.write(b'{"path": "cut of')
    assert output.read_text() == "older"
    journal = written(output, [row("unreadable.png"), row("b.png")], resume=True)
    assert journal.done == {"=a.png"}
    journal.finish()
    again = Journal(output, MODEL, resume=True)
    assert again.done == {"=a.png", "unreadable.png", "b.png"}


@pytest.mark.parametrize("finished", [True, False])
def test_rows_of_another_model_are_refused_and_stay(tmp_path: Path, finished: bool) -> None:
    journal = written(tmp_path / "out.csv", [row("a.png")])
    if finished:
        journal.finish()
    (before,) = tmp_path.iterdir()
    content = before.read_bytes()
    with pytest.raises(
        UserError, match=r"out\.csv.* has rows of another model, tiny v3, and not of other v1: give that --model or"
    ):
        Journal(tmp_path / "out.csv", specification(recipe="other", version=1, model_sha256="c" * 64), resume=True)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [content]


def test_an_interruption_says_how_to_continue(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "out.csv", MODEL, resume=False)
    with pytest.raises(KeyboardInterrupt, match=r"^add --resume to continue from .*out\.csv\.partial$"), journal.appending():
        raise KeyboardInterrupt


def test_names_that_are_no_utf_8_are_written_and_resumed(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.png")
    written(tmp_path / "out.csv", [row(name)]).finish()
    assert os.fsencode(name) in (tmp_path / "out.csv").read_bytes()
    assert Journal(tmp_path / "out.csv", MODEL, resume=True).done == {name}


def test_an_output_that_cannot_be_written_is_named_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"^\S+file[^.]*: (?:Not a directory|File exists); .* set another --output$"):
        Journal(tmp_path / "file" / "out.csv", MODEL, resume=False)


def test_without_resume_nothing_is_kept(tmp_path: Path) -> None:
    written(tmp_path / "out.csv", [row("a.png")])
    assert Journal(tmp_path / "out.csv", MODEL, resume=False).done == set()


def test_other_files_are_refused_and_kept(tmp_path: Path) -> None:
    for name in ("out.xlsx", "out", "folder.csv"):
        (tmp_path / "folder.csv").mkdir(exist_ok=True)
        with pytest.raises(UserError, match=r"give a file named \*\.csv, \*\.jsonl, \*\.parquet"):
            check_output(tmp_path / name)
    (tmp_path / "folder.csv").rmdir()
    (tmp_path / "out.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="not an output of `pneumo predict`"):
        Journal(tmp_path / "out.csv", MODEL, resume=True)
    assert (tmp_path / "out.csv").read_text() == "a,b\n1,2\n"
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]
