"""Examination of listed radiographs: each file is opened, judged, and decoded once for the hash of its pixels."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from pydantic import BaseModel, ValidationError

from pneumo import config
from pneumo.cohort.listing import Listing
from pneumo.cohort.names import is_published
from pneumo.cohort.pseudonyms import is_identifying, keyed_hash, load_key
from pneumo.cohort.vocabulary import Labels
from pneumo.files import write_atomically, writing
from pneumo.parallel import in_parallel
from pneumo.radiographs.decode import VERSION
from pneumo.radiographs.dicom_header import DicomHeader, unsuitable
from pneumo.radiographs.radiograph import DECODERS, DICOM_SUFFIXES, SUFFIXES, UnreadableError, UnsuitableError, open_radiograph

HIDDEN_NAMES = "hidden-names.csv"
"""File, beside the caches, of the file names that tables and messages do not show: columns path (as shown), file."""
# Another version of a decoder may give other pixels.
_DECODER = f"{VERSION}, {DECODERS}"
_STORE_EVERY_SECONDS = 60.0
FILES = "files.json"
"""File of the properties of radiograph files, in the folder of a cohort's caches."""


@dataclass(frozen=True, eq=False)
class Examined:
    """The readable radiographs of a listing, and the problems of the others."""

    listed: pd.DataFrame
    """The listing's rows with the column `file`; the column path is as tables and messages show it."""
    table: pd.DataFrame
    """Those of the readable radiographs, with properties of file and header: width, height, mode, bytes, sha256, dicom, and
    `header_patient`, the keyed hash of the DICOM patient ID or ""."""
    problems: pd.DataFrame
    """Columns path, problem, detail."""
    hidden_names: Mapping[str, str]
    """Files of the listing by their path in the table, where the file's own name would identify a patient."""


class _FileInfo(BaseModel):
    """Properties of a radiograph file, and the state of the file when they were read."""

    state: tuple[int, int, int, int]
    """Size in bytes, modification and status-change time in nanoseconds, and inode: content can be replaced under the same date."""
    width: int
    height: int
    mode: str
    sha256: str
    header: DicomHeader | None
    """Without what identifies the patient."""
    patient: str
    """Keyed hash of the DICOM patient ID, or ""."""
    identifying_name: bool
    """Whether the path contains something of the header that identifies the patient."""


class _KnownFiles(BaseModel):
    """Properties stored between runs, so that files are decoded for their hash only once."""

    decoder: str
    key: str
    """Hash of nothing by the secret key: hashes of another key must not be mixed with those of this one."""
    radiographs: dict[str, _FileInfo]


@dataclass(frozen=True)
class _Refusal:
    problem: config.Problem
    reason: str
    dicom: bool = False
    identifying_name: bool = False


def examine(listing: Listing, file: Path, settings: config.Cohort) -> Examined:
    """Examine every radiograph of a listing; `file` stores the properties for the next run.

    Raises:
        UserError: the folder of `file` cannot be written.
    """
    with writing(file, "cohort.cache_dir"):
        # Before thousands of radiographs are decoded.
        file.parent.mkdir(parents=True, exist_ok=True)
    key, paths = load_key(settings.cache_dir), listing.table["path"].tolist()
    known = _load_known(file, key)
    store, read = partial(_store, file, key), partial(_read, listing.root, known, settings.dicom, key)
    results, infos = _read_all(paths, read, lambda infos: store({**known, **infos}))
    shown = _shown(paths, results, Labels(settings.labels))
    hidden_names = {name: path for name, path in zip(shown, paths, strict=True) if name != path}
    if infos != known:
        store(infos)
    with writing(file, "cohort.cache_dir"):
        names = pd.DataFrame({"path": hidden_names.keys(), "file": hidden_names.values()})
        write_atomically(file.with_name(HIDDEN_NAMES), names.to_csv(index=False), private=True)
    listed = listing.table.assign(path=shown, file=paths)
    readable = [isinstance(result, _FileInfo) for result in results]
    refusals = [
        (name, result.problem, result.reason) for name, result in zip(shown, results, strict=True) if isinstance(result, _Refusal)
    ]
    return Examined(
        listed,
        _described(listed[readable], list(infos.values())),
        pd.DataFrame(refusals, columns=["path", "problem", "detail"], dtype=str),
        hidden_names,
    )


def _read_all(
    paths: Sequence[str], read: Callable[[str], _FileInfo | _Refusal], store: Callable[[Mapping[str, _FileInfo]], None]
) -> tuple[list[_FileInfo | _Refusal], dict[str, _FileInfo]]:
    """Result of each path, and the readable ones by path; stored every minute, so that the run after a killed one goes on there."""
    results, infos = list[_FileInfo | _Refusal](), dict[str, _FileInfo]()
    stored_at = time.monotonic()
    for path, result in zip(paths, in_parallel(read, paths, "Checking radiographs"), strict=True):
        results.append(result)
        if isinstance(result, _FileInfo):
            infos[path] = result
        if time.monotonic() - stored_at > _STORE_EVERY_SECONDS:
            store(infos)
            stored_at = time.monotonic()
    return results, infos


def _store(file: Path, key: bytes, infos: Mapping[str, _FileInfo]) -> None:
    stored = _KnownFiles(decoder=_DECODER, key=keyed_hash("", key), radiographs=dict(infos))
    with writing(file, "cohort.cache_dir"):
        write_atomically(file, stored.model_dump_json(), private=True)


def _described(table: pd.DataFrame, infos: Sequence[_FileInfo]) -> pd.DataFrame:
    """The rows of a listing with the properties of their files; values of a manifest take precedence over those of headers."""
    described = table.assign(
        **{name: [getattr(info, name) for info in infos] for name in ("width", "height", "mode", "sha256")},
        bytes=[info.state[0] for info in infos],
        dicom=[info.header is not None for info in infos],
        header_patient=[info.patient for info in infos],
    )
    for column in ("sex", "view", "manufacturer"):
        of_header = pd.Series([getattr(info.header, column, "") for info in infos], index=table.index, dtype=str)
        described[column] = described[column].where(described[column] != "", of_header)
    ages = pd.Series([getattr(info.header, "age_years", None) for info in infos], index=table.index, dtype=float)
    return described.assign(age_years=described["age_years"].fillna(ages))


def _load_known(file: Path, key: bytes) -> dict[str, _FileInfo]:
    try:
        known = _KnownFiles.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):  # the first run, or a damaged file
        return {}
    return known.radiographs if (known.decoder, known.key) == (_DECODER, keyed_hash("", key)) else {}


def _read(root: Path, known: Mapping[str, _FileInfo], dicom: config.Dicom, key: bytes, path: str) -> _FileInfo | _Refusal:
    """Properties of a radiograph file, or why it cannot be used."""
    file = root / path
    try:
        path.encode()
        status = file.stat()
        state = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        info = known.get(path)
        if info is None or info.state != state:
            return _decode(file, path, state, dicom, key)
    except UnicodeEncodeError:
        return _Refusal("unreadable", "name is not valid UTF-8; rename the file")
    except OSError as error:
        return _Refusal("unreadable", error.strerror or str(error))
    if info.header and (reason := unsuitable(info.header, dicom)):
        return _Refusal("unsuitable", reason, True, info.identifying_name)
    return info


def _decode(file: Path, path: str, state: tuple[int, int, int, int], dicom: config.Dicom, key: bytes) -> _FileInfo | _Refusal:
    identifying_name = False
    try:
        with open_radiograph(file) as radiograph:
            header = radiograph.header
            identifying_name = header is not None and is_identifying(path, header.identifying)
            # Before its pixels are decoded, which takes most of the time.
            if header and (reason := unsuitable(header, dicom)):
                return _Refusal("unsuitable", reason, True, identifying_name)
            grey = radiograph.grey()
            mode = radiograph.mode
    except UnsuitableError as error:
        return _Refusal("unsuitable", str(error), error.dicom, identifying_name)
    except UnreadableError as error:
        return _Refusal("unreadable", str(error), error.dicom, identifying_name)
    digest = hashlib.sha256(f"{grey.width} x {grey.height}\n".encode())
    digest.update(np.asarray(grey).data)
    return _FileInfo(
        state=state,
        width=grey.width,
        height=grey.height,
        mode=mode,
        sha256=digest.hexdigest(),
        header=header and replace(header, patient_id="", identifying=frozenset()),
        patient=keyed_hash(header.patient_id, key) if header and header.patient_id else "",
        identifying_name=identifying_name,
    )


def _shown(paths: Sequence[str], results: Sequence[_FileInfo | _Refusal], labels: Labels) -> list[str]:
    """The paths as tables and messages show them: DICOM files by their numbers, except under a published name.

    What a hospital calls a file is likely to identify the patient, and need not be written as in the header.
    """
    shown = []
    for number, (path, result) in enumerate(zip(paths, results, strict=True), start=1):
        dicom = result.header is not None if isinstance(result, _FileInfo) else result.dicom
        dicom = dicom or PurePosixPath(path).suffix.lower() in DICOM_SUFFIXES
        hidden = dicom and (result.identifying_name or not is_published(path, labels))
        # What follows the last dot of a UID is no suffix.
        suffix = PurePosixPath(path).suffix if PurePosixPath(path).suffix.lower() in SUFFIXES else ""
        shown.append(f"dicom-{number:06}{suffix}" if hidden else path)
    return shown
