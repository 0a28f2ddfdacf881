"""Layout of a folder or archive: split and class of each radiograph, from the names of the folders that it lies in."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import pandas as pd

from pneumo import config
from pneumo.cohort.vocabulary import LABELS, Labels, split_of
from pneumo.errors import UserError
from pneumo.files import printable
from pneumo.radiographs.radiograph import SUFFIXES
from pneumo.radiographs.view import is_lateral_name

_SYSTEM_FILES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
# Files without a suffix that are no DICOM files.
_TEXTS = frozenset({"readme", "license", "licence", "copying", "authors", "changelog", "notice", "makefile", "dicomdir"})
_MASKS = frozenset({"mask", "masks", "segmentation", "segmentations", "annotation", "annotations"})
# Other folders are named one by one up to this number.
_NAMED_FOLDERS = 10


@dataclass(frozen=True, eq=False)
class Layout:
    """Content of a folder or archive."""

    nesting: str
    """Folder that holds the splits or classes, relative to the folder or archive; "" where that holds them itself."""
    table: pd.DataFrame
    """A row for each radiograph, sorted by path: path (relative to `nesting`), split ("" without splits), label, subtype."""
    foreign: dict[str, int]
    """Number of files that are not radiographs of the cohort, by kind."""
    unnameable: list[str]
    """Paths of further radiographs whose names are not valid UTF-8."""

    @property
    def radiographs(self) -> list[str]:
        """Paths of the radiographs, sorted, relative to `nesting`."""
        return list(self.table["path"])


@dataclass(frozen=True)
class _Place:
    """What the names of a file's folders say."""

    top: str
    """The folders above those that name split and class."""
    split: str
    label: str
    subtype: str


def list_files(folder: Path) -> list[str]:
    """Every file below a folder, relative to it, as posix paths. Links are followed, except to a folder that they lie in."""
    paths: list[str] = []
    # Folders to be listed, each with what identifies the folders that it lies in.
    pending: list[tuple[str, tuple[tuple[int, int], ...]]] = [("", ())]
    while pending:
        relative, above = pending.pop()
        place = folder / relative
        status = place.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            continue
        prefix = f"{relative}/" if relative else ""
        with os.scandir(place) as entries:
            for entry in entries:
                if is_folder(entry):
                    pending.append((prefix + entry.name, (*above, identity)))
                else:
                    paths.append(prefix + entry.name)
    return paths


def find_layout(paths: Iterable[str], source: str, settings: config.Cohort) -> Layout:
    """Separate the cohort's radiographs from foreign files, all given as posix paths below the folder or archive `source`.

    Raises:
        UserError: no radiographs in folders of a class, several cohorts side by side, or folders that contradict one another.
    """
    foreign: Counter[str] = Counter()
    places: dict[str, _Place] = {}
    elsewhere = []
    place_of = _places(Labels(settings.labels))
    for path in paths:
        folder, _, name = path.rpartition("/")
        kind = system_file(path) or _unwanted(folder, name, settings)
        if kind:
            foreign[kind] += 1
        elif place := place_of(folder):
            places[path] = place
        else:
            elsewhere.append(path)
    if not places:
        raise UserError(_nothing_found(source, elsewhere))
    nesting, chosen = _nesting(places, source)
    prefix = f"{nesting}/" if nesting else ""
    below = (path.removeprefix(prefix) for path in places if path.startswith(prefix))
    _refuse_contradictions(below, Labels(settings.labels), source)
    rows = [
        (path.removeprefix(prefix), place.split, place.label, place.subtype)
        for path, place in places.items()
        if place.top in chosen
    ]
    foreign["other"] += sum(place.top not in chosen for place in places.values())
    foreign += _other_folders(elsewhere, prefix)
    unnameable = [path for path, *_ in rows if not _is_utf8(path)]
    rows = sorted(row for row in rows if _is_utf8(row[0]))
    table = pd.DataFrame(rows, columns=["path", "split", "label", "subtype"], dtype=str)
    _refuse_mixture(table, source)
    return Layout(nesting, table, dict(+foreign), unnameable)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether a folder's entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, which is reported as a file that cannot be read
        return False


def _is_utf8(path: str) -> bool:
    """Whether a name can be written: Python reads other bytes of a name as lone surrogates."""
    return path.isascii() or not any("\ud800" <= character <= "\udfff" for character in path)


def system_file(path: str) -> str | None:
    """Kind of a file that an operating system leaves in folders and archives; None for any other."""
    *folders, name = path.split("/")
    if "__MACOSX" in folders:
        return "__MACOSX"
    if name.startswith("._"):
        return "._*"
    return name if name in _SYSTEM_FILES else None


def _unwanted(folder: str, name: str, settings: config.Cohort) -> str | None:
    """Kind of a file that is no radiograph whatever its folder's class; None for one that may be a radiograph."""
    suffix = PurePosixPath(name).suffix.lower()
    # DICOM files have no suffix, or end in a part of their UID. Whether they are DICOM files their content decides later.
    without_suffix = not suffix or suffix[1:].isdecimal()
    if suffix not in SUFFIXES and (not without_suffix or name.startswith(".") or name.lower() in _TEXTS):
        return "other"
    if not _MASKS.isdisjoint(folder.lower().split("/")):
        return "in folders of masks"
    if not settings.dicom.lateral and is_lateral_name(name):
        return "lateral views, by their names"
    return None


def _places(labels: Labels) -> Callable[[str], _Place | None]:
    @cache
    def place_of(folder: str) -> _Place | None:
        """What a folder says; None without a class. The innermost folder decides: a cohort may lie in a folder `pneumonia`."""
        parts = folder.split("/")
        found = [labels.find(part) for part in parts]
        splits = [split_of(part) for part in parts]
        at_label = max((number for number, label in enumerate(found) if label), default=None)
        if at_label is None:
            return None
        at_split = max((number for number, split in enumerate(splits) if split), default=None)
        top = "/".join(parts[: at_label if at_split is None else min(at_label, at_split)])
        label, subtype = found[at_label] or ("", "")
        return _Place(top, (splits[at_split] or "") if at_split is not None else "", label, subtype)

    return place_of


def _nesting(places: Mapping[str, _Place], source: str) -> tuple[str, set[str]]:
    """The folder that holds the cohort, and the folders above split and class that belong to it.

    The outermost one with splits, or with both classes: the public archive holds a second copy one level deeper. Where each such
    folder has one class alone, as with a folder for each patient, they are one cohort.
    """
    tops = {place.top for place in places.values()}
    with_splits = {place.top for place in places.values() if place.split}
    labels = {(place.top, place.label) for place in places.values()}
    with_both = {top for top in tops if all((top, label) in labels for label in LABELS)}
    cohorts = with_splits | with_both
    if not cohorts:
        return os.path.commonpath([f"/{top}" for top in tops]).strip("/"), tops
    depths = {top: len(PurePosixPath(top).parts) for top in cohorts}
    outermost = sorted(top for top in cohorts if depths[top] == min(depths.values()))
    if len(outermost) > 1:
        names = ", ".join(map(printable, outermost[:3])) + (f" and {len(outermost) - 3} more" if len(outermost) > 3 else "")  # noqa: PLR2004
        raise UserError(f"{source}: several cohorts side by side ({names}); give the path of one of them, or a manifest of all")
    return outermost[0], {outermost[0]}


def _refuse_contradictions(paths: Iterable[str], labels: Labels, source: str) -> None:
    """Refuse folders of two classes, or of two splits, inside one another."""
    for folder, path in {path.rpartition("/")[0]: path for path in paths}.items():
        parts = folder.split("/")
        classes = {found[0] for part in parts if (found := labels.find(part))}
        splits = {split for part in parts if (split := split_of(part))}
        if len(classes) > 1 or len(splits) > 1:
            kind = "classes" if len(classes) > 1 else "splits"
            raise UserError(f"{source}: {printable(path)} lies in folders of two {kind}; rename one of them")


def _refuse_mixture(table: pd.DataFrame, source: str) -> None:
    """Refuse radiographs both inside and outside of splits."""
    outside = table[table["split"] == ""]
    if 0 < len(outside) < len(table):
        raise UserError(
            f"{source}: {len(outside)} of {len(table)} radiographs lie outside of the folders train|val|test, such as "
            f"{printable(outside['path'].iloc[0])}; move them into one of these, or all radiographs out of them"
        )


def _other_folders(paths: list[str], prefix: str) -> Counter[str]:
    """Number of files that may be radiographs but lie in no folder of a class, by the folder that stands in the place of one."""
    folders: Counter[str] = Counter()
    for path in paths:
        above = path.removeprefix(prefix).split("/")[:-1]
        named = [folder for folder in above if split_of(folder) is None]
        folders[f"folder {printable(named[0])} (not NORMAL or PNEUMONIA)" if named else "other"] += 1
    named_folders = Counter(dict(folders.most_common(_NAMED_FOLDERS)))
    if more := folders - named_folders:
        named_folders[f"{len(more)} more folders (not NORMAL or PNEUMONIA)"] = more.total()
    return named_folders


def _nothing_found(source: str, elsewhere: list[str]) -> str:
    suffixes = " ".join(sorted(SUFFIXES))
    found = _other_folders(elsewhere, "").most_common(3)
    folders = "".join(f"; found {kind}: {count}" for kind, count in found)
    return (
        f"{source}: holds no radiographs; expected train|val|test / NORMAL|PNEUMONIA / files ending in {suffixes}, or these "
        f"classes without splits{folders}; map other folders to the classes with cohort.labels"
    )
