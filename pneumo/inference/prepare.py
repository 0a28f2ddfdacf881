"""Preparation of one radiograph for a model, without the network: reading, refusal by header and by plain checks, decoding."""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pneumo.cohort.pseudonyms import is_identifying, keyed_hash
from pneumo.config import Dicom, Resize
from pneumo.radiographs.decode import decode_opened
from pneumo.radiographs.dicom_header import unsuitable
from pneumo.radiographs.image_checks import unusable
from pneumo.radiographs.radiograph import UnreadableError, open_content

_DIGITS = 12


class Preparation(NamedTuple):
    """How radiographs are prepared: a model's image size, and what is accepted."""

    image_size_px: int
    resize: Resize
    dicom: Dicom
    key: bytes | None
    """Secret key of pseudonyms; None: patients are not told."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A radiograph as a model takes it, or why it is refused before the model sees it."""

    name: str
    """As outputs show it: its path, or for a DICOM file whose path identifies the patient a name made of its hash."""
    sha256: str
    """Of the file's content; "" where it could not be read."""
    patient: str
    """Keyed hash of the DICOM patient ID, or ""."""
    pixels: npt.NDArray[np.uint8] | None
    """(S, S); None where it is refused."""
    refusal: str = ""


def prepare(content: bytes, name: str, preparation: Preparation) -> Prepared:
    """Prepare a radiograph whose file has this content and name; what cannot be used is refused with a reason, never raised."""
    sha256, patient = hashlib.sha256(content).hexdigest(), ""
    try:
        radiograph = open_content(content)
        if header := radiograph.header:
            if is_identifying(name, header.identifying):
                name = f"dicom-{sha256[:_DIGITS]}"
            if preparation.key is not None and header.patient_id:
                patient = keyed_hash(header.patient_id, preparation.key)
            if reason := unsuitable(header, preparation.dicom):
                return Prepared(name, sha256, patient, None, reason)
        pixels = decode_opened(radiograph, preparation.image_size_px, preparation.resize)
        if reason := unusable(radiograph, pixels):
            return Prepared(name, sha256, patient, None, reason)
    except UnreadableError as error:
        return Prepared(name, sha256, patient, None, str(error))
    return Prepared(name, sha256, patient, pixels)
