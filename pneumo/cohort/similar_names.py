"""Names under no known scheme that look like several radiographs of one patient: a question to the user, not a guess."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd

from pneumo.cohort.names import without_suffix
from pneumo.cohort.vocabulary import Labels, normalized, split_of
from pneumo.config import EACH_FILE
from pneumo.errors import UserError
from pneumo.files import printable

# The last number behind a separator, a word behind the last number (12_frontal, 12b), and the last number behind a letter (p12v3).
_NUMBER = re.compile(r"(.+)[ _.\-]+\(?[0-9]+[^0-9]*", re.DOTALL)
_WORD = re.compile(r"(.*[0-9])[ _.\-]*[^\W\d_]+", re.DOTALL)
_GLUED_NUMBER = re.compile(r"(.*[0-9].*[^\W\d_])[0-9]+", re.DOTALL)
# A word that names no person.
_GENERIC = frozenset(
    {
        "image",
        "images",
        "img",
        "im",
        "scan",
        "xray",
        "x",
        "ray",
        "cxr",
        "chest",
        "radiograph",
        "dx",
        "cr",
        "film",
        "view",
        "frontal",
    }
    | {"pa", "ap", "covid", "covid19", "tb", "tuberculosis", "lung", "opacity", "copy", "aug", "augmented", "resized"}
)
# Groups with more radiographs on average are not of one patient each.
_MAX_OF_ONE_PATIENT = 50
# Share of radiographs with a similar name that is no accident among names that are random letters and digits.
_NO_ACCIDENT = 0.05
_FOLDER_PATTERN = "([^/]+)/[^/]+$"
_NAME_PATTERNS = (
    r"([^/]+?)(?:[ _-]+[0-9]+)?(?:\.[^./]*)?$",
    r"([^/]+?)(?:[ _-]+[0-9]+[^0-9/]*)?(?:\.[^./]*)?$",
    r"([^/]+?)[ _.-]+\(?[0-9]+[^0-9/]*$",
    r"([^/]*[0-9])[^0-9/]*$",
    r"([^/]*[^/0-9])[0-9]+[^0-9/]*$",
)


@dataclass(frozen=True)
class SimilarNames:
    """Two radiographs that look like those of one patient."""

    first: str
    second: str
    pattern: str | None
    """A value of the setting `cohort.patient_pattern` that fits all names; None if none of the usual ones does."""
    patients: int
    """How many patients that pattern gives."""


def find_similar_names(paths: pd.Series, labels: Labels) -> SimilarNames | None:
    """Two radiographs of unknown patients that look like those of one; None if all names look like different patients'.

    Args:
        paths: of the radiographs whose patient is unknown.
    """
    folders = paths.map(partial(_own_folders, labels=labels))
    stems = paths.map(lambda path: without_suffix(path.rpartition("/")[2]))
    ways: tuple[tuple[pd.Series, float, tuple[str, ...]], ...] = (
        (folders, 0, (_FOLDER_PATTERN,) if (folders != "").all() else ()),
        (_stems_without_number(stems, _NUMBER), 0, _NAME_PATTERNS),
        (_stems_without_number(stems, _WORD), _NO_ACCIDENT, _NAME_PATTERNS),
        (_stems_without_number(stems, _GLUED_NUMBER), _NO_ACCIDENT, _NAME_PATTERNS),
    )
    for rests, least_share, patterns in ways:
        pair = _pair(paths, rests, least_share, labels)
        if pair:
            pattern, patients = _fitting(paths, pair, patterns)
            return SimilarNames(*pair, pattern, patients)
    return None


def refuse_similar_names(files: pd.Series, shown: pd.Series, labels: Labels, source: str) -> None:
    """Ask who the patients are where names suggest that some have several radiographs.

    Args:
        files: names of the radiographs whose patient is unknown.
        shown: the same radiographs as messages show them.

    Raises:
        UserError: with two such names, and what to set.
    """
    similar = find_similar_names(files, labels)
    if similar is None:
        return
    first, second = (shown[files == name].iloc[0] for name in (similar.first, similar.second))
    pattern = "to a regular expression that finds the patient in a path"
    if similar.pattern:
        pattern = f"'{similar.pattern}' (that makes {similar.patients} patients)"
    raise UserError(
        f"{source}: {printable(first)} and {printable(second)} look like radiographs of one patient, under a "
        f"scheme of names that is not known: set --cohort.patient_pattern {pattern}, or, if each file is a patient of its own, "
        f"--cohort.patient_pattern {EACH_FILE}"
    )


def _own_folders(path: str, labels: Labels) -> str:
    """The folders of a radiograph that name neither split nor class."""
    folders = path.split("/")[:-1]
    return "/".join(folder for folder in folders if split_of(folder) is None and labels.find(folder) is None)


def _stems_without_number(stems: pd.Series, pattern: re.Pattern[str]) -> pd.Series:
    """What is left of each name before the part that may count radiographs of one patient; "" where there is no such part."""
    matches = [pattern.fullmatch(stem) for stem in stems]
    return pd.Series([match[1].rstrip(" _.-") if match else "" for match in matches], index=stems.index, dtype=str)


def _pair(paths: pd.Series, rests: pd.Series, least_share: float, labels: Labels) -> tuple[str, str] | None:
    """The first two radiographs with one rest, if rests look like patients."""
    names_person: Callable[[str], bool] = partial(_may_name_a_patient, labels=labels)
    counts = rests[rests != ""].value_counts()
    counts = counts[[names_person(str(rest)) for rest in counts.index]]
    repeated = counts[counts > 1]
    if len(counts) < 2 or repeated.empty or repeated.mean() > _MAX_OF_ONE_PATIENT or repeated.sum() < least_share * len(paths):  # noqa: PLR2004
        return None
    similar = paths[rests.isin(repeated.index)]
    of_one = similar[rests[similar.index] == rests[similar.index[0]]]
    return str(of_one.iloc[0]), str(of_one.iloc[1])


def _may_name_a_patient(rest: str, labels: Labels) -> bool:
    """Whether a part of a name has a number, or a word that is neither a class nor a generic one."""
    if any(character.isdecimal() for character in rest):
        return True
    return labels.find(rest) is None and any(word not in _GENERIC for word in normalized(rest).split())


def _fitting(paths: pd.Series, pair: tuple[str, str], patterns: tuple[str, ...]) -> tuple[str | None, int]:
    """The first pattern that matches every path and gives the pair one patient, and the number of patients it makes."""
    for pattern in patterns:
        matches = [re.search(pattern, path) for path in paths]
        patients = {match[1] for match in matches if match}
        first, second = (re.search(pattern, path) for path in pair)
        if None not in matches and first and second and first[1] == second[1] and len(patients) > 1:
            return pattern, len(patients)
    return None, 0
