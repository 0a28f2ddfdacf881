"""What is read from a DICOM header besides pixels: as little as is needed, and no identity that is not hashed later."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from pydicom import DataElement, Dataset

from pneumo.config import Dicom
from pneumo.files import printable
from pneumo.radiographs.errors import DAMAGE
from pneumo.radiographs.view import is_lateral

# PS3.16, context group 4010 (DX View): lateral, left lateral and right lateral in SNOMED CT, and in the SNOMED RT of older files.
_LATERAL_CODES = frozenset({"399067008", "399173006", "399198007", "R-102CD", "R-10236", "R-10232"})
# Of images, PS3.3 C.7.3.1.1.1.
_MODALITIES = """
    BI BMD CR CT CFM DG DX DMS EM ES FID GM IO IVOCT IVUS LS MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PT PX REG RF RG
    RTDOSE RTIMAGE RTPLAN RTRECORD RTSTRUCT SC SEG SM SMR SR TG US VF XA XC
"""
_AGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([DWMY]?)")
_UNITS_PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12, "Y": 1, "": 1}
_OLDEST_YEARS = 120
_IDENTIFYING_VR = frozenset({"PN", "UI", "DA", "DT"})
_IDENTIFYING = frozenset(
    {
        "PatientID",
        "OtherPatientIDs",
        "IssuerOfPatientID",
        "PatientAddress",
        "PatientTelephoneNumbers",
        "AccessionNumber",
        "StudyID",
        "AdmissionID",
        "FillerOrderNumberImagingServiceRequest",
        "PlacerOrderNumberImagingServiceRequest",
        "RequestedProcedureID",
        "ScheduledProcedureStepID",
        "PerformedProcedureStepID",
        "InstitutionName",
        "InstitutionAddress",
        "StationName",
        "DeviceSerialNumber",
    }
)
_MIN_IDENTIFYING = 3
_PUBLIC_UID = "1.2.840.10008."
_NAME_PART = re.compile(r"[^\s^=,.;]{3,}")


@dataclass(frozen=True)
class DicomHeader:
    """The part of a DICOM header that is used: text without blanks around it, control characters escaped, "" where absent."""

    modality: str
    """(0008,0060), in capitals."""
    view: str
    """View Position (0018,5101) in capitals, such as PA or LL; else LATERAL where the View Code Sequence (0054,0220) says so."""
    age_years: float | None
    """Patient's Age (0010,1010); never computed from the birth date, which identifies."""
    sex: str
    """Patient's Sex (0010,0040): F, M, O or ""."""
    manufacturer: str
    """(0008,0070)."""
    patient_id: str = field(repr=False)
    """(0010,0020)."""
    identifying: frozenset[str] = field(repr=False)
    """Every text of the header that identifies: parts of names of three letters and more, numbers, dates, UIDs, places."""

    @property
    def lateral(self) -> bool:
        """Whether the header says that it is a lateral view."""
        return is_lateral(self.view)


def unsuitable(header: DicomHeader, settings: Dicom) -> str | None:
    """Why a radiograph with this header is not used, in a few words; None where it is."""
    if not header.modality:
        return "no modality"
    if header.modality not in settings.modalities:
        # What is no defined term may be anything.
        named = header.modality if header.modality in _MODALITIES.split() else "unknown"
        return f"modality {named}, not one of {', '.join(settings.modalities)}"
    if header.lateral and not settings.lateral:
        return f"lateral view ({header.view})"
    return None


def read_header(dataset: Dataset) -> DicomHeader:
    """The header of a dataset; damaged elements count as absent."""
    sex, identifying = _text(dataset, "PatientSex").upper(), frozenset(_identifying(dataset))
    view, manufacturer = _text(dataset, "ViewPosition").upper() or _view_of_code(dataset), _text(dataset, "Manufacturer")
    return DicomHeader(
        modality=_text(dataset, "Modality").upper(),
        view=_unless_identifying(view, identifying),
        age_years=age_in_years(_text(dataset, "PatientAge")),
        sex=sex if sex in {"F", "M", "O"} else "",
        manufacturer=_unless_identifying(manufacturer, identifying),
        patient_id=_text(dataset, "PatientID"),
        identifying=identifying,
    )


def _unless_identifying(text: str, identifying: frozenset[str]) -> str:
    """The text, or "" where it holds something that identifies: people type into any field."""
    folded = text.casefold()
    return "" if any(len(part) >= _MIN_IDENTIFYING and part.casefold() in folded for part in identifying) else text


def age_in_years(text: str) -> float | None:
    """Age in years of DICOM's 034Y, 006M, 010W and 003D (value representation AS), or of a plain number of years.

    None for other text, and for an age of no human being.
    """
    match = _AGE.fullmatch(text.strip().upper())
    years = float(match[1]) / _UNITS_PER_YEAR[match[2]] if match else None
    return years if years is not None and years <= _OLDEST_YEARS else None


def _view_of_code(dataset: Dataset) -> str:
    try:
        code = dataset.ViewCodeSequence[0]
    except DAMAGE:
        return ""
    meaning = _text(code, "CodeMeaning").lower()
    oblique = "oblique" in meaning or "decubitus" in meaning
    return "LATERAL" if _text(code, "CodeValue") in _LATERAL_CODES or ("lateral" in meaning.split() and not oblique) else ""


def _text(dataset: Dataset, keyword: str) -> str:
    """First value of an element as text; "" where it is absent, empty or damaged."""
    try:
        value = dataset.get(keyword)
        if value is not None and not isinstance(value, str | int | float | bytes) and dataset[keyword].VM > 1:
            value = value[0]
    except DAMAGE:
        return ""
    return "" if value is None else printable(str(value).strip(" \0"))


def _identifying(dataset: Dataset) -> Iterator[str]:
    for element in _elements(dataset):
        try:
            if element.VR not in _IDENTIFYING_VR and element.keyword not in _IDENTIFYING:
                continue
            values = [str(value).strip(" \0") for value in (element.value if element.VM > 1 else [element.value])]
        except DAMAGE:
            continue
        for value in values:
            if element.VR == "PN":
                yield from _NAME_PART.findall(value)
            elif value and value != "None" and not value.startswith(_PUBLIC_UID):
                yield value


def _elements(dataset: Dataset) -> Iterator[DataElement]:
    """All elements, those of sequences too; damaged ones are left out."""
    for tag in list(dataset.keys()):
        if tag.group == 0x7FE0:  # noqa: PLR2004 - the group of pixel data
            continue
        try:
            element = dataset[tag]
        except DAMAGE:
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item)
        else:
            yield element
