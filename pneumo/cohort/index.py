"""Index of a cohort: a folder, a zip or the phantom as one table with a row for each radiograph."""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import PIL
from pydantic import BaseModel, ValidationError

from pneumo import config
from pneumo.cohort import archive, problems
from pneumo.cohort.layout import Layout, find_layout, list_files, subtype_and_patient
from pneumo.errors import UserError
from pneumo.files import printable, unique_name, write_atomically, writing
from pneumo.parallel import in_parallel
from pneumo.phantom import cohort as phantom
from pneumo.radiographs.pixel_cache import pixel_cache
from pneumo.radiographs.raster import UnreadableError, grey, open_radiograph

COLUMNS = ("path", "split", "label", "subtype", "patient", "width", "height", "mode", "bytes", "sha256")
TRAIN_COUNTS = {"NORMAL": 1341, "PNEUMONIA": 3875}
"""Radiographs in the train split of the published cohort of Kermany et al. (Cell 172, 2018)."""
_PUBLISHED_PATIENT = r"bacteria-\d+|virus-\d+|(?:NORMAL2-)?IM-\d+"
# Another version of Pillow may decode a JPEG to other pixels.
_DECODER = f"1, Pillow {PIL.__version__}"


@dataclass(frozen=True, eq=False)
class Cohort:
    """An indexed cohort: the table of its radiographs, and access to their pixels."""

    root: Path
    """Folder that the table's paths are relative to."""
    table: pd.DataFrame
    """One row for each radiograph, sorted by path, with the columns COLUMNS; `sha256` is of the decoded pixels."""
    synthetic: bool
    """Whether it is a phantom cohort."""
    foreign: dict[str, int]
    """Number of files that are not radiographs of the cohort, by kind."""
    left_out: pd.DataFrame
    """Radiographs left out by the setting `cohort.leave_out`: columns path, problem, detail."""
    cache_folder: Path
    """Folder of the caches and tables of this cohort."""

    @property
    def title(self) -> str:
        """Name of the cohort as commands print it."""
        return f"{'SYNTHETIC phantom cohort' if self.synthetic else 'Cohort'} {self.root}"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of path, split, label, subtype, patient and pixels of every radiograph."""
        rows = self.table[["path", "split", "label", "subtype", "patient", "sha256"]].to_numpy().tolist()
        return hashlib.sha256(repr(rows).encode()).hexdigest()

    def pixels(self, size_px: int, resize: config.Resize) -> np.memmap:
        """Memory-mapped pixels of all radiographs in the order of the table, (N, size_px, size_px) uint8; decoded on first use."""
        return pixel_cache(self.cache_folder, self.root, list(self.table["path"]), self.fingerprint, size_px=size_px, resize=resize)


class _FileInfo(BaseModel):
    """Properties of a radiograph file, and the size and date of the file when they were read."""

    bytes: int
    mtime_ns: int
    width: int
    height: int
    mode: str
    sha256: str


class _KnownFiles(BaseModel):
    """Properties stored between runs, so that files are decoded for their hash only once."""

    decoder: str = _DECODER
    radiographs: dict[str, _FileInfo] = {}


def index(data: Path | None, settings: config.Cohort) -> Cohort:
    """Index and check the radiographs of a folder or zip, or of the phantom cohort where `data` is None.

    Writes only below `settings.cache_dir`: the unpacked zip, the file properties for the next run, and `cohort.csv`.

    Raises:
        UserError: the folder or zip is not a cohort, or it has problems that `settings.leave_out` does not name.
    """
    source = phantom.write_cohort(settings.phantom, settings.cache_dir) if data is None else data
    root, layout = _locate(source, settings.cache_dir)
    cache_folder = settings.cache_dir / "cache" / unique_name(root)
    table, problem_table = _examine(root, layout.radiographs, cache_folder / "files.json")
    for column in ("patient", "sha256"):
        shared = problems.shared_across_splits(table, column)
        problem_table = pd.concat([problem_table, shared], ignore_index=True)
        table = table.drop(shared.index[shared["problem"].isin(settings.leave_out)])
    problems.refuse_unresolved(printable(source), table["path"], problem_table, settings.leave_out)
    table = table.reset_index(drop=True)
    with writing(cache_folder, "cohort.cache_dir"):
        write_atomically(cache_folder / "cohort.csv", table.to_csv(index=False))
    return Cohort(root, table, phantom.is_phantom(root), layout.foreign, problem_table, cache_folder)


def is_published(table: pd.DataFrame) -> bool:
    """Whether a cohort is the published one, by the class counts of its train split and the names of its patients.

    The test split may be a part of the published one. A cohort with other radiographs left out is not recognized.
    """
    counts = table.loc[table["split"] == "train", "label"].value_counts().to_dict()
    return counts == TRAIN_COUNTS and bool(table["patient"].str.fullmatch(_PUBLISHED_PATIENT).all())


def _locate(source: Path, cache_dir: Path) -> tuple[Path, Layout]:
    """The folder that holds the splits, after unpacking a zip, and its content."""
    name = printable(source)
    if source.is_file():
        return archive.unpack(source, cache_dir)
    if not source.is_dir():
        raise UserError(f"{name}: no such folder or zip; give the cohort's path with --data or PNEUMO_DATA")
    if cache_dir.resolve().is_relative_to(source.resolve()):
        raise UserError(
            f"{name}: contains cohort.cache_dir ({cache_dir}), and nothing may be written there; set another cohort.cache_dir"
        )
    try:
        layout = find_layout(list_files(source), name)
    except OSError as error:
        raise UserError(f"{printable(error.filename)}: {error.strerror}; make the folder readable") from error
    return source / layout.nesting, layout


def _examine(root: Path, paths: list[str], file: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Table of the readable radiographs, and table of problems of the others; `file` stores properties for the next run."""
    with writing(file, "cohort.cache_dir"):
        # Before thousands of radiographs are decoded.
        file.parent.mkdir(parents=True, exist_ok=True)
        known = _load_known(file)
    results = list(in_parallel(partial(_read, root, known), paths, "Checking radiographs"))
    readable = {path: result for path, result in zip(paths, results, strict=True) if isinstance(result, _FileInfo)}
    if readable != known:
        with writing(file, "cohort.cache_dir"):
            write_atomically(file, _KnownFiles(radiographs=readable).model_dump_json())
    rows = []
    for path, info in readable.items():
        split, label, _ = path.split("/")
        subtype, patient = subtype_and_patient(path)
        rows.append((path, split, label, subtype, patient, info.width, info.height, info.mode, info.bytes, info.sha256))
    unreadable = [
        (path.encode(errors="backslashreplace").decode(), "unreadable", result)  # the name itself may be the reason
        for path, result in zip(paths, results, strict=True)
        if isinstance(result, str)
    ]
    return pd.DataFrame(rows, columns=COLUMNS), pd.DataFrame(unreadable, columns=["path", "problem", "detail"], dtype=str)


def _load_known(file: Path) -> dict[str, _FileInfo]:
    try:
        known = _KnownFiles.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):  # the first run, or a damaged file
        return {}
    return known.radiographs if known.decoder == _DECODER else {}


def _read(root: Path, known: dict[str, _FileInfo], path: str) -> _FileInfo | str:
    """Properties of a radiograph file, or why it cannot be read."""
    file = root / path
    try:
        path.encode()
        status = file.stat()
        if (info := known.get(path)) and (info.bytes, info.mtime_ns) == (status.st_size, status.st_mtime_ns):
            return info
        with open_radiograph(file) as radiograph:
            mode, (width, height) = radiograph.mode, radiograph.size
            pixels = grey(radiograph).tobytes()
    except UnicodeEncodeError:
        return "name is not valid UTF-8; rename the file"
    except OSError as error:
        return error.strerror or str(error)
    except UnreadableError as error:
        return str(error)
    digest = hashlib.sha256(f"{width} x {height}\n".encode() + pixels).hexdigest()
    return _FileInfo(bytes=status.st_size, mtime_ns=status.st_mtime_ns, width=width, height=height, mode=mode, sha256=digest)
