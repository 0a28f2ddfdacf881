"""When the test split was looked at: one line each time, written before the look and never taken back."""

from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

FILE = "test-access.jsonl"


class TestAccess(BaseModel):
    """One look at a cohort's test split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    opened: datetime
    """In UTC."""
    recipe: str
    data_fingerprint: str


def log_access(directory: Path, recipe: str, data_fingerprint: str) -> list[TestAccess]:
    """Write down that a recipe's model is about to be tested, whatever becomes of it.

    Returns:
        All openings of this cohort's test split from this registry, this one last.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / FILE).open("a", encoding="utf-8") as file:
        # Short enough to be appended in one piece, also when two stages write at the same moment.
        file.write(TestAccess(opened=datetime.now(UTC), recipe=recipe, data_fingerprint=data_fingerprint).model_dump_json() + "\n")
    return read_accesses(directory, data_fingerprint)


def read_accesses(directory: Path, data_fingerprint: str) -> list[TestAccess]:
    """List all openings of a cohort's test split from this registry, the last one last."""
    try:
        lines = (directory / FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    # A line that a full disk cut short ends in no brace.
    noted = [TestAccess.model_validate_json(line) for line in lines if line.endswith("}")]
    return [opening for opening in noted if opening.data_fingerprint == data_fingerprint]
