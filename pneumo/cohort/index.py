"""Which radiographs there are: a folder, a Kaggle zip or the phantom becomes one table, one row a radiograph."""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import PIL
from pydantic import BaseModel, ValidationError

from pneumo import config
from pneumo.cohort import archive, problems
from pneumo.cohort.layout import Layout, arrange, files_below, printable, subtype_and_patient
from pneumo.errors import UserError
from pneumo.files import folder_name, write_atomically, writing
from pneumo.parallel import in_parallel
from pneumo.phantom import cohort as phantom
from pneumo.radiographs.raster import UnreadableError, grey, open_radiograph

COLUMNS = ("path", "split", "label", "subtype", "patient", "width", "height", "mode", "bytes", "sha256")
# Another Pillow may decode a JPEG to other pixels.
_DECODER = f"1, Pillow {PIL.__version__}"


@dataclass(frozen=True, eq=False)
class Cohort:
    """The radiographs that a run may use."""

    root: Path
    """Folder that the table's paths are relative to."""
    table: pd.DataFrame
    """One row a radiograph, sorted by path: the columns COLUMNS."""
    synthetic: bool
    """Made by `cohort/phantom.py`."""
    foreign: dict[str, int]
    """Entries that are no radiographs of the cohort, counted by kind."""
    left_out: pd.DataFrame
    """Columns path, problem, detail: radiographs left out because the config says so."""

    @property
    def fingerprint(self) -> str:
        """Identify the content: path, split, label, subtype, patient and pixels of every radiograph."""
        rows = self.table[["path", "split", "label", "subtype", "patient", "sha256"]].to_numpy().tolist()
        return hashlib.sha256(repr(rows).encode()).hexdigest()


class _Facts(BaseModel):
    """What opening and decoding a file told, and the size and date of the file it told it about."""

    bytes: int
    mtime_ns: int
    width: int
    height: int
    mode: str
    sha256: str


class _KnownFacts(BaseModel):
    """Facts kept between runs, so that a cohort is decoded for its hashes only once."""

    decoder: str = _DECODER
    radiographs: dict[str, _Facts] = {}


def index(settings: config.Config) -> Cohort:
    """List and check the radiographs of `settings.data`, or of the phantom cohort where none is given.

    Writes only under `settings.cohort.cache_dir`: the unpacked zip, the facts kept for the next run, and `cohort.csv`.

    Raises:
        UserError: the folder or zip is no cohort, or holds problems that `cohort.leave_out` does not name.
    """
    cohort = settings.cohort
    source = phantom.write_cohort(cohort.phantom, cohort.cache_dir) if settings.data is None else settings.data
    root, layout = _locate(source, cohort.cache_dir)
    synthetic = phantom.is_phantom(root)
    cache = cache_folder(root, cohort.cache_dir)
    table, found = _examine(root, layout.radiographs, cache / "facts.json")
    for column in ("patient", "sha256"):
        shared = problems.shared(table, column)
        found = pd.concat([found, shared], ignore_index=True)
        table = table.drop(shared.index[shared["problem"].isin(cohort.leave_out)])
    problems.stop(printable(source), table["path"], found, cohort.leave_out)
    table = table.reset_index(drop=True)
    with writing(cache):
        write_atomically(cache / "cohort.csv", table.to_csv(index=False))
    return Cohort(root, table, synthetic, layout.foreign, found)


def cache_folder(root: Path, directory: Path) -> Path:
    """Where everything derived from the radiographs below `root` is kept."""
    return directory / "cache" / folder_name(root)


def _locate(source: Path, directory: Path) -> tuple[Path, Layout]:
    """Find the folder that holds the splits, and what lies in it."""
    name = printable(source)
    if source.is_file():
        return archive.unpack(source, directory)
    if not source.is_dir():
        raise UserError(f"{name}: no such folder or zip; give the cohort's path with --data or PNEUMO_DATA")
    if directory.resolve().is_relative_to(source.resolve()):
        raise UserError(
            f"{name}: contains cohort.cache_dir ({directory}), and nothing may be written there; choose another directory"
        )
    try:
        layout = arrange(files_below(source), name)
    except OSError as error:
        raise UserError(f"{printable(error.filename)}: {error.strerror}; make the folder readable") from error
    return source / layout.nesting, layout


def _examine(root: Path, radiographs: list[str], facts_file: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tabulate readable radiographs, and what is wrong with the others."""
    with writing(facts_file):
        facts_file.parent.mkdir(parents=True, exist_ok=True)
        known = _recall(facts_file)
    told = list(in_parallel(partial(_facts, root, known), radiographs, "Checking radiographs"))
    facts = {radiograph: fact for radiograph, fact in zip(radiographs, told, strict=True) if isinstance(fact, _Facts)}
    if facts != known:
        with writing(facts_file):
            write_atomically(facts_file, _KnownFacts(radiographs=facts).model_dump_json())
    rows = []
    for radiograph, fact in facts.items():
        split, label, _ = radiograph.split("/")
        subtype, patient = subtype_and_patient(radiograph)
        rows.append((radiograph, split, label, subtype, patient, fact.width, fact.height, fact.mode, fact.bytes, fact.sha256))
    unreadable = []
    for radiograph, reason in zip(radiographs, told, strict=True):
        if isinstance(reason, str):
            unreadable.append(
                (radiograph.encode(errors="backslashreplace").decode(), "unreadable", reason)
            )  # the name may be the reason
    return pd.DataFrame(rows, columns=COLUMNS), pd.DataFrame(unreadable, columns=["path", "problem", "detail"], dtype=str)


def _recall(facts_file: Path) -> dict[str, _Facts]:
    try:
        known = _KnownFacts.model_validate_json(facts_file.read_bytes())
    except (FileNotFoundError, ValidationError):  # the first run, or damaged: look again
        return {}
    return known.radiographs if known.decoder == _DECODER else {}


def _facts(root: Path, known: dict[str, _Facts], radiograph: str) -> _Facts | str:
    """Return what there is to know about a file, or why it cannot be read."""
    file = root / radiograph
    try:
        radiograph.encode()
        status = file.stat()
        if (fact := known.get(radiograph)) and (fact.bytes, fact.mtime_ns) == (status.st_size, status.st_mtime_ns):
            return fact
        with open_radiograph(file) as image:
            mode, (width, height) = image.mode, image.size
            pixels = grey(image).tobytes()
    except UnicodeEncodeError:
        return "name is not valid UTF-8; rename the file"
    except OSError as error:
        return error.strerror or str(error)
    except UnreadableError as error:
        return str(error)
    digest = hashlib.sha256(f"{width} x {height}\n".encode() + pixels).hexdigest()
    return _Facts(bytes=status.st_size, mtime_ns=status.st_mtime_ns, width=width, height=height, mode=mode, sha256=digest)
