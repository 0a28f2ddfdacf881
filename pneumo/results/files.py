"""Results that a stage keeps in the report's folder, for the report and for its own next run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from pneumo.errors import UserError
from pneumo.evaluation.scores import Result
from pneumo.files import write_atomically

AnyResult = TypeVar("AnyResult", bound=Result)


def load_result(file: Path, kind: type[AnyResult]) -> AnyResult | None:
    """Read what the last run kept; None where there is none, or it is damaged or of another version, to be made anew."""
    try:
        return kind.model_validate_json(file.read_bytes()) if file.is_file() else None
    except ValidationError:
        return None


def save_result(file: Path, result: Result) -> None:
    """Replace what was kept, whole.

    Raises:
        UserError: no room or no permission.
    """
    with in_report(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, result.model_dump_json(indent=1))


@contextmanager
def in_report(file: Path) -> Iterator[None]:
    """Tell a full disk or a missing permission plainly."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}; give it room and permission, or set another report.directory") from error
