"""Predictions as CSV, JSON Lines or Parquet, complete or not at all, and continued after a killed run."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from itertools import islice
from pathlib import Path
from typing import IO, Any, TextIO

from pneumo.errors import UserError
from pneumo.files import open_atomically, printable, writing
from pneumo.inference.predictor import Prediction
from pneumo.inference.specification import Specification
from pneumo.results.formatting import from_spreadsheet_cell, spreadsheet_cell

Row = dict[str, Any]
COLUMNS = (*(field.name for field in fields(Prediction)), "model", "model_sha256")
SUFFIXES = (".csv", ".jsonl", ".parquet")
_ROWS_AT_ONCE = 10_000
_NUMBERS = ("score", "probability", "threshold")


def to_row(prediction: Prediction, specification: Specification) -> Row:
    """One row of the output."""
    return {**asdict(prediction), "model": specification.name, "model_sha256": specification.model_sha256}


def check_output(output: Path) -> None:
    """Refuse a path that no table can be written to.

    Raises:
        UserError: it is a folder, or has a suffix other than SUFFIXES.
    """
    if output.suffix.lower() not in SUFFIXES or output.is_dir():
        raise UserError(f"--output {printable(output)}: give a file named {', '.join(f'*{suffix}' for suffix in SUFFIXES)}")


class Journal:
    """The rows of an unfinished output, appended as JSON Lines beside it, so that a killed run can be continued."""

    def __init__(self, output: Path, specification: Specification, *, resume: bool) -> None:
        """Open the journal of an output with one of SUFFIXES; with `resume` the rows that were already written are kept.

        Raises:
            UserError: it cannot be written, or with `resume`: another model has written the rows.
        """
        self._output, self._file = output, output.with_name(f"{output.name}.partial")
        self._specification = specification
        self.done: set[str] = set()
        """Paths whose rows are kept."""
        with writing(self._output, "--output"):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with open_atomically(self._file) as stream:
                for row in self._kept() if resume else ():
                    stream.write(_line(row))
                    self.done.add(row["path"])

    @contextmanager
    def appending(self) -> Iterator[IO[bytes]]:
        """The journal, open for `append`; an interruption within says how to continue."""
        with writing(self._output, "--output"), self._file.open("ab") as stream:
            try:
                yield stream
            except KeyboardInterrupt as interrupt:
                raise KeyboardInterrupt(f"add --resume to continue from {printable(self._file)}") from interrupt

    def append(self, stream: IO[bytes], row: Row) -> None:
        """Write a row, so that it survives when the process is killed."""
        stream.write(_line(row))
        stream.flush()

    def finish(self) -> None:
        """Write the output in its format, in place of an older one, and delete the journal."""
        write = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}[self._output.suffix.lower()]
        with writing(self._output, "--output"), open_atomically(self._output) as stream:
            write(_rows(self._file), stream)
        self._file.unlink()

    def _kept(self) -> Iterator[Row]:
        """Rows of the journal, or else of the output; files that could not be read are tried again."""
        if self._file.exists():
            file, rows = self._file, _rows(self._file)
        elif self._output.exists():
            file, rows = self._output, _rows_of_output(self._output)
        else:
            return
        for row in rows:
            if row["model_sha256"] != self._specification.model_sha256:
                raise UserError(
                    f"--resume: {printable(file)} has rows of another model, {printable(row['model'])}, and not of "
                    f"{self._specification.name}: give that --model or another --output, or start anew without --resume"
                )
            if row["sha256"]:
                yield row


def write_csv(rows: Iterable[Row], stream: TextIO) -> None:
    """Write rows as CSV; text that a spreadsheet would take for a formula begins with an apostrophe."""
    # Lines end as RFC 4180 says; otherwise a carriage return within a name would not be quoted.
    writer = csv.DictWriter(stream, COLUMNS)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: spreadsheet_cell(value) for name, value in row.items()})


def _write_csv(rows: Iterable[Row], stream: IO[bytes]) -> None:
    # Names of files may be no UTF-8: they are written as they are.
    text = io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape", newline="", write_through=True)
    write_csv(rows, text)
    text.detach()


def _write_jsonl(rows: Iterable[Row], stream: IO[bytes]) -> None:
    stream.writelines(map(_line, rows))


def _write_parquet(rows: Iterable[Row], stream: IO[bytes]) -> None:
    import pyarrow as pa  # noqa: PLC0415 - takes long to import
    from pyarrow import parquet  # noqa: PLC0415

    schema = pa.schema([(name, pa.float64() if name in _NUMBERS else pa.string()) for name in COLUMNS])
    iterator = iter(rows)
    with parquet.ParquetWriter(stream, schema) as writer:
        while block := list(islice(iterator, _ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(block, schema))


def _line(row: Row) -> bytes:
    return (json.dumps(row, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def _rows(journal: Path) -> Iterator[Row]:
    """Rows of JSON Lines; the last one of a killed run may be incomplete."""
    with journal.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n"):
                yield json.loads(line)


def _rows_of_output(output: Path) -> Iterator[Row]:
    """Rows of a finished output.

    Raises:
        UserError: it was not written by this command.
    """
    suffix = output.suffix.lower()
    try:
        if suffix == ".jsonl":
            yield from _rows(output)
        elif suffix == ".csv":
            with output.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
                yield from map(_row_of_cells, csv.DictReader(stream))
        else:
            from pyarrow import parquet  # noqa: PLC0415

            for block in parquet.ParquetFile(output).iter_batches(_ROWS_AT_ONCE):
                yield from block.to_pylist()
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{printable(output)}: not an output of `pneumo predict`; give another --output") from error


def _row_of_cells(cells: Mapping[str, str]) -> Row:
    row: Row = {name: from_spreadsheet_cell(cells[name]) for name in COLUMNS}
    return row | {name: float(cells[name]) if cells[name] else None for name in _NUMBERS}
