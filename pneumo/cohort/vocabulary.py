"""Words for class, subtype, split, view, sex and age, as folders and manifests write them."""

import re
from collections.abc import Mapping

SPLITS = ("train", "val", "test")
LABELS = ("NORMAL", "PNEUMONIA")
_NORMAL = frozenset({"normal", "normals", "no finding", "no findings", "healthy"})
_PNEUMONIA = frozenset({"pneumonia", "pneumonias", "bacteria", "bacterial", "virus", "viral"})
_BACTERIAL, _VIRAL = frozenset({"bacteria", "bacterial"}), frozenset({"virus", "viral"})
_SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_FILLERS = frozenset({"set", "split", "images", "data"})
_SEXES = {**dict.fromkeys(("f", "female"), "F"), **dict.fromkeys(("m", "male"), "M")}
# Decubitus and oblique projections are called lateral too, but are not lateral views.
_LATERAL, _LATERAL_WORDS = frozenset({"l", "ll", "rl"}), frozenset({"lateral", "lat", "llat", "rlat"})
_NOT_LATERAL_WORDS = frozenset({"decubitus", "oblique"})
_LATERAL_NAME = re.compile(r"(?<![a-z])lateral(?![a-z])", re.IGNORECASE)
# An age as DICOM (PS3.5, value representation AS) or a spreadsheet writes it.
_AGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([dwmy]?)", re.IGNORECASE)
_PER_YEAR = {"d": 365.25, "w": 365.25 / 7, "m": 12.0, "y": 1.0, "": 1.0}
_OLDEST_YEARS = 120


def normalized(text: str) -> str:
    """Text in lower case, with one blank between words instead of blanks, hyphens, underscores, dots and slashes."""
    return " ".join(re.split(r"[\s_\-./\\]+", text.casefold())).strip()


class Labels:
    """What names of class folders and labels of a manifest mean."""

    def __init__(self, own: Mapping[str, str]) -> None:
        """Take the user's mapping, the setting `cohort.labels`, which is preferred to the usual names."""
        self._own = {normalized(name): label for name, label in own.items()}

    def find(self, name: str) -> tuple[str, str] | None:
        """Label and subtype that a name means; None if it is neither NORMAL nor PNEUMONIA."""
        key = normalized(name)
        words = set(key.split())
        label = self._own.get(key) or ("NORMAL" if key in _NORMAL else "PNEUMONIA" if words and words <= _PNEUMONIA else None)
        if label not in LABELS:
            return None
        return label, ("normal" if label == "NORMAL" else subtype_of(name))


def subtype_of(name: str) -> str:
    """Subtype of a pneumonia, by its words: "bacterial", "viral" or, with none or both of them, "unknown"."""
    words = set(normalized(name).split())
    bacterial, viral = bool(words & _BACTERIAL), bool(words & _VIRAL)
    if bacterial == viral:
        return "unknown"
    return "bacterial" if bacterial else "viral"


def split_of(name: str) -> str | None:
    """Split that a folder or a value names; None for any other word."""
    words = normalized(name).split()
    significant = [word for word in words if word not in _FILLERS]
    return _SPLIT_NAMES.get(significant[0]) if len(significant) == 1 else None


def is_lateral(view: str) -> bool:
    """Whether a view of a manifest is a lateral one."""
    words = set(normalized(view).split())
    return normalized(view) in _LATERAL or (bool(words & _LATERAL_WORDS) and not words & _NOT_LATERAL_WORDS)


def is_lateral_name(name: str) -> bool:
    """Whether a file is called a lateral view, such as CheXpert's view2_lateral.jpg; bilateral is another word."""
    return _LATERAL_NAME.search(name) is not None


def sex_of(text: str) -> str:
    """The sex, "F" or "M"; "" where it is neither."""
    return _SEXES.get(text.strip().casefold(), "")


def age_of(text: str) -> float:
    """Age in years; NaN where it is no number, or of no human being."""
    match = _AGE.fullmatch(text.strip())
    if match is None:
        return float("nan")
    years = float(match[1]) / _PER_YEAR[match[2].lower()]
    return years if years <= _OLDEST_YEARS else float("nan")
