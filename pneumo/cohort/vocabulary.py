"""Words for class, subtype, split and sex, as folders and manifests write them."""

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
_SEXES = {**dict.fromkeys(("f", "female"), "F"), **dict.fromkeys(("m", "male"), "M"), **dict.fromkeys(("o", "other"), "O")}


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


def sex_of(text: str) -> str:
    """The sex, "F", "M" or "O" as in DICOM's Patient's Sex; "" for other text."""
    return _SEXES.get(text.strip().casefold(), "")
