import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.sr.codedict import codes

from pneumo.errors import UserError
from pneumo.inference.dicom_output import DicomWriter
from pneumo.inference.heatmaps import Explained
from pneumo.inference.output import to_row
from pneumo.inference.predictor import Prediction
from pneumo.inference.prepare import Prepared
from pneumo.inference.sources import of_file
from pneumo.stages.predict import _dicom_writer
from tests import dicom_files
from tests.inference.predictors import SIZE_PX, tiny_predictor

STUDY, SERIES, INSTANCE = (f"{dicom_files.UID_ROOT}{number}" for number in (71, 72, 73))
PATIENT = {
    "PatientName": "Müller^Änne",
    "PatientID": "HOSPITAL-4711",
    "PatientBirthDate": "19500203",
    "PatientSex": "F",
    "PatientAge": "075Y",
}
STUDY_ELEMENTS = {
    "StudyInstanceUID": STUDY,
    "StudyID": "S-99",
    "StudyDate": "20250102",
    "StudyTime": "101500",
    "AccessionNumber": "ACC-123",
    "StudyDescription": "Thorax p.a.",
    "ReferringPhysicianName": "Überweiser^Otto",
}
ELEMENTS = {
    "SpecificCharacterSet": "ISO_IR 100",
    "SeriesInstanceUID": SERIES,
    "SOPInstanceUID": INSTANCE,
    "InstanceNumber": 4,
    "PatientOrientation": ["L", "F"],
    "LossyImageCompression": "01",
    **PATIENT,
    **STUDY_ELEMENTS,
}
PROBABILITY = 0.8765432109876543


class FakeHeatmaps:
    """A map that rises from left to right, of a radiograph of even grey."""

    def explain(self, content: bytes, prepared: Any, prediction: Any, methods: list[Any], *, height_px: int) -> Explained:
        shape = (height_px // 4, height_px // 4)
        values = np.broadcast_to(np.linspace(0, 1, shape[1], dtype=np.float32), shape)
        return Explained(np.full(shape, 100, np.uint8), "PNEUMONIA", dict.fromkeys(methods, values))


def written(
    folder: Path, source: Path, decision: str = "PNEUMONIA", reason: str = "", **changes: Any
) -> tuple[DicomWriter, dict[str, Dataset]]:
    """Write what a model says of one file, and read the objects back by kind."""
    predictor = tiny_predictor(**changes)
    writer = DicomWriter(folder, predictor, FakeHeatmaps(), "grad-cam")
    prepared = Prepared(str(source), "c" * 64, "", np.zeros((SIZE_PX, SIZE_PX), np.uint8))
    prediction = Prediction(prepared.name, prepared.sha256, "", 0.8, PROBABILITY, 0.55, decision, reason)
    writer.write(of_file(source), prepared, prediction)
    return writer, {file.stem.rpartition("-")[2]: pydicom.dcmread(file) for file in sorted(folder.glob("*"))}


def radiograph(folder: Path, **changes: Any) -> Path:
    """A radiograph with identity; None leaves an element out."""
    elements = {keyword: value for keyword, value in (ELEMENTS | changes).items() if value is not None}
    return dicom_files.write(folder / "radiographs" / "a.dcm", dicom_files.dataset(dicom_files.chest_like(), **elements))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return radiograph(tmp_path)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def content_items(report: Dataset) -> list[Dataset]:
    """All content items of a report, from top to bottom."""
    return [nested for item in report.get("ContentSequence", ()) for nested in (item, *content_items(item))]


def values(report: Dataset, name: Any, keyword: str) -> list[Any]:
    return [item[keyword].value for item in content_items(report) if item.ConceptNameCodeSequence[0].CodeValue == name.value]


def number(report: Dataset, name: Any) -> float:
    (measured,) = values(report, name, "MeasuredValueSequence")
    assert measured[0].MeasurementUnitsCodeSequence[0].CodeValue == "1"
    return float(measured[0].NumericValue)


def test_both_objects_are_of_the_same_patient_and_study(source: Path, out: Path) -> None:
    _, objects = written(out, source)
    assert set(objects) == {"sc", "sr"}
    for kind, read in objects.items():
        for keyword, value in (PATIENT | STUDY_ELEMENTS).items():
            assert str(read[keyword].value) == value, (kind, keyword)
        assert read.SpecificCharacterSet == "ISO_IR 192"
        assert read.ContentQualification == "RESEARCH"
        assert read.ManufacturerModelName == "tiny v3"
        assert read.DeviceSerialNumber == "a" * 64
        assert read.SoftwareVersions.startswith("pneumo ")
        assert read.InstanceNumber == 4
        assert {read.SOPInstanceUID, read.SeriesInstanceUID}.isdisjoint({STUDY, SERIES, INSTANCE})
    assert objects["sc"].SeriesInstanceUID != objects["sr"].SeriesInstanceUID


def test_names_of_files_do_not_identify(source: Path, out: Path) -> None:
    written(out, source)
    assert sorted(file.name for file in out.iterdir()) == ["dicom-cccccccccccc-v3-sc.dcm", "dicom-cccccccccccc-v3-sr.dcm"]
    assert all(file.stat().st_mode & 0o077 == 0 for file in out.iterdir())


def test_both_objects_refer_to_the_radiograph(source: Path, out: Path) -> None:
    _, objects = written(out, source)
    picture, report = objects["sc"], objects["sr"]
    sop_class = pydicom.dcmread(source).SOPClassUID
    (origin,) = picture.SourceImageSequence
    assert (origin.ReferencedSOPClassUID, origin.ReferencedSOPInstanceUID) == (sop_class, INSTANCE)
    assert picture.ReferencedSeriesSequence[0].SeriesInstanceUID == SERIES
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert (study.StudyInstanceUID, series.SeriesInstanceUID) == (STUDY, SERIES)
    assert [reference.ReferencedSOPInstanceUID for reference in series.ReferencedSOPSequence] == [INSTANCE]
    (image,) = values(report, codes.DCM.SourceOfMeasurement, "ReferencedSOPSequence")
    assert (image[0].ReferencedSOPClassUID, image[0].ReferencedSOPInstanceUID) == (sop_class, INSTANCE)


def test_picture_shows_the_heatmap_and_text_below_it(source: Path, out: Path) -> None:
    _, objects = written(out, source)
    picture = objects["sc"]
    pixels: NDArray[np.uint8] = picture.pixel_array
    assert picture.PhotometricInterpretation == "RGB"
    assert pixels.shape[1] == 256
    assert pixels.shape[0] > 256
    assert (pixels[:256, 0] == 100).all()  # no evidence at the left
    assert (pixels[:256, -1] != 100).any()
    assert (pixels[256:] == 255).any()
    assert picture.ImageType[:2] == ["DERIVED", "SECONDARY"]
    assert "grad-cam" in picture.DerivationDescription
    assert "not a medical device" in picture.DerivationDescription
    assert picture.LossyImageCompression == "01"
    assert picture.PatientOrientation == ["L", "F"]
    # Unknown of the radiograph, so also of the picture.
    assert "BurnedInAnnotation" not in picture


def test_picture_of_a_radiograph_with_text_burnt_in_says_so(tmp_path: Path, out: Path) -> None:
    _, objects = written(out, radiograph(tmp_path, BurnedInAnnotation="YES", PatientOrientation=None, LossyImageCompression=None))
    assert objects["sc"].BurnedInAnnotation == "YES"
    assert "LossyImageCompression" not in objects["sc"]
    assert not objects["sc"].PatientOrientation


@pytest.mark.parametrize(
    ("decision", "presence"),
    [("PNEUMONIA", codes.SCT.Present), ("NORMAL", codes.SCT.Absent), ("referred", codes.DCM.PresenceUndetermined)],
)
def test_report_says_what_the_table_says(source: Path, out: Path, decision: str, presence: Any) -> None:
    _, objects = written(out, source, decision, "too uncertain" if decision == "referred" else "")
    report = objects["sr"]
    assert number(report, codes.DCM.Probability) == pytest.approx(PROBABILITY, abs=1e-12)
    assert number(report, codes.DCM.ThresholdValue) == pytest.approx(0.55)
    (finding,) = values(report, codes.DCM.Finding, "ConceptCodeSequence")
    assert (finding[0].CodeValue, finding[0].CodingSchemeDesignator) == ("233604007", "SCT")
    (found,) = values(report, codes.DCM.PresenceOfProperty, "ConceptCodeSequence")
    assert found[0].CodeValue == presence.value
    assert values(report, codes.DCM.AlgorithmName, "TextValue") == ["tiny"]
    assert values(report, codes.DCM.AlgorithmVersion, "TextValue") == ["3"]
    assert any("a" * 64 in text for text in values(report, codes.DCM.AlgorithmParameters, "TextValue"))
    comments = values(report, codes.DCM.Comment, "TextValue")
    assert comments[0] == f"Decision: {decision}{': too uncertain' if decision == 'referred' else ''}."
    assert "not a medical device" in comments[1]
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == ("COMPLETE", "UNVERIFIED", "PRELIMINARY")
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"


def test_refused_radiograph_has_a_reason_and_no_result(source: Path, out: Path) -> None:
    _, objects = written(out, source, "refused", "not frontal")
    assert set(objects) == {"sr"}
    assert values(objects["sr"], codes.DCM.Comment, "TextValue")[0] == "Decision: refused: not frontal."
    assert not values(objects["sr"], codes.DCM.Probability, "MeasuredValueSequence")
    assert not values(objects["sr"], codes.DCM.PresenceOfProperty, "ConceptCodeSequence")


def test_report_of_a_model_of_phantoms_says_so(source: Path, out: Path) -> None:
    _, objects = written(out, source, synthetic=True)
    assert any("phantom" in text for text in values(objects["sr"], codes.DCM.Comment, "TextValue"))


def test_stage_names_the_extra_where_highdicom_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in sys.modules if name.startswith("pneumo.inference.dicom_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(UserError, match=r"pip install 'pneumo\[dicom-out\]'"):
        _dicom_writer(tiny_predictor(), FakeHeatmaps(), "grad-cam", tmp_path)


def test_rerun_replaces_and_another_model_adds(source: Path, out: Path) -> None:
    _, first = written(out, source)
    _, again = written(out, source, "NORMAL")
    _, other = written(out / "other", source, model_sha256="b" * 64)
    for kind in ("sc", "sr"):
        assert again[kind].SOPInstanceUID == first[kind].SOPInstanceUID
        assert again[kind].SeriesInstanceUID == first[kind].SeriesInstanceUID
        assert other[kind].SOPInstanceUID != first[kind].SOPInstanceUID
        assert first[kind].SOPInstanceUID.startswith("2.25.")
        assert first[kind].SOPInstanceUID.is_valid
    assert len(list(out.glob("*.dcm"))) == 2


def test_radiographs_of_one_series_share_a_series(tmp_path: Path, out: Path) -> None:
    _, first = written(out / "first", radiograph(tmp_path))
    _, second = written(out / "second", radiograph(tmp_path, SOPInstanceUID=f"{INSTANCE}.2"))
    assert first["sr"].SeriesInstanceUID == second["sr"].SeriesInstanceUID
    assert first["sr"].SOPInstanceUID != second["sr"].SOPInstanceUID


@pytest.mark.parametrize(
    "changes",
    [
        {"StudyInstanceUID": None},
        {"SeriesInstanceUID": None},
        {"SOPInstanceUID": "4711.007"},
        {"SOPClassUID": "1.2.3.4"},
    ],
)
def test_radiographs_that_cannot_be_referred_to_are_skipped(tmp_path: Path, out: Path, changes: dict[str, Any]) -> None:
    writer, objects = written(out, radiograph(tmp_path, **changes))
    assert (writer.skipped, objects) == (1, {})


def test_other_formats_are_skipped(tmp_path: Path, out: Path) -> None:
    jpeg = tmp_path / "a.jpeg"
    Image.fromarray((dicom_files.chest_like() >> 4).astype(np.uint8)).save(jpeg)
    writer, objects = written(out, jpeg)
    assert (writer.skipped, objects) == (1, {})
    assert writer.summary(1) == "No DICOM files: none for 1 that are not DICOM, or lack valid UIDs of study, series and image"
    assert writer.summary(3).endswith("UIDs of study, series and image and 2 that cannot be used")


def test_the_summary_counts_what_was_written(source: Path, out: Path) -> None:
    writer, _ = written(out, source)
    assert writer.summary(1) == f"DICOM files of 1 radiograph in {out}"
    assert writer.summary(3) == f"DICOM files of 1 radiograph in {out}; none for 2 that cannot be used"


def test_missing_and_damaged_elements_are_empty(tmp_path: Path, out: Path) -> None:
    absent = (*PATIENT, "StudyID", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "InstanceNumber")
    file = radiograph(tmp_path, **dict.fromkeys(absent))
    file.write_bytes(file.read_bytes().replace(b"20250102", b"2O25XX02"))
    _, objects = written(out, file)
    for read in objects.values():
        assert read.StudyInstanceUID == STUDY
        assert [str(read[keyword].value or "") for keyword in ("PatientName", "PatientSex", "StudyDate")] == ["", "", ""]
        assert read.InstanceNumber == 1


def test_names_in_any_script_are_carried_over(tmp_path: Path, out: Path) -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    _, objects = written(out, radiograph(tmp_path, PatientName=name, SpecificCharacterSet="ISO_IR 192"))
    assert {str(read.PatientName) for read in objects.values()} == {name}


@pytest.mark.filterwarnings("error")
def test_doubtful_values_are_not_quoted(
    tmp_path: Path, out: Path, capfd: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        file = radiograph(tmp_path, PatientName="Mononym")
        file.write_bytes(file.read_bytes().replace(b"19500203", b"195OXX03"))
        _, objects = written(out, file)
    captured = capfd.readouterr()
    logged = captured.out + captured.err + caplog.text
    assert "Mononym" not in logged
    assert "195OXX03" not in logged
    assert objects["sr"].PatientName == "Mononym"


def test_nothing_else_carries_identity(tmp_path: Path) -> None:
    file = radiograph(tmp_path / "Müller")
    predictor = tiny_predictor(key=b"k" * 32)
    (prediction,) = predictor.predict([file.rename(file.with_name(f"{INSTANCE}.dcm"))])
    row = json.dumps(to_row(prediction, predictor.specification), ensure_ascii=False)
    identity = {*PATIENT.values(), *STUDY_ELEMENTS.values(), INSTANCE, SERIES, "Müller"} - {"F"}
    assert not [text for text in identity if text in row]


@pytest.mark.slow
@pytest.mark.parametrize("decision", ["PNEUMONIA", "NORMAL", "referred", "refused"])
@pytest.mark.parametrize("complete", [True, False])
def test_validator_finds_no_errors(tmp_path: Path, out: Path, decision: str, complete: bool) -> None:
    """By dciodvfy of Debian's package dicom3tools, which has to be installed."""
    absent = (*PATIENT, "StudyID", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientOrientation")
    written(out, radiograph(tmp_path, **{} if complete else dict.fromkeys(absent)), decision, "a reason", synthetic=not complete)
    files = sorted(out.glob("*.dcm"))
    assert len(files) == (1 if decision == "refused" else 2)
    for file in files:
        result = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False)
        # It names the information object that it recognized.
        assert ("ComprehensiveSR" if file.stem.endswith("sr") else "SCImage") in result.stderr.splitlines()
        assert not [line for line in result.stderr.splitlines() if line.startswith("Error")], result.stderr
        assert result.returncode == 0
