"""Words for the view of a radiograph, as headers, manifests and file names write them."""

import re

_WORD = re.compile(r"[a-z]+")
# DICOM PS3.3 C.8.7.1.1 has LL and RL, PadChest has L, and some devices write LLAT or LATERAL.
_LATERAL, _LATERAL_WORDS = (["l"], ["ll"], ["rl"]), frozenset({"lateral", "lat", "llat", "rlat"})
# Decubitus and oblique projections are called lateral too, but are not lateral views.
_NOT_LATERAL_WORDS = frozenset({"decubitus", "oblique"})
_LATERAL_NAME = re.compile(r"(?<![a-z])lateral(?![a-z])", re.IGNORECASE)


def is_lateral(view: str) -> bool:
    """Whether a view, such as PA, LL or "Left lateral", is a lateral one."""
    words = _WORD.findall(view.casefold())
    return words in _LATERAL or (not _LATERAL_WORDS.isdisjoint(words) and _NOT_LATERAL_WORDS.isdisjoint(words))


def is_lateral_name(name: str) -> bool:
    """Whether a file is called a lateral view, such as CheXpert's view2_lateral.jpg; bilateral is another word."""
    return _LATERAL_NAME.search(name) is not None
