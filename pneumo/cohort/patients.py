"""Which radiographs are of one patient: by a manifest, a pattern or file names, and by DICOM headers."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from pneumo import config
from pneumo.cohort.names import SCHEMES, one_per_file
from pneumo.cohort.pseudonyms import keyed_hash, load_key, pseudonyms
from pneumo.cohort.similar_names import refuse_similar_names
from pneumo.cohort.vocabulary import Labels

HEADERS = "the patient ID of the DICOM headers"


@dataclass(frozen=True, eq=False)
class Identified:
    """Patients of all radiographs of a cohort."""

    patient: pd.Series
    """With the index of the table; complete."""
    sources: Mapping[str, int]
    """Number of radiographs by the source of their patient; "" where there is none, and each radiograph counts as a patient."""


def identify(table: pd.DataFrame, sources: Mapping[str, int], settings: config.Cohort, source: str) -> Identified:
    """Complete the patients of examined radiographs: columns path, file, patient, dicom and header_patient.

    Patients from a manifest, a pattern or file names are used, unless the headers show that two of them are one: then headers take
    their place. Patients of DICOM files are shown by keyed hashes, except those of published file names.

    Args:
        sources: number of radiographs by the source of their patient, before headers are considered.
        source: folder, archive or manifest, for messages.

    Raises:
        UserError: names of no known scheme look as if several radiographs were of one patient.
    """
    patient, header = table["patient"].copy(), _informative(table["header_patient"])
    named, in_header = patient != "", header != ""
    both = named & in_header
    contradicted = bool((patient[both].groupby(header[both]).nunique() > 1).any())
    from_header = in_header if contradicted else in_header & ~named
    unknown = ~named & ~from_header
    refuse_similar_names(table.loc[unknown, "file"], table.loc[unknown, "path"], Labels(settings.labels), source)
    patient[unknown] = one_per_file(table.loc[unknown, "path"])
    hashes = header.where(from_header, "")
    hashed = (
        table["dicom"] & named & ~from_header & ((table["path"] != table["file"]) | (not SCHEMES.issuperset(filter(None, sources))))
    )
    if hashed.any():
        key = load_key(settings.cache_dir)
        hashes[hashed] = patient[hashed].map(lambda patient_id: keyed_hash(patient_id, key))
    pseudonymous = hashes != ""
    patient[pseudonymous] = pseudonyms(hashes[pseudonymous])
    names = ", ".join(filter(None, sources))
    counts = {name: count for name, count in sources.items() if name and not contradicted}
    if contradicted:
        counts = {names: int((named & ~from_header).sum())}
    headers = f"{HEADERS}, which contradict {names}" if contradicted else HEADERS
    return Identified(patient, counts | {headers: int(from_header.sum()), "": int(unknown.sum())})


def _informative(header: pd.Series) -> pd.Series:
    """Keyed hashes of patient IDs; all "" where every file has the same ID, as some de-identification tools write it."""
    present = header[header != ""]
    return header.mask(header != "", "") if len(present) > 1 and present.nunique() == 1 else header
