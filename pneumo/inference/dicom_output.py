"""Predictions as DICOM: a Secondary Capture with the heatmap and a Structured Report, in the study of the radiograph.

The one output of the package that carries the identity of a patient: it is copied from the radiograph's file, so that an archive
files the objects with the radiograph.
"""

import io
import textwrap
import uuid
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from highdicom import UID
from highdicom.sc import SCImage
from highdicom.sr import CodedConcept, ComprehensiveSR
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset
from pydicom.sr.codedict import codes

from pneumo import __version__
from pneumo.config import ExplanationMethod
from pneumo.figures.heatmap import overlay, scale_to_maximum
from pneumo.files import printable, write_atomically, writing
from pneumo.inference.dicom_origin import UTF_8, Origin, read_origin
from pneumo.inference.dicom_report import measurement_report
from pneumo.inference.heatmaps import Explained, Heatmaps, in_words
from pneumo.inference.predictor import Prediction, Predictor
from pneumo.inference.prepare import Prepared
from pneumo.inference.sources import RadiographSource
from pneumo.inference.specification import TRAINED_ON_PHANTOMS, Specification
from pneumo.radiographs.errors import warnings_of_decoders
from pneumo.results.formatting import counted, listed

SETTING = "--dicom-out"
RESEARCH_USE = "Research use only, not a medical device"
PICTURE_HEIGHT_PX = 1024
_NAMESPACE = uuid.UUID("1c7d4a52-6f0b-5d3e-9a41-6b5f2e9c8d07")
Kind = Literal["sc", "sr"]
_SERIES_NUMBERS: dict[Kind, int] = {"sc": 9001, "sr": 9002}
_SERIES_DESCRIPTIONS: dict[Kind, str] = {"sc": "Pneumonia heatmap, research use only", "sr": "Pneumonia report, research use only"}
_SMALLEST_FONT_PX, _FONTS_PER_WIDTH = 12, 45


class DicomWriter:
    """Writes the predictions of DICOM radiographs as DICOM objects: a report, and a picture unless the radiograph is refused.

    Their UIDs are made of those of the radiograph and of the model's hash: a rerun replaces them, here and in an archive.
    """

    NOTE = "the DICOM files carry the identity of the patients over from the radiographs' files, unlike all other output"

    def __init__(self, folder: Path, predictor: Predictor, heatmaps: Heatmaps, method: ExplanationMethod) -> None:
        self._folder, self._model = folder, predictor.specification
        self._heatmaps, self._method = heatmaps, method
        self.written = 0
        """Radiographs with output."""
        self.skipped = 0
        """Radiographs without output: of another format, or without what a reference to them needs."""

    def summary(self, predicted: int) -> str:
        """Say in one line for how many of all predicted radiographs there are files, and why not for the others."""
        written = f"DICOM files of {counted(self.written, 'radiograph')} in {printable(self._folder)}"
        refused = predicted - self.written - self.skipped
        reasons = {
            "that are not DICOM, or lack valid UIDs of study, series and image": self.skipped,
            "that cannot be used": refused,
        }
        without = listed([f"{count} {reason}" for reason, count in reasons.items() if count] or ["any"])
        if not self.written:
            return f"No DICOM files: none for {without}"
        return f"{written}; none for {without}" if self.written < predicted else written

    def write(self, source: RadiographSource, prepared: Prepared, prediction: Prediction) -> None:
        """Write the objects of one radiograph that the network saw.

        Raises:
            UserError: a file cannot be written.
        """
        content = source.read()
        origin = read_origin(content)
        if origin is None:
            self.skipped += 1
            return
        self._save(structured_report(origin, prediction, self._model), origin, prediction, "sr")
        if prediction.decision != "refused":
            explained = self._heatmaps.explain(content, prepared, prediction, [self._method], height_px=PICTURE_HEIGHT_PX)
            picture = secondary_capture(origin, prediction, self._model, explained, self._method)
            self._save(picture, origin, prediction, "sc")
        self.written += 1

    def _save(self, written: Dataset, origin: Origin, prediction: Prediction, kind: Kind) -> None:
        # pydicom warns of values that it doubts, and quotes them: they identify patients.
        with warnings_of_decoders(), io.BytesIO() as stream:
            origin.identify(written)
            written.save_as(stream, enforce_file_format=True)
            content = stream.getvalue()
        file = self._folder / f"dicom-{prediction.sha256[:12]}-v{self._model.version}-{kind}.dcm"
        with writing(file, SETTING):
            write_atomically(file, content, private=True)


def structured_report(origin: Origin, prediction: Prediction, model: Specification) -> ComprehensiveSR:
    """What the model says of the radiograph (PS3.3, A.35.3), preliminary and not verified, without the patient."""
    content = measurement_report(
        origin,
        prediction,
        model,
        observer=_uid(model, "observer", ""),
        observation=_uid(model, "observation", origin.image.SOPInstanceUID),
        notes=_notes(model),
    )
    return ComprehensiveSR([origin.image], content, is_complete=True, **_attributes(origin, model, "sr"))


def secondary_capture(
    origin: Origin, prediction: Prediction, model: Specification, explained: Explained, method: ExplanationMethod
) -> SCImage:
    """The radiograph with the heatmap over it, and below it what the model says (PS3.3, A.8.1), without the patient."""
    blended = overlay(explained.radiograph, scale_to_maximum(explained.maps[method]))
    pixels = _captioned(blended, [f"{in_words(prediction)}. {model.name}.", *_notes(model)])
    image = SCImage(
        pixels,
        "RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        study_instance_uid=origin.image.StudyInstanceUID,
        # Replaced below by the radiograph's, which may not be known.
        patient_orientation=("L", "F"),
        **_attributes(origin, model, "sc"),
    )
    image.PatientOrientation = origin.orientation
    image.ConversionType = "WSD"
    image.BodyPartExamined = "CHEST"
    image.DerivationDescription = (
        f"Reduced to {explained.radiograph.shape[0]} rows of 8-bit grey, heatmap of {method} for {explained.label} over it, "
        f"and text below it, by {model.name} (SHA-256 {model.model_sha256}). {RESEARCH_USE}."
    )
    image.SourceImageSequence = [_reference(origin, codes.DCM.SourceImageForImageProcessingOperation)]
    # PS3.3, C.12.2.
    series = Dataset()
    series.SeriesInstanceUID = origin.image.SeriesInstanceUID
    series.ReferencedInstanceSequence = [_reference(origin)]
    image.ReferencedSeriesSequence = [series]
    image.update(origin.pixels)
    return image


def _attributes(origin: Origin, model: Specification, kind: Kind) -> dict[str, Any]:
    """What both objects say of their series, of themselves and of the software, as arguments of highdicom."""
    return {
        "series_instance_uid": _uid(model, kind, origin.image.SeriesInstanceUID),
        "series_number": _SERIES_NUMBERS[kind],
        "series_description": _SERIES_DESCRIPTIONS[kind],
        "sop_instance_uid": _uid(model, kind, origin.image.SOPInstanceUID),
        "instance_number": origin.instance_number,
        "manufacturer": "pneumo",
        "manufacturer_model_name": model.name,
        "software_versions": f"pneumo {__version__}",
        "device_serial_number": model.model_sha256,
        "content_qualification": "RESEARCH",
        "specific_character_set": UTF_8,
    }


def _uid(model: Specification, kind: str, of: str) -> UID:
    """A UID of the same model, kind of object and UID (PS3.5, B.2)."""
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, f'{model.model_sha256} {kind} {of}').int}")


def _reference(origin: Origin, purpose: Any = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = origin.image.SOPClassUID
    item.ReferencedSOPInstanceUID = origin.image.SOPInstanceUID
    if purpose is not None:
        item.PurposeOfReferenceCodeSequence = [CodedConcept.from_code(purpose)]
    return item


def _notes(model: Specification) -> list[str]:
    return [f"{RESEARCH_USE}.", *([f"Note: {TRAINED_ON_PHANTOMS}."] if model.synthetic else [])]


def _captioned(picture: Image.Image, sentences: list[str]) -> npt.NDArray[np.uint8]:
    """A picture with text below it, so that none of it is covered, (H, W, 3)."""
    size = max(_SMALLEST_FONT_PX, picture.width // _FONTS_PER_WIDTH)
    font = ImageFont.load_default(size)
    columns = max(1, int((picture.width - size) / font.getlength("0")))
    text = "\n".join(line for sentence in sentences for line in textwrap.wrap(sentence, columns))
    bottom = int(ImageDraw.Draw(picture).multiline_textbbox((size // 2, size // 2), text, font)[3]) + size
    captioned = Image.new("RGB", (picture.width, picture.height + bottom))
    captioned.paste(picture)
    ImageDraw.Draw(captioned).multiline_text((size // 2, picture.height + size // 2), text, "white", font)
    return np.asarray(captioned)
