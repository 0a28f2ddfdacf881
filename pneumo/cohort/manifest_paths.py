"""Paths of a manifest: made relative to the folder of the radiographs, and located there."""

import os
import posixpath
from collections import defaultdict
from pathlib import Path

import pandas as pd

from pneumo.cohort.layout import is_folder, list_files
from pneumo.errors import UserError
from pneumo.files import printable


def normalize(cells: pd.Series, root: Path, source: str) -> pd.Series:
    """Paths as posix paths relative to `root`, from what a manifest holds; the index are its rows.

    Backslashes of Windows, `./` and absolute paths below `root` are accepted. Paths on a drive of Windows, which is not here, are
    taken below their common folder.

    Raises:
        UserError: no path in a row, or one that leads out of `root`.
    """
    paths = cells.str.replace("\\", "/", regex=False)
    refuse_first(paths == "", "no path", "fill the cell or delete the row", source)
    for parent in {str(root), str(root.absolute()), str(root.resolve())}:
        if parent.startswith("/"):
            paths = paths.str.removeprefix(f"{parent.rstrip('/')}/")
    on_drive = paths.str.match(r"[A-Za-z]:/")
    if on_drive.any():
        common = posixpath.commonpath([path.rpartition("/")[0] for path in paths[on_drive]])
        paths = paths.mask(on_drive, paths[on_drive].str.removeprefix(f"{common}/"))
    odd = paths.str.contains(r"(?:^|/)\.{0,2}(?:/|$)", regex=True)
    paths = paths.mask(odd, paths[odd].map(posixpath.normpath))
    outside = paths.str.startswith(("../", "/")) | (paths == "..") | paths.str.match(r"[A-Za-z]:/")
    if outside.any():
        first = printable(cells[outside].iloc[0])
        refuse_first(outside, f"{first} leads out of {printable(root)}", "set cohort.root to the folder of the radiographs", source)
    return paths


def find_files(paths: pd.Series, root: Path) -> pd.Series:
    """The given paths as they lie below `root`, "" where there is no such file.

    A path may start with the name of `root` itself, and a bare file name is searched for in all folders.

    Raises:
        OSError: a folder cannot be read.
    """
    located = paths.where(_present(paths, root), "")
    if (located == "").any():
        inside = paths[located == ""].str.removeprefix(f"{root.resolve().name}/")
        located = located.mask(located == "", inside.where(_present(inside, root), ""))
    for form in ("NFC", "NFD"):  # Apple's file systems may decompose ö into o and two dots
        if (located == "").any():
            composed = paths[located == ""].str.normalize(form)
            located = located.mask(located == "", composed.where(_present(composed, root), ""))
    bare = paths[(located == "") & ~paths.str.contains("/", regex=False)]
    if len(bare):
        places = _places(root, set(bare))
        located = located.mask(located == "", bare.map(lambda name: places.get(name, "")))
    return located.fillna("")


def _present(paths: pd.Series, root: Path) -> pd.Series:
    """Whether each path is a file, by listing every folder once: a query for each file takes long on network disks."""
    parts = paths.str.rpartition("/")
    listed = {folder: _files(root / folder) for folder in parts[0].unique()}
    return pd.Series([name in listed[folder] for folder, name in zip(parts[0], parts[2], strict=True)], index=paths.index)


def _files(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries if not is_folder(entry))
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last for names that no file can have
        return frozenset()


def _places(root: Path, names: set[str]) -> dict[str, str]:
    """The path of each name that is found once; one in several folders is none, for either may be meant."""
    places = defaultdict(list)
    for path in list_files(root):
        name = path.rpartition("/")[2]
        if name in names:
            places[name].append(path)
    return {name: paths[0] for name, paths in places.items() if len(paths) == 1}


def refuse_first(wrong: pd.Series, problem: str, advice: str, source: str) -> None:
    """Refuse the first row that is wrong, with the number of all of them."""
    if wrong.any():
        count = int(wrong.sum())
        also = f" (and {count - 1} more rows)" if count > 1 else ""
        raise UserError(f"{source}: row {wrong.idxmax()}: {problem}{also}; {advice}")
