"""What DICOM output takes over from a radiograph's file: patient, study, a reference to it, and what is known of its pixels."""

import io
import re
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.config import RAISE
from pydicom.datadict import dictionary_VR
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)
from pydicom.valuerep import validate_value

from pneumo.radiographs.dicom_file import HEAD_BYTES, is_dicom, read_dataset
from pneumo.radiographs.errors import UnreadableError, as_unreadable_error, warnings_of_decoders

UTF_8 = "ISO_IR 192"
"""Character set of the output, whatever the file's is."""
_SOP_CLASSES = frozenset(
    {
        ComputedRadiographyImageStorage,
        DigitalXRayImageStorageForPresentation,
        DigitalXRayImageStorageForProcessing,
        SecondaryCaptureImageStorage,
        MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        MultiFrameTrueColorSecondaryCaptureImageStorage,
    }
)
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
# Of the modules Patient and General Study (PS3.3, C.7.1.1 and C.7.2.1): elements that must be there, if only empty, and others.
_REQUIRED = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
_OPTIONAL = ("IssuerOfPatientID", "PatientAge", "StudyDescription")
_DIRECTIONS = re.compile(r"[LRAPHF]{1,3}\\[LRAPHF]{1,3}")
_SEXES = frozenset({"F", "M", "O"})
# PS3.3, C.7.6.1: what was compressed with loss once stays so, and so does text that was burnt in.
_OF_PIXELS = {"BurnedInAnnotation": ("YES", "NO"), "LossyImageCompression": ("00", "01")}


@dataclass(frozen=True, eq=False)
class Origin:
    """A DICOM radiograph, as the objects that are made of it refer to it."""

    image: Dataset
    """Its UIDs, and patient and study without values: libraries that quote what they doubt never see these."""
    instance_number: int
    orientation: list[str]
    """Directions of rows and columns, such as L and F; empty where they are not known."""
    pixels: Dataset
    """Elements that say whether it was compressed with loss, and whether text is burnt in."""
    _identity: dict[str, str] = field(repr=False)

    def identify(self, written: Dataset) -> None:
        """Write the patient and the study into an object."""
        for keyword, value in self._identity.items():
            setattr(written, keyword, value)


def read_origin(content: bytes) -> Origin | None:
    """Read the header of a radiograph; None where it is of another format, or lacks a valid UID, or is of another SOP class."""
    if not is_dicom(content[:HEAD_BYTES]):
        return None
    try:
        with as_unreadable_error(dicom=True), warnings_of_decoders():
            dataset = read_dataset(io.BytesIO(content))
            uids = {keyword: UID(_text(dataset, keyword)) for keyword in _UIDS}
            if uids["SOPClassUID"] not in _SOP_CLASSES or not all(uid.is_valid for uid in uids.values()):
                return None
            return _origin(dataset, uids)
    except UnreadableError:
        return None


def _origin(dataset: Dataset, uids: dict[str, UID]) -> Origin:
    image, pixels = Dataset(), Dataset()
    for keyword in _REQUIRED:
        setattr(image, keyword, None)
    for keyword, uid in uids.items():
        setattr(image, keyword, uid)
    for keyword, known in _OF_PIXELS.items():
        if (value := _text(dataset, keyword)) in known:
            setattr(pixels, keyword, value)
    identity = {keyword: _text(dataset, keyword) for keyword in _REQUIRED + _OPTIONAL}
    if identity["PatientSex"] not in _SEXES:
        identity["PatientSex"] = ""
    number = _text(dataset, "InstanceNumber")
    orientation = [str(direction) for direction in dataset.get("PatientOrientation") or ()]
    return Origin(
        image=image,
        instance_number=max(1, int(number)) if number else 1,
        orientation=orientation if _DIRECTIONS.fullmatch("\\".join(orientation)) else [],
        pixels=pixels,
        _identity={keyword: value for keyword, value in identity.items() if value or keyword in _REQUIRED},
    )


def _text(dataset: Dataset, keyword: str) -> str:
    """One value of an element as text; "" where it is absent, repeated or not valid."""
    value = dataset.get(keyword)
    if value is None or dataset[keyword].VM > 1:
        return ""
    text = str(value).strip(" \0")
    try:
        validate_value(dictionary_VR(keyword), text, RAISE)
    except ValueError:
        return ""
    return text
