"""Layout of a cohort, train|val|test / NORMAL|PNEUMONIA / files, and subtype and patient from the file names."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pneumo.errors import UserError
from pneumo.files import printable
from pneumo.radiographs.raster import SUFFIXES

SPLITS = ("train", "val", "test")
LABELS = ("NORMAL", "PNEUMONIA")
# The public archive nests chest_xray/chest_xray.
_MAX_NESTING = 2
# Folders deeper than this are not visited, so that a link to one of its parents does not loop for ever.
_MAX_DEPTH = 8
_SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_PNEUMONIA_NAME = re.compile(r"person(?P<number>\d+)_(?P<pathogen>bacteria|virus)_.+", re.DOTALL)
_NORMAL_NAME = re.compile(r"(?P<series>(NORMAL2-)?IM-\d+)-.+", re.DOTALL)
_SUBTYPES = {"bacteria": "bacterial", "virus": "viral"}


@dataclass(frozen=True)
class Layout:
    """Content of a folder or archive."""

    nesting: str
    """Folder that holds the splits, relative to the folder or archive; "" where that holds them itself."""
    radiographs: list[str]
    """Sorted, relative to `nesting`: split/label/name."""
    foreign: dict[str, int]
    """Number of files that are not radiographs of the cohort, by kind."""


def list_files(folder: Path) -> list[str]:
    """Every file below a folder, relative to it, as posix paths. Links are followed."""

    def refuse(error: OSError) -> None:
        raise error

    paths = []
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        relative = Path(parent).relative_to(folder)
        if len(relative.parts) >= _MAX_DEPTH:
            folders.clear()
        paths += [(relative / name).as_posix() for name in files]
    return paths


def find_layout(paths: Iterable[str], source: str) -> Layout:
    """Separate the cohort's radiographs from foreign files, all given as posix paths below the folder or archive `source`.

    Raises:
        UserError: no radiographs in the expected layout, or several such layouts side by side.
    """
    paths = list(paths)
    foreign = Counter(kind for kind in map(_system_file, paths) if kind)
    files = [path for path in paths if not _system_file(path)]
    nesting = _nesting(files, source)
    prefix = f"{nesting}/" if nesting else ""
    radiographs = sorted(
        path.removeprefix(prefix) for path in files if path.startswith(prefix) and _is_radiograph(path.removeprefix(prefix))
    )
    if len(files) > len(radiographs):
        foreign["other"] = len(files) - len(radiographs)
    return Layout(nesting, radiographs, dict(foreign))


def subtype_and_patient(path: str) -> tuple[str, str]:
    """Subtype and patient of a radiograph, read from split/label/name.

    Bacterial and viral patients are numbered separately, so the pathogen is part of the patient's name; normals are identified by
    their series. Under any other naming scheme each file counts as a patient: `0001.png` of two hospitals need not be one child.
    """
    split, label, name = path.split("/")
    if match := _PNEUMONIA_NAME.fullmatch(name):
        subtype, patient = _SUBTYPES[match["pathogen"]], f"{match['pathogen']}-{match['number']}"
    elif match := _NORMAL_NAME.fullmatch(name):
        subtype, patient = "unknown", match["series"]
    else:
        subtype, patient = "unknown", f"{split}/{label}/{PurePosixPath(name).stem}"
    return ("normal" if label == "NORMAL" else subtype), patient


def _system_file(path: str) -> str | None:
    """Kind of a file that an operating system leaves in folders and archives; None for any other."""
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
    """The outermost folder that holds splits: the public archive contains a second copy one level deeper."""
    for depth in range(_MAX_NESTING + 1):
        parts = (path.split("/") for path in paths)
        roots = sorted({"/".join(part[:depth]) for part in parts if _is_radiograph("/".join(part[depth:]))})
        if len(roots) > 1:
            names = ", ".join(map(printable, roots))
            raise UserError(f"{source}: several cohorts side by side ({names}); give the path of one of them")
        if roots:
            return roots[0]
    suffixes = " ".join(sorted(SUFFIXES))
    raise UserError(f"{source}: holds no radiographs; expected train|val|test / NORMAL|PNEUMONIA / files ending in {suffixes}")
