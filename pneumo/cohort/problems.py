"""Problems of a cohort's radiographs: unreadable files, and patients or images in more than one split."""

import json
from collections.abc import Sequence
from typing import Literal

import pandas as pd

from pneumo import config
from pneumo.cohort.vocabulary import LABELS, SPLITS
from pneumo.errors import UserError
from pneumo.files import printable

_EXAMPLES = 3
# Singular and plural.
_NAMES = {
    "unreadable": ("unreadable file", "unreadable files"),
    "unsuitable": ("file that is no frontal radiograph", "files that are no frontal radiographs"),
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
        others = zip(shared[column], partner["split"], _rows(shared), _rows(partner), strict=True)
        problem = "shared_patient"
        detail = [f"patient {patient}{row} is also in {split}{other_row}" for patient, split, row, other_row in others]
    else:
        images = zip(partner["path"], _rows(partner), strict=True)
        problem, detail = "shared_image", [f"identical to {path}{row}" for path, row in images]
    return pd.DataFrame({"path": shared["path"], "problem": problem, "detail": detail}, index=shared.index, dtype=str)


def refuse_unresolved(
    source: str, listed: pd.DataFrame, problems: pd.DataFrame, leave_out: Sequence[config.Problem], *, to_train: bool = True
) -> None:
    """Raise one UserError with the counts of all problems that `leave_out` does not name, and with missing splits and classes.

    Args:
        source: the cohort's folder, archive or manifest, as the message names it.
        listed: path, split and label of all radiographs, those with problems included; a split may be "".
        problems: path, problem and detail of the radiographs that have one.
        to_train: whether train and test are needed, with both classes; without, one radiograph is enough.
    """
    left_out = problems["problem"].isin(leave_out)
    unresolved = problems[~left_out]
    remaining = listed[~listed["path"].isin(problems["path"][left_out])]
    missing = _missing_classes(remaining) if to_train else ([] if len(remaining) else ["no radiograph is left"])
    kinds = list(unresolved["problem"].unique())
    if not missing and not kinds:
        return
    lines = missing + [_summary(kind, unresolved[unresolved["problem"] == kind]) for kind in kinds]
    advice = ["add what is missing"] if missing else []
    if kinds:
        advice.append(f"fix these files, or run without them: --cohort.leave_out '{json.dumps([*leave_out, *kinds])}'")
    raise UserError(f"{source}: {'; '.join(lines)}; {' and '.join(advice)}")


def _missing_classes(listed: pd.DataFrame) -> list[str]:
    """Splits, and classes within splits, without a radiograph. No val split at all is no problem: validation is cut from train."""
    present = set(zip(listed["split"], listed["label"], strict=True))
    lines = []
    for split in SPLITS:
        if split == "val" and split not in set(listed["split"]):
            continue
        # A radiograph that could not be read before splits were drawn may have been of any.
        absent = [label for label in LABELS if not present & {(split, label), ("", label)}]
        if len(absent) == len(LABELS):
            lines.append(f"split {split} is missing or empty")
        elif len(absent) == 1:
            lines.append(f"class {split}/{absent[0]} is missing or empty")
    return lines


def _rows(table: pd.DataFrame) -> list[str]:
    """The manifest's row of each radiograph, as messages name it; "" without a manifest."""
    if "row" not in table:
        return [""] * len(table)
    return [f" (row {row})" if row else "" for row in table["row"]]


def _summary(kind: str, problems: pd.DataFrame) -> str:
    """Count of one kind of problem, with the first examples."""
    examples = [f"{printable(row.path)}: {printable(row.detail)}" for row in problems.head(_EXAMPLES).itertuples()]
    more = [f"and {len(problems) - _EXAMPLES} more"] if len(problems) > _EXAMPLES else []
    return f"{len(problems)} {_NAMES[kind][len(problems) > 1]} ({', '.join(examples + more)})"
