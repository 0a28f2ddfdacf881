"""Index of a cohort: a folder, an archive, a manifest or the phantom as one table with a row for each radiograph."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from pneumo import config
from pneumo.cohort import problems
from pneumo.cohort.assignment import assign_splits, describe_assignment, lacks_test
from pneumo.cohort.examination import FILES, examine
from pneumo.cohort.listing import Listing, list_radiographs
from pneumo.cohort.manifest_file import SUFFIXES as MANIFEST_SUFFIXES
from pneumo.cohort.names import BY_FILE, describe_patients
from pneumo.cohort.patients import identify
from pneumo.cohort.pseudonyms import without_hash
from pneumo.files import printable, unique_name, write_atomically, writing
from pneumo.phantom import cohort as phantom
from pneumo.radiographs.pixel_cache import pixel_cache

COLUMNS = (
    "path",
    "split",
    "label",
    "subtype",
    "patient",
    "age_years",
    "sex",
    "view",
    "manufacturer",
    "width",
    "height",
    "mode",
    "bytes",
    "sha256",
)
TRAIN_COUNTS = {"NORMAL": 1341, "PNEUMONIA": 3875}
"""Radiographs in the train split of the published cohort of Kermany et al. (Cell 172, 2018)."""
_PUBLISHED_PATIENT = r"bacteria-\d+|virus-\d+|(?:NORMAL2-)?IM-\d+"


@dataclass(frozen=True, eq=False)
class Cohort:
    """An indexed cohort: the table of its radiographs, and access to their pixels."""

    root: Path
    """Folder that the radiographs' files are relative to."""
    table: pd.DataFrame
    """One row for each radiograph, sorted by file, with the columns COLUMNS; `sha256` is of the decoded pixels."""
    synthetic: bool
    """Whether it is a phantom cohort."""
    foreign: dict[str, int]
    """Number of files or rows that are not radiographs of the cohort, by kind."""
    left_out: pd.DataFrame
    """Radiographs left out by the setting `cohort.leave_out`: columns path, problem, detail."""
    cache_folder: Path
    """Folder of the caches and tables of this cohort."""
    patients_from: str = ""
    """Where patients were read from, as a phrase for users."""
    patients_known: bool = True
    """False where a radiograph counts as a patient of its own, because nothing tells whose it is: then images were split."""
    splits_from: str = ""
    """Where the splits come from, as a sentence for users."""
    hidden_names: Mapping[str, str] = field(default_factory=dict)
    """Files, relative to `root`, by their path in the table, where the file's own name would identify a patient."""

    @property
    def title(self) -> str:
        """Name of the cohort as commands print it."""
        return f"{'SYNTHETIC phantom cohort' if self.synthetic else 'Cohort'} {printable(self.root)}"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of path, split, label, subtype, patient and pixels of every radiograph; it does not depend on the secret key."""
        columns = self.table[["path", "split", "label", "subtype", "patient", "sha256"]]
        rows = columns.assign(patient=without_hash(columns["patient"])).to_numpy().tolist()
        return hashlib.sha256(repr(rows).encode()).hexdigest()

    @property
    def content_fingerprint(self) -> str:
        """SHA-256 of the pixels of all radiographs, however they are split, named and labelled; equal radiographs count once."""
        return hashlib.sha256(repr(sorted(set(self.table["sha256"]))).encode()).hexdigest()

    def file(self, path: str) -> Path:
        """The file of a radiograph of the table."""
        return self.root / self.hidden_names.get(path, path)

    def pixels(self, size_px: int, resize: config.Resize) -> np.memmap:
        """Memory-mapped pixels of all radiographs in the order of the table, (N, size_px, size_px) uint8; decoded on first use."""
        files = [self.file(path) for path in self.table["path"]]
        return pixel_cache(self.cache_folder, files, self.fingerprint, size_px=size_px, resize=resize)


def index(data: Path | None, settings: config.Cohort, *, to_train: bool = True) -> Cohort:
    """Index and check the radiographs of a folder, archive or manifest, or of the phantom cohort where `data` is None.

    Writes only below `settings.cache_dir`: an unpacked archive, the file properties for the next run, the secret key of pseudonyms,
    and `cohort.csv`.

    Args:
        to_train: whether train and test are needed, with both classes; to evaluate a model, radiographs of one class are enough.

    Raises:
        UserError: it is not a cohort, or it has problems that `settings.leave_out` does not name.
    """
    source = phantom.write_cohort(settings.phantom, settings.cache_dir) if data is None else data
    name, listing = printable(source), list_radiographs(source, settings)
    cache_folder = settings.cache_dir / "cache" / _cache_name(source, listing)
    examined = examine(listing, cache_folder / FILES, settings)
    problem_table = pd.concat([listing.problems, examined.problems], ignore_index=True)
    if not to_train or lacks_test(listing.table["split"]):
        # Before patients are drawn: radiographs that are missing would be the reason why there are too few.
        problems.refuse_unresolved(name, examined.listed, problem_table, settings.leave_out, to_train=False)
    identified = identify(examined.table, listing.patient_sources, settings, name)
    table, splits_from = examined.table.assign(patient=identified.patient), ""
    if to_train:
        split = assign_splits(table, settings, name, listing.table["split"])
        splits_from = describe_assignment(table["split"], split, settings)
        listed = examined.listed.assign(split=split.reindex(examined.listed.index).fillna(examined.listed["split"]))
        table, problem_table = _without_leakage(table.assign(split=split), problem_table, settings)
        problems.refuse_unresolved(name, listed, problem_table, settings.leave_out)
    table = table.reset_index(drop=True)[list(COLUMNS)]
    with writing(cache_folder, "cohort.cache_dir"):
        write_atomically(cache_folder / "cohort.csv", table.to_csv(index=False))
    return Cohort(
        listing.root,
        table,
        synthetic=phantom.is_phantom(listing.root),
        foreign=listing.foreign,
        left_out=problem_table,
        cache_folder=cache_folder,
        patients_from=describe_patients(identified.sources),
        patients_known=not any(identified.sources.get(source) for source in ("", BY_FILE)),
        splits_from=splits_from,
        hidden_names=examined.hidden_names,
    )


def is_published(table: pd.DataFrame) -> bool:
    """Whether a cohort is the published one, by the class counts of its train split and the names of its patients.

    The test split may be a part of the published one. A cohort with other radiographs left out is not recognized.
    """
    counts = table.loc[table["split"] == "train", "label"].value_counts().to_dict()
    return counts == TRAIN_COUNTS and bool(table["patient"].str.fullmatch(_PUBLISHED_PATIENT).all())


def _without_leakage(
    table: pd.DataFrame, other_problems: pd.DataFrame, settings: config.Cohort
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table without the radiographs whose patient or image is in another split, if they may be left out; and all problems."""
    for column in ("patient", "sha256"):
        shared = problems.shared_across_splits(table, column)
        other_problems = pd.concat([other_problems, shared], ignore_index=True)
        table = table.drop(shared.index[shared["problem"].isin(settings.leave_out)])
    return table, other_problems


def _cache_name(source: Path, listing: Listing) -> str:
    """Name of the folder of a cohort's caches: two manifests of one folder have their own."""
    name = unique_name(listing.root)
    return f"{name}-{source.name}" if source.suffix.lower() in MANIFEST_SUFFIXES else name
