"""Patient and subtype of a radiograph from its path, by the naming schemes of published cohorts or a pattern of the user's."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from pneumo.cohort.vocabulary import Labels, split_of
from pneumo.config import EACH_FILE
from pneumo.errors import UserError
from pneumo.files import printable
from pneumo.radiographs.radiograph import SUFFIXES

UNKNOWN = "not known; images, not patients, were split"
BY_FILE = "each file counts as a patient (cohort.patient_pattern): images, not patients, were split"
KAGGLE = "Kermany's file names"
_IGNORE = re.IGNORECASE | re.ASCII


@dataclass(frozen=True)
class _Scheme:
    """How a published cohort names its radiographs."""

    name: str
    """As `describe_patients` tells it."""
    pattern: re.Pattern[str]
    """Searched for in the path."""
    patient: Callable[[re.Match[str]], str]


# Sources: Kermany et al., Cell 172 (2018), as on Kaggle (paultimothymooney/chest-xray-pneumonia) and on Mendeley (rscbjbr9sj,
# version 3); Open-i (Indiana University); Jaeger et al. 2014 (Shenzhen and Montgomery); CheXpert (Irvin et al. 2019); MIMIC-CXR
# (Johnson et al. 2019); BIMCV-COVID19 and other cohorts in the BIDS layout; NIH ChestX-ray14 (Wang et al. 2017).
# The order matters: an Open-i name holds a Kermany one.
_SCHEMES = (
    _Scheme(
        "Open-i's file names",
        re.compile(r"(?<![a-z])CXR([0-9]+)_(?:[0-9]+_)?IM-|(?:^|/)([0-9]+)_IM-[0-9]+-[0-9]+\.dcm", _IGNORE),
        lambda match: f"CXR{match[1] or match[2]}",
    ),
    # Bacterial and viral patients are numbered separately, so the pathogen is part of the patient's name.
    _Scheme(
        KAGGLE,
        re.compile(r"person[ _-]?([0-9]+)[ _-]?(bacteria|virus)[^/]*$", _IGNORE),
        lambda match: f"{match[2].lower()}-{match[1]}",
    ),
    _Scheme(
        KAGGLE,
        re.compile(r"(NORMAL2[ _-]?)?(?<![a-z])IM[ _-]?(?:([0-9]+)[ _-]|(?!0000)([0-9]{4})[0-9]{4}(?![0-9]))[^/]*$", _IGNORE),
        lambda match: f"{'NORMAL2-' if match[1] else ''}IM-{match[2] or match[3]}",
    ),
    _Scheme(
        "the file names of Kermany's data on Mendeley",
        re.compile(r"(?<![a-z])(NORMAL|BACTERIA|VIRUS)[ _-]?([0-9]+)[ _-][0-9]+[^/]*$", _IGNORE),
        lambda match: f"{match[1].upper()}-{match[2]}",
    ),
    _Scheme(
        "the file names of the Shenzhen and Montgomery sets",
        re.compile(r"((?:CHN|MCU)CXR)_([0-9]+)[^/]*$", _IGNORE),
        lambda match: f"{match[1].upper()}_{match[2]}",
    ),
    _Scheme(
        "the folders of MIMIC-CXR",
        re.compile(r"(?:^|/)(p[0-9]{8})/", _IGNORE),
        lambda match: match[1].lower(),
    ),
    _Scheme("BIDS names", re.compile(r"(?:^|/)(sub-[a-z0-9]+)(?=[_/])", _IGNORE), lambda match: match[1]),
    # CheXpert's patient00001/study1/view1_frontal.jpg, and whatever else calls a patient by a word and a number.
    _Scheme(
        "the word and number of a patient in the path",
        re.compile(r"(?<![a-z])(patient|person|subject|child|case|pat|pid|mrn)[ _-]?(?:id[ _-]?)?([0-9]+)", _IGNORE),
        lambda match: f"{match[1].lower()}{match[2]}",
    ),
    # Its patients are numbered below 31,000, which tells them from a date.
    _Scheme("NIH's file names", re.compile(r"(?<![0-9])(000[0-9]{5})[_-][0-9]{3}(?![0-9])[^/]*$", _IGNORE), lambda match: match[1]),
)


# Of whole file names of published cohorts, whose numbers say nothing outside them.
_PUBLISHED = re.compile(
    r"(?:NORMAL2-)?IM-[0-9]+-[0-9]+(?:-[0-9]+)?|person[0-9]+_(?:bacteria|virus)_[0-9]+|(?:NORMAL|BACTERIA|VIRUS)-[0-9]+-[0-9]+"
    r"|000[0-9]{5}_[0-9]{3}|(?:CHN|MCU)CXR_[0-9]+_[01]"
)
SCHEMES = frozenset(scheme.name for scheme in _SCHEMES)
"""Names of all schemes, as sources of patients."""


def is_published(path: str, labels: Labels) -> bool:
    """Whether a path is a file name of a published cohort, in folders of splits and classes alone: it can identify nobody."""
    *folders, name = path.split("/")
    neutral = all(split_of(folder) or labels.find(folder) for folder in folders)
    return neutral and _PUBLISHED.fullmatch(without_suffix(name)) is not None


def from_names(paths: pd.Series) -> pd.DataFrame:
    """Patient, subtype and the scheme they were read by, for each path; all "" where no scheme is known. Index of `paths`."""
    exported = _repeated_names(paths)
    others = tuple(scheme for scheme in _SCHEMES if scheme.name != KAGGLE)
    rows = [_recognized(path, others if path in exported else _SCHEMES) for path in paths]
    return pd.DataFrame(rows, columns=["patient", "subtype", "scheme"], index=paths.index)


def from_pattern(paths: pd.Series, pattern: str, source: str) -> pd.Series:
    """Patients by the setting `cohort.patient_pattern`.

    Raises:
        UserError: some paths do not match.
    """
    if pattern == EACH_FILE:
        return one_per_file(paths)
    compiled = re.compile(pattern)
    group = "patient" if "patient" in compiled.groupindex else 1
    matches = [compiled.search(path) for path in paths]
    patients = pd.Series([(match[group] or "") if match else "" for match in matches], index=paths.index, dtype=str)
    if count := int((patients == "").sum()):
        example = printable(paths[patients == ""].iloc[0])
        raise UserError(
            f"{source}: cohort.patient_pattern finds no patient in {count} of {len(paths)} paths, such as {example}; correct the "
            f"pattern, or let each file be a patient of its own with --cohort.patient_pattern {EACH_FILE}"
        )
    return patients


def one_per_file(paths: pd.Series) -> pd.Series:
    """A patient for each file: its path without the suffix."""
    return paths.map(without_suffix)


def describe_patients(sources: Mapping[str, int]) -> str:
    """Where patients were read from, as a phrase for users.

    Args:
        sources: number of radiographs by source; the source "" means that the patient is unknown.
    """
    known = ", ".join(source for source, count in sources.items() if source and count)
    unknown, total = sources.get("", 0), sum(sources.values())
    if not known:
        return UNKNOWN
    return known + (f"; unknown for {unknown} of {total} radiographs: these were split as images, not patients" if unknown else "")


def without_suffix(path: str) -> str:
    """A path without the suffix of its format; what follows the last dot of a UID is none."""
    pure = PurePosixPath(path)
    return path[: -len(pure.suffix)] if pure.suffix.lower() in SUFFIXES else path


def _recognized(path: str, schemes: tuple[_Scheme, ...]) -> tuple[str, str, str]:
    for scheme in schemes:
        if match := scheme.pattern.search(path):
            return scheme.patient(match), _subtype(match[0].lower()), scheme.name
    return "", "", ""


def _subtype(name: str) -> str:
    return "bacterial" if "bacteria" in name else "viral" if "virus" in name else "unknown"


def _repeated_names(paths: pd.Series) -> frozenset[str]:
    """Paths whose name, of the form IM-0001-0001, is that of files in other folders too.

    Viewers such as Horos export every study as a folder with IM-0001-0001.dcm: not a patient's number as it is in Kermany's names.
    """
    names = paths.str.rpartition("/")[2]
    numbered = names[names.str.match(r"(?i)IM-[0-9]+-[0-9]+") & (paths.str.count("/") > 2)]  # noqa: PLR2004 - deeper than split/label
    return frozenset(paths[numbered.index[numbered.duplicated(keep=False)]])
