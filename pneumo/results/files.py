"""How records are saved and loaded: JSON files, in the report's folder and among the artifacts of the registry."""

from pathlib import Path
from typing import TypeVar

import pandas as pd
from pydantic import ValidationError

from pneumo.errors import UserError
from pneumo.evaluation.scores import Result
from pneumo.files import printable, write_atomically, writing

AnyResult = TypeVar("AnyResult", bound=Result)


def save_result(file: Path, result: Result, setting: str = "report.directory") -> None:
    """Write a record as JSON, replacing the file atomically.

    Args:
        setting: that chooses the folder; named where it cannot be written.

    Raises:
        UserError: no disk space or no permission.
    """
    with writing(file, setting):
        write_atomically(file, result.model_dump_json(indent=1))


def load_result(file: Path, kind: type[AnyResult]) -> AnyResult | None:
    """Load a record; None where there is no file, or one that is damaged or of another version of the package."""
    try:
        return kind.model_validate_json(file.read_bytes()) if file.is_file() else None
    except ValidationError:
        return None


def parse_result(content: bytes, kind: type[AnyResult], name: str, remedy: str) -> AnyResult:
    """Return the record in a JSON text, where it cannot be computed again.

    Raises:
        UserError: the text does not hold such a record; the message names the text, what is wrong with it, and the remedy.
    """
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"])) or "JSON"
        raise UserError(
            f"{printable(name)} cannot be read by this version of pneumo ({printable(field)}: {problem['msg']}): {remedy}"
        ) from error


def read_predictions(file: Path) -> pd.DataFrame:
    """Read a CSV file of predictions; patients named 007 or NA keep that name."""
    return pd.read_csv(file, dtype={"path": str, "patient": str}, keep_default_na=False)
