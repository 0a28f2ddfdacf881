"""The few elements that are read from DICOM headers, and what they decide."""

import pytest
from pydicom import Dataset
from pydicom.sr._snomed_dict import mapping
from pydicom.sr.codedict import Code, Collection, codes

from pneumo.config import Dicom
from pneumo.radiographs.dicom_header import age_in_years, read_header, unsuitable
from tests.dicom_files import chest_like, dataset

DEFAULT = Dicom()
SNOMED_RT = mapping["SCT"]


def concepts(group: Collection) -> list[Code]:
    """All codes of a context group, as pydicom ships them."""
    return [code for name in group.dir() if isinstance(code := getattr(group, name), Code)]


def header(**elements: object) -> Dataset:
    return dataset(chest_like(16, 16), **elements)


@pytest.mark.parametrize(
    ("text", "years"),
    [("034Y", 34), ("006M", 0.5), ("026W", 0.498), ("003D", 0.0082), ("34Y", 34), ("", None), ("Y034", None), ("0344Y", None)],
)
def test_ages_are_in_years_or_absent(text: str, years: float | None) -> None:
    assert age_in_years(text) == (None if years is None else pytest.approx(years, abs=0.001))


def test_the_age_is_never_computed_from_the_birth_date() -> None:
    assert read_header(header(PatientBirthDate="19800101", StudyDate="20200101")).age_years is None


@pytest.mark.parametrize("position", ["LL", "RL", "LATERAL"])
def test_lateral_views_are_unsuitable_unless_accepted(position: str) -> None:
    lateral = read_header(header(ViewPosition=position))
    assert unsuitable(lateral, DEFAULT) == f"lateral view ({position})"
    assert unsuitable(lateral, Dicom(lateral=True)) is None


@pytest.mark.parametrize("position", ["PA", "AP", "LLD", "RLD", "RLO", ""])
def test_frontal_decubitus_oblique_and_unknown_views_are_suitable(position: str) -> None:
    assert unsuitable(read_header(header(ViewPosition=position)), DEFAULT) is None


def view_code(value: str, meaning: str = "") -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodeMeaning = value, meaning
    return code


@pytest.mark.parametrize("code", concepts(codes.cid4010), ids=lambda code: code.meaning)
def test_of_all_view_codes_of_the_standard_only_the_lateral_ones_are_lateral(code: Code) -> None:
    lateral = code.meaning in {"lateral", "left lateral", "right lateral"}
    for value in (code.value, SNOMED_RT[code.value]):
        assert read_header(header(ViewCodeSequence=[view_code(value)])).lateral == lateral
        assert read_header(header(ViewCodeSequence=[view_code(value, code.meaning)])).lateral == lateral
        assert not read_header(header(ViewCodeSequence=[view_code(value, code.meaning)], ViewPosition="PA")).lateral


def test_another_code_that_means_lateral_is_lateral() -> None:
    assert read_header(header(ViewCodeSequence=[view_code("LAT", "Chest Lateral")])).lateral


def test_other_modalities_than_the_settings_are_unsuitable() -> None:
    assert "modality CT" in str(unsuitable(read_header(header(Modality="CT")), DEFAULT))
    assert unsuitable(read_header(header(Modality="CT")), Dicom(modalities=("CT",))) is None
    assert unsuitable(read_header(header(Modality=None)), DEFAULT) == "no modality"
    for modality in ("CR", "DX", "DR", "RG", "RF", "XA", "SC", "OT"):
        assert unsuitable(read_header(header(Modality=modality)), DEFAULT) is None


def test_what_identifies_is_listed_and_never_shown() -> None:
    other = Dataset()
    other.PatientID, other.ReferencedSOPInstanceUID = "Hidden-7", "1.2.3.4"
    read = read_header(
        header(
            PatientName="Okonkwo^Jo Mary",
            PatientID="MRN 42",
            PatientBirthDate="19800101",
            AccessionNumber="ACC9",
            StudyDate="20200102",
            ReferringPhysicianName="Dr^Zhivago",
            InstitutionName="St. Elsewhere",
            OtherPatientIDsSequence=[other],
        )
    )
    expected = {"Okonkwo", "Mary", "MRN 42", "19800101", "ACC9", "20200102", "Zhivago", "St. Elsewhere", "Hidden-7", "1.2.3.4"}
    assert expected <= read.identifying
    assert "Jo" not in read.identifying
    assert not any(text.startswith("1.2.840.10008.") for text in read.identifying)
    assert read.patient_id == "MRN 42"
    for text in expected:
        assert text not in repr(read)


def test_strange_or_damaged_elements_count_as_absent() -> None:
    strange = header(PatientSex="X")
    strange["PatientSex"].value = "unknown"
    read = read_header(strange)
    assert (read.sex, read.age_years, read.view, read.manufacturer, read.patient_id) == ("", None, "", "", "")


@pytest.mark.parametrize(("text", "years"), [("7", 7), ("058Y", 58), ("18M", 1.5), ("026W", 0.498), ("365D", 1.0), ("6.5", 6.5)])
def test_ages_are_read_as_dicom_and_spreadsheets_write_them(text: str, years: float) -> None:
    assert age_in_years(text) == pytest.approx(years, abs=0.01)


@pytest.mark.parametrize("text", ["", "414", "999Y", "-3", "old", "58 Y", "nan"])
def test_what_is_no_age_is_unknown(text: str) -> None:
    assert age_in_years(text) is None


@pytest.mark.parametrize("keyword", ["Manufacturer", "ViewPosition"])
def test_a_field_that_holds_something_identifying_counts_as_absent(keyword: str) -> None:
    read = read_header(header(PatientName="Doe^Jane", PatientID="4711", **{keyword: "DOE, JANE 4711"}))
    assert (read.manufacturer, read.view)[keyword == "ViewPosition"] == ""


def test_a_modality_that_is_no_defined_term_is_not_quoted() -> None:
    assert "DOE4711" not in str(unsuitable(read_header(header(Modality="DOE4711")), DEFAULT))
