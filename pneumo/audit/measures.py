"""The traits and thumbnails of a whole cohort, measured once."""

import hashlib
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import PIL

from pneumo.audit.traits import OF_THE_FILE, TRAITS, Pixels, file_traits, radiograph_traits
from pneumo.cohort.index import Cohort, cache_folder
from pneumo.cohort.layout import printable
from pneumo.errors import UserError
from pneumo.files import replacing, writing
from pneumo.parallel import in_parallel
from pneumo.radiographs.raster import SUFFIXES, UnreadableError

# Raise it when the same radiograph is to give other measures.
_VERSION = "1"


@dataclass(frozen=True, eq=False)
class Measures:
    """What the audit looks at."""

    traits: pd.DataFrame
    """A row a radiograph, with the cohort's index; the columns TRAITS."""
    thumbnails: Pixels
    """(N, 64, 64), squashed."""


def measure(cohort: Cohort, directory: Path) -> Measures:
    """Measure every radiograph, or recall what was measured of this very content.

    Raises:
        UserError: no room or permission to write, or a radiograph that has become unreadable since it was indexed.
    """
    identity = f"{_VERSION} {cohort.fingerprint} Pillow {PIL.__version__}"
    folder = cache_folder(cohort.root, directory)
    file = folder / f"traits-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.npz"
    try:
        with np.load(file) as kept:
            traits, thumbnails = kept["traits"], kept["thumbnails"]
    except (FileNotFoundError, ValueError, EOFError, KeyError, zipfile.BadZipFile):  # the first run, or damaged
        found = list(in_parallel(partial(_radiograph, cohort.root), list(cohort.table["path"]), "Measuring radiographs"))
        traits = np.array([[measured[name] for name in TRAITS] for measured, _ in found])
        thumbnails = np.stack([thumbnail for _, thumbnail in found])
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(file) as stream:
                np.savez(stream, traits=traits, thumbnails=thumbnails)
            for stale in set(folder.glob("traits-*.npz")) - {file}:
                stale.unlink()
    return Measures(pd.DataFrame(traits, columns=list(TRAITS), index=cohort.table.index), thumbnails)


def measure_originals(cohort: Cohort, folder: Path) -> pd.DataFrame:
    """Measure the files that some of the cohort's radiographs were resized from.

    Returns:
        The columns OF_THE_FILE, indexed by the rows of the cohort's table that the files belong to: those of the same name.

    Raises:
        UserError: no such folder, no file named as a radiograph of the cohort, or a damaged one.
    """
    if not folder.is_dir():
        raise UserError(f"{printable(folder)}: no such folder; set audit.originals to one, or leave it out")
    names = cohort.table["path"].map(lambda path: Path(path).stem)
    # A name that is there twice says nothing about which of the two it is.
    rows = names[~names.duplicated(keep=False)]
    by_name = pd.Series(rows.index, index=rows)
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.stem in by_name.index)
    if not files:
        raise UserError(f"{printable(folder)}: no radiograph named as one of the cohort's; set audit.originals to another folder")
    measured = list(in_parallel(_original, files, "Measuring originals"))
    table = pd.DataFrame(measured, columns=list(OF_THE_FILE), index=[by_name[file.stem] for file in files])
    return table[~table.index.duplicated()]


def _radiograph(root: Path, path: str) -> tuple[dict[str, float], Pixels]:
    try:
        return radiograph_traits(root / path)
    except UnreadableError as error:
        raise UserError(f"{printable(root / path)}: {error}; it could be read when the cohort was indexed, run again") from error


def _original(file: Path) -> dict[str, float]:
    try:
        return file_traits(file)
    except UnreadableError as error:
        raise UserError(f"{printable(file)}: {error}; mend or remove it") from error
