"""Agreement between every pair of readers, label and model, for contradictions and controls apart."""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import get_args

import numpy as np
import pandas as pd

from pneumo.evaluation.agreement import Agreement, agreement
from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.scores import Result
from pneumo.results.formatting import spreadsheet_cell
from pneumo.results.review import Group, ReviewKey
from pneumo.review.answers import NO_ANSWER
from pneumo.review.form import CANNOT_TELL

NOTES = (
    "These radiographs were selected because label and decision contradict each other, with controls matched for label: κ and"
    " agreement here are of this sample, and not of the cohort.",
    "The pair of label and model tells nothing: by selection it disagrees on every contradiction and agrees on every control.",
    "“cannot tell” is no finding: a radiograph where one of the two said so is left out of agreement and κ of that pair, and"
    " counted; so is one that one of the two did not answer.",
    "Where one of the two gives the same finding throughout, κ is 0 or undefined, however often they agree: read the agreement.",
    "Brackets: 95 % intervals by bootstrap of the patients; for an agreement of 0 or 100 %, the exact interval over patients. A"
    " dash: no interval, because all bootstrap samples give the same value or too many give none.",
)
"""What a reader of the numbers has to know, one sentence or two each."""


class PairAgreement(Result):
    """Agreement of two raters on the contradictions or on the controls."""

    group: Group
    first: str
    second: str
    given: int
    """Radiographs of the group."""
    unanswered: int
    """Those that one of the two did not answer."""
    cannot_tell: int
    """Those that both answered, and one of the two with "cannot tell"."""
    agreement: Agreement
    """On the others."""


def pair_agreements(key: ReviewKey, findings: pd.DataFrame) -> list[PairAgreement]:
    """Compare every pair of readers, label and model; contradictions first.

    Args:
        findings: columns reader, number and finding, as `answers.findings` returns them.
    """
    table = pd.DataFrame([radiograph.model_dump() for radiograph in key.radiographs]).set_index("number")
    raters: dict[str, pd.Series] = {
        str(reader): answers.set_index("number")["finding"].reindex(table.index, fill_value=NO_ANSWER)
        for reader, answers in findings.groupby("reader", sort=True)
    }
    raters |= {"label": table["label"], "model": table["decision"]}
    return [
        _compare(group, pair, raters, table[table["group"] == group]["patient"])
        for group in get_args(Group)
        for pair in combinations(raters, 2)
    ]


def to_csv(pairs: Sequence[PairAgreement]) -> str:
    """Return the agreements as CSV, a row for each group and pair, followed by nothing else; empty cells are undefined."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    estimates = [f"{name}{end}" for name in ("agreement", "kappa") for end in ("", "_low", "_high")]
    counts = ["radiographs", "unanswered", "cannot_tell", "compared", "patients", "same"]
    writer.writerow(["group", "first", "second", *counts, *estimates])
    for pair in pairs:
        result = pair.agreement
        numbers = [pair.given, pair.unanswered, pair.cannot_tell, result.radiographs, result.patients, result.same]
        cells = [pair.group, pair.first, pair.second, *numbers, *_ends(result.raw), *_ends(result.kappa)]
        writer.writerow([spreadsheet_cell(cell) for cell in cells])
    return stream.getvalue()


def _ends(estimate: Estimate) -> list[float | None]:
    return [estimate.value, estimate.low, estimate.high]


def _compare(group: Group, pair: tuple[str, str], raters: Mapping[str, pd.Series], patient: pd.Series) -> PairAgreement:
    both = pd.concat([raters[name].loc[patient.index] for name in pair], axis=1, keys=["first", "second"])
    unanswered = (both == NO_ANSWER).any(axis=1)
    cannot_tell = ~unanswered & (both == CANNOT_TELL).any(axis=1)
    decided = both[~unanswered & ~cannot_tell]
    first, second = (np.asarray(decided[name] == "PNEUMONIA", bool) for name in ("first", "second"))
    return PairAgreement(
        group=group,
        first=pair[0],
        second=pair[1],
        given=len(both),
        unanswered=int(unanswered.sum()),
        cannot_tell=int(cannot_tell.sum()),
        agreement=agreement(first, second, patient.loc[decided.index].to_numpy(str)),
    )
