"""Where the radiographs lie in a folder or an archive, and what their names say: train|val|test / NORMAL|PNEUMONIA / files."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pneumo.errors import UserError
from pneumo.radiographs.raster import SUFFIXES

SPLITS = ("train", "val", "test")
LABELS = ("NORMAL", "PNEUMONIA")
# The public archive nests chest_xray/chest_xray.
_MAX_NESTING = 2
# Folders below this are not visited, so that a link to a folder's own parent ends somewhere.
_MAX_DEPTH = 8
_SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_PNEUMONIA_NAME = re.compile(r"person(?P<number>\d+)_(?P<germ>bacteria|virus)_.+", re.DOTALL)
_NORMAL_NAME = re.compile(r"(?P<series>(NORMAL2-)?IM-\d+)-.+", re.DOTALL)
_SUBTYPES = {"bacteria": "bacterial", "virus": "viral"}


@dataclass(frozen=True)
class Layout:
    """What a folder or an archive holds."""

    nesting: str
    """Folder that holds the splits, relative to the folder or archive; "" where it is that itself."""
    radiographs: list[str]
    """Sorted, relative to `nesting`: split/label/name."""
    foreign: dict[str, int]
    """Entries that are no radiographs of the cohort, counted by kind."""


def files_below(folder: Path) -> list[str]:
    """List every file below a folder, relative to it, as posix paths. Links are followed."""

    def refuse(error: OSError) -> None:
        raise error

    paths = []
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        relative = Path(parent).relative_to(folder)
        if len(relative.parts) >= _MAX_DEPTH:
            folders.clear()
        paths += [(relative / name).as_posix() for name in files]
    return paths


def arrange(paths: Iterable[str], source: str) -> Layout:
    """Tell radiographs from foreign entries.

    Args:
        paths: posix paths of files.
        source: what to call their folder or archive in an error.

    Raises:
        UserError: no radiographs in the expected layout, or two such layouts side by side.
    """
    paths = list(paths)
    foreign = Counter(kind for kind in map(_system_kind, paths) if kind)
    ours = [path for path in paths if not _system_kind(path)]
    nesting = _nesting(ours, source)
    prefix = f"{nesting}/" if nesting else ""
    radiographs = sorted(
        path.removeprefix(prefix) for path in ours if path.startswith(prefix) and _is_radiograph(path.removeprefix(prefix))
    )
    if len(ours) > len(radiographs):
        foreign["other"] = len(ours) - len(radiographs)
    return Layout(nesting, radiographs, dict(foreign))


def subtype_and_patient(path: str) -> tuple[str, str]:
    """Read subtype and patient off split/label/name.

    Bacterial and viral cases are numbered separately, so the germ belongs to the patient; normals are known by their whole series.
    A name of no known scheme is a patient of its own: two hospitals' `0001.png` need not be one child.
    """
    split, label, name = path.split("/")
    if match := _PNEUMONIA_NAME.fullmatch(name):
        subtype, patient = _SUBTYPES[match["germ"]], f"{match['germ']}-{match['number']}"
    elif match := _NORMAL_NAME.fullmatch(name):
        subtype, patient = "unknown", match["series"]
    else:
        subtype, patient = "unknown", f"{split}/{label}/{PurePosixPath(name).stem}"
    return ("normal" if label == "NORMAL" else subtype), patient


def _system_kind(path: str) -> str | None:
    *folders, name = path.split("/")
    if "__MACOSX" in folders:
        return "__MACOSX"
    if name.startswith("._"):
        return "._*"
    return name if name in _SYSTEM_FILES else None


def _is_radiograph(path: str) -> bool:
    split, *rest = path.split("/")
    return split in SPLITS and len(rest) == 2 and rest[0] in LABELS and PurePosixPath(rest[1]).suffix.lower() in SUFFIXES  # noqa: PLR2004


def _nesting(paths: list[str], source: str) -> str:
    """Find the outermost folder that holds splits: the public archive carries a second copy one level deeper."""
    for depth in range(_MAX_NESTING + 1):
        parts = (path.split("/") for path in paths)
        found = sorted({"/".join(part[:depth]) for part in parts if _is_radiograph("/".join(part[depth:]))})
        if len(found) > 1:
            raise UserError(
                f"{source}: several cohorts side by side ({', '.join(map(printable, found))}); give the path of one of them"
            )
        if found:
            return found[0]
    suffixes = " ".join(sorted(SUFFIXES))
    raise UserError(f"{source}: holds no radiographs; expected train|val|test / NORMAL|PNEUMONIA / files ending in {suffixes}")


def printable(text: object) -> str:
    """Escape line breaks and other control characters: an error stays one line, whatever a file is called."""
    return "".join(character if character.isprintable() else character.encode("unicode_escape").decode() for character in str(text))
