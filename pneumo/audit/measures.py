"""Traits and thumbnails of all radiographs of a cohort, measured once and cached."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pneumo.audit.traits import FILE_TRAITS, TRAITS, Pixels, file_traits, radiograph_traits
from pneumo.cohort.index import Cohort
from pneumo.errors import UserError
from pneumo.files import open_atomically, printable, writing
from pneumo.parallel import in_parallel
from pneumo.radiographs.errors import unreadable_as_user_error
from pneumo.radiographs.radiograph import DECODERS, SUFFIXES, open_radiograph

# Increment it when the same radiograph gives other measures.
_VERSION = "1"


@dataclass(frozen=True, eq=False)
class Measures:
    """Traits and thumbnails of a cohort's radiographs."""

    traits: pd.DataFrame
    """One row for each radiograph, with the index of the cohort's table; the columns TRAITS."""
    thumbnails: Pixels
    """(N, 64, 64), squashed."""


def measure(cohort: Cohort) -> Measures:
    """Traits and thumbnails of every radiograph; read from the cache where this content was measured before.

    Raises:
        UserError: full disk or missing permission, or a radiograph that has become unreadable since the cohort was indexed.
    """
    identity = f"{_VERSION} {cohort.fingerprint} {DECODERS}"
    folder = cohort.cache_folder
    file = folder / f"traits-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.npz"
    try:
        with np.load(file) as cached:
            traits, thumbnails = cached["traits"], cached["thumbnails"]
    except (FileNotFoundError, ValueError, EOFError, KeyError, zipfile.BadZipFile):  # the first run, or a damaged file
        files = [cohort.file(path) for path in cohort.table["path"]]
        measured = list(in_parallel(_measure_indexed, files, "Measuring radiographs"))
        traits = np.array([[values[name] for name in TRAITS] for values, _ in measured])
        thumbnails = np.stack([thumbnail for _, thumbnail in measured])
        with writing(folder, "cohort.cache_dir"):
            with open_atomically(file) as stream:
                np.savez(stream, traits=traits, thumbnails=thumbnails)
            for outdated in set(folder.glob("traits-*.npz")) - {file}:
                outdated.unlink()
    return Measures(pd.DataFrame(traits, columns=list(TRAITS), index=cohort.table.index), thumbnails)


def measure_originals(cohort: Cohort, folder: Path) -> pd.DataFrame:
    """FILE_TRAITS of the files that some of the cohort's radiographs were resized from, indexed by the rows of its table.

    Raises:
        UserError: no such folder, no file named as a radiograph of the cohort, or a damaged one.
    """
    if not folder.is_dir():
        raise UserError(f"{printable(folder)}: no such folder; set audit.originals to one, or leave it out")
    names = cohort.table["path"].map(lambda path: Path(path).stem)
    # A name that occurs twice in the cohort is ambiguous.
    unique = names[~names.duplicated(keep=False)]
    row_of = pd.Series(unique.index, index=unique)
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.stem in row_of.index)
    if not files:
        raise UserError(f"{printable(folder)}: no radiograph named as one of the cohort's; set audit.originals to another folder")
    measured = list(in_parallel(_measure_original, files, "Measuring originals"))
    table = pd.DataFrame(measured, columns=list(FILE_TRAITS), index=[row_of[file.stem] for file in files])
    return table[~table.index.duplicated()]


def _measure_indexed(file: Path) -> tuple[dict[str, float], Pixels]:
    with unreadable_as_user_error(file):
        return radiograph_traits(file)


def _measure_original(file: Path) -> dict[str, float]:
    with unreadable_as_user_error(file, "fix or remove it"), open_radiograph(file) as radiograph:
        return file_traits(radiograph, file)
