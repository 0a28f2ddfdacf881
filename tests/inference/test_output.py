import csv
import io
import json
from pathlib import Path

import pytest
from pyarrow import parquet

from pneumo.errors import UserError
from pneumo.inference.output import COLUMNS, Journal, to_row, write_csv
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


def test_rows_of_another_model_are_not_kept(tmp_path: Path) -> None:
    written(tmp_path / "out.csv", [row("a.png")]).finish()
    assert Journal(tmp_path / "out.csv", specification(model_sha256="c" * 64), resume=True).done == set()


def test_without_resume_nothing_is_kept(tmp_path: Path) -> None:
    written(tmp_path / "out.csv", [row("a.png")])
    assert Journal(tmp_path / "out.csv", MODEL, resume=False).done == set()


def test_other_files_are_refused_and_kept(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="name it"):
        Journal(tmp_path / "out.xlsx", MODEL, resume=False)
    (tmp_path / "out.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="not an output of `pneumo predict`"):
        Journal(tmp_path / "out.csv", MODEL, resume=True)
    assert (tmp_path / "out.csv").read_text() == "a,b\n1,2\n"
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]
