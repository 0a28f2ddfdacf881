"""What makes radiographs unusable: found, named, counted, and left out only where the config says so."""

from collections.abc import Iterable, Sequence
from typing import Literal

import pandas as pd

from pneumo import config
from pneumo.cohort.layout import LABELS, SPLITS, printable
from pneumo.errors import UserError

_NAMED = 3
_WORDS = {
    "unreadable": ("unreadable file", "unreadable files"),
    "shared_patient": ("radiograph whose patient is in two splits", "radiographs whose patients are in two splits"),
    "shared_image": ("radiograph whose identical image is in two splits", "radiographs whose identical images are in two splits"),
}


def shared(table: pd.DataFrame, column: Literal["patient", "sha256"]) -> pd.DataFrame:
    """Find radiographs that share a patient or an image with a split which matters more.

    Test matters more than val, and val more than train: what is left out is left out of train where that suffices, so the test
    split stays as published.

    Returns:
        Columns path, problem, detail, with the index of `table`.
    """
    weight = table["split"].map(SPLITS.index)
    kept = table[weight == weight.groupby(table[column]).transform("max")].groupby(column).first()
    found = table[table["split"] != table[column].map(kept["split"])]
    partner = kept.loc[found[column]]
    if column == "patient":
        problem, detail = "shared_patient", [f"patient {patient} is also in {split}" for patient, split in partner["split"].items()]
    else:
        problem, detail = "shared_image", [f"identical to {path}" for path in partner["path"]]
    return pd.DataFrame({"path": found["path"], "problem": problem, "detail": detail}, index=found.index, dtype=str)


def stop(source: str, radiographs: Iterable[str], found: pd.DataFrame, leave_out: Sequence[config.Problem]) -> None:
    """Raise one UserError that names and counts everything which the config does not leave out.

    Args:
        source: what to call the folder or archive.
        radiographs: paths of the radiographs that remain.
        found: all problems, with columns path, problem, detail.
    """
    open_questions = found[~found["problem"].isin(leave_out)]
    absent = _missing([*radiographs, *open_questions["path"]])
    kinds = list(open_questions["problem"].unique())
    if not absent and not kinds:
        return
    lines = absent + [_named(kind, open_questions[open_questions["problem"] == kind]) for kind in kinds]
    advice = ["add what is missing"] if absent else []
    if kinds:
        setting = ", ".join([*leave_out, *kinds])
        advice.append(f"mend these files, or set cohort.leave_out to [{setting}] to run without them")
    raise UserError(f"{source}: {'; '.join(lines)}; {' and '.join(advice)}")


def _missing(radiographs: list[str]) -> list[str]:
    """List the splits, and the classes within splits, without a radiograph."""
    present = {tuple(radiograph.split("/")[:2]) for radiograph in radiographs}
    lines = []
    for split in SPLITS:
        absent = [label for label in LABELS if (split, label) not in present]
        if len(absent) == len(LABELS):
            lines.append(f"split {split} is missing or empty")
        elif absent:
            lines.append(f"class {split}/{absent[0]} is missing or empty")
    return lines


def _named(kind: str, found: pd.DataFrame) -> str:
    rows = found.head(_NAMED).itertuples()
    examples = [f"{printable(row.path)}: {printable(row.detail)}" for row in rows]
    more = [f"and {len(found) - _NAMED} more"] if len(found) > _NAMED else []
    return f"{len(found)} {_WORDS[kind][len(found) > 1]} ({', '.join(examples + more)})"
