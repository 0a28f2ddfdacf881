"""Problems of a cohort's radiographs: unreadable files, and patients or images in more than one split."""

import json
from collections.abc import Iterable, Sequence
from typing import Literal

import pandas as pd

from pneumo import config
from pneumo.cohort.layout import LABELS, SPLITS
from pneumo.errors import UserError
from pneumo.files import printable

_EXAMPLES = 3
# Singular and plural.
_NAMES = {
    "unreadable": ("unreadable file", "unreadable files"),
    "shared_patient": ("radiograph whose patient is in two splits", "radiographs whose patients are in two splits"),
    "shared_image": ("radiograph whose identical image is in two splits", "radiographs whose identical images are in two splits"),
}


def shared_across_splits(table: pd.DataFrame, column: Literal["patient", "sha256"]) -> pd.DataFrame:
    """Radiographs that share a patient or an image with a split of higher priority: test before val before train.

    Leaving them out removes the leakage, and leaves the test split as published. Columns: path, problem, detail; index of `table`.
    """
    priority = table["split"].map(SPLITS.index)
    first = table[priority == priority.groupby(table[column]).transform("max")].groupby(column).first()
    shared = table[table["split"] != table[column].map(first["split"])]
    partner = first.loc[shared[column]]
    if column == "patient":
        problem, detail = "shared_patient", [f"patient {patient} is also in {split}" for patient, split in partner["split"].items()]
    else:
        problem, detail = "shared_image", [f"identical to {path}" for path in partner["path"]]
    return pd.DataFrame({"path": shared["path"], "problem": problem, "detail": detail}, index=shared.index, dtype=str)


def refuse_unresolved(source: str, paths: Iterable[str], problems: pd.DataFrame, leave_out: Sequence[config.Problem]) -> None:
    """Raise one UserError with the counts of all problems that `leave_out` does not name, and with missing splits and classes.

    The paths are those of the radiographs that remain; the message names the cohort's folder or archive, `source`.
    """
    unresolved = problems[~problems["problem"].isin(leave_out)]
    missing = _missing_classes([*paths, *unresolved["path"]])
    kinds = list(unresolved["problem"].unique())
    if not missing and not kinds:
        return
    lines = missing + [_summary(kind, unresolved[unresolved["problem"] == kind]) for kind in kinds]
    advice = ["add what is missing"] if missing else []
    if kinds:
        advice.append(f"fix these files, or run without them: --cohort.leave_out '{json.dumps([*leave_out, *kinds])}'")
    raise UserError(f"{source}: {'; '.join(lines)}; {' and '.join(advice)}")


def _missing_classes(paths: list[str]) -> list[str]:
    """Splits, and classes within splits, without a radiograph."""
    present = {tuple(path.split("/")[:2]) for path in paths}
    lines = []
    for split in SPLITS:
        absent = [label for label in LABELS if (split, label) not in present]
        if len(absent) == len(LABELS):
            lines.append(f"split {split} is missing or empty")
        elif absent:
            lines.append(f"class {split}/{absent[0]} is missing or empty")
    return lines


def _summary(kind: str, problems: pd.DataFrame) -> str:
    """Count of one kind of problem, with the first examples."""
    examples = [f"{printable(row.path)}: {printable(row.detail)}" for row in problems.head(_EXAMPLES).itertuples()]
    more = [f"and {len(problems) - _EXAMPLES} more"] if len(problems) > _EXAMPLES else []
    return f"{len(problems)} {_NAMES[kind][len(problems) > 1]} ({', '.join(examples + more)})"
