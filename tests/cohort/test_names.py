import pandas as pd
import pytest

from pneumo.cohort.names import (
    BY_FILE,
    KAGGLE,
    UNKNOWN,
    describe_patients,
    from_names,
    from_pattern,
    one_per_file,
)
from pneumo.errors import UserError
from tests.path_names import subtype_and_patient


@pytest.mark.parametrize(
    ("path", "subtype", "patient"),
    [
        ("train/PNEUMONIA/person12_bacteria_34.jpeg", "bacterial", "bacteria-12"),
        ("train/PNEUMONIA/person12_virus_34.JPEG", "viral", "virus-12"),
        ("train/PNEUMONIA/person447_virus_921_1.jpeg", "viral", "virus-447"),
        ("train/PNEUMONIA/PERSON12_BACTERIA_34.jpeg", "bacterial", "bacteria-12"),
        ("train/PNEUMONIA/person_12_bacteria_3.jpeg", "bacterial", "bacteria-12"),
        ("train/PNEUMONIA/224_person12-virus-34.jpeg", "viral", "virus-12"),
        ("train/PNEUMONIA/person12bacteria34.jpeg", "bacterial", "bacteria-12"),
        ("train/NORMAL/IM-0115-0001-0002.Png", "normal", "IM-0115"),
        ("train/NORMAL/NORMAL2-IM-0115-0001-0002.jpeg", "normal", "NORMAL2-IM-0115"),
        ("train/NORMAL/normal2_im_0115_0001.jpeg", "normal", "NORMAL2-IM-0115"),
        ("train/NORMAL/IM_0115_0001.jpeg", "normal", "IM-0115"),
        ("train/NORMAL/IM01150001.jpeg", "normal", "IM-0115"),
        ("train/NORMAL/224_IM-0115-0001.jpeg", "normal", "IM-0115"),
        ("train/NORMAL/NORMAL-1234-0001.jpeg", "normal", "NORMAL-1234"),
        ("train/PNEUMONIA/BACTERIA-1234-0001.jpeg", "bacterial", "BACTERIA-1234"),
        ("train/PNEUMONIA/virus_1234_0001.jpeg", "viral", "VIRUS-1234"),
        ("train/PNEUMONIA/00000150_002.png", "unknown", "00000150"),
        ("train/PNEUMONIA/patient00001/study1/view1_frontal.jpg", "unknown", "patient00001"),
        ("train/PNEUMONIA/CXR10_1_IM-0002-1001.png", "unknown", "CXR10"),
        ("train/PNEUMONIA/100_IM-0002-1001.dcm.png", "unknown", "CXR100"),
        ("train/PNEUMONIA/sub-S03044_ses-E06193_dx.png", "unknown", "sub-S03044"),
        ("train/PNEUMONIA/p10/p10000032/s50414267/1.jpg", "unknown", "p10000032"),
        ("train/PNEUMONIA/CHNCXR_0331_1.png", "unknown", "CHNCXR_0331"),
        ("train/PNEUMONIA/scan7.TIFF", "unknown", "train/PNEUMONIA/scan7"),
        ("train/PNEUMONIA/20230101_001.png", "unknown", "train/PNEUMONIA/20230101_001"),
        ("train/NORMAL/Normal-12.png", "normal", "train/NORMAL/Normal-12"),
    ],
)
def test_subtype_and_patient_are_read_from_the_name(path: str, subtype: str, patient: str) -> None:
    assert subtype_and_patient(path) == (subtype, patient)


SCHEMES = {
    "Kaggle": ("IM-{p:04d}-{k:04d}.jpeg", "person{p}_bacteria_{k}.jpeg"),
    "Mendeley": ("NORMAL-{p}-{k:04d}.jpeg", "BACTERIA-{p}-{k:04d}.jpeg"),
    "lower case": ("im-{p:04d}-{k:04d}.jpeg", "person{p}_virus_{k}.jpeg"),
    "upper case": ("IM-{p:04d}-{k:04d}.JPEG", "PERSON{p}_BACTERIA_{k}.JPEG"),
    "underscores": ("IM_{p:04d}_{k:04d}.jpeg", "person_{p}_bacteria_{k}.jpeg"),
    "a prefix": ("224_IM-{p:04d}-{k:04d}.jpeg", "224_person{p}_bacteria_{k}.jpeg"),
    "NIH": ("{p:08d}_{k:03d}.png", "{p:08d}_{k:03d}.png"),
    "CheXpert": ("patient{p:05d}/study{k}/view1_frontal.jpg", "patient{p:05d}/study{k}/view1_frontal.jpg"),
    "MIMIC": ("p10/p{p:08d}/s{k}/a.jpg", "p10/p{p:08d}/s{k}/a.jpg"),
    "words": ("patient_{p}_{k}.png", "subject{p}-{k}.png"),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_number_of_patients_is_right_in_every_known_scheme(scheme: str) -> None:
    rows = [
        (f"train/{label}/{template.format(p=patient, k=radiograph)}", patient)
        for label, template, first in zip(("NORMAL", "PNEUMONIA"), SCHEMES[scheme], (1, 101), strict=True)
        for patient in range(first, first + 40)
        for radiograph in (1, 2, 3)
    ]
    paths, truth = (pd.Series(values) for values in zip(*rows, strict=True))
    patients = from_names(paths)["patient"]
    assert patients.nunique() == 80
    assert patients.groupby(truth).nunique().max() == 1


def test_the_same_number_of_another_pathogen_is_another_patient() -> None:
    names = pd.Series(["person1_bacteria_1.jpeg", "person1_virus_1.jpeg", "BACTERIA-1-0001.jpeg", "VIRUS-1-0001.jpeg"])
    assert from_names(names)["patient"].nunique() == 4


def test_files_that_a_viewer_exports_are_not_taken_for_kermanys() -> None:
    exported = pd.Series([f"train/NORMAL/{patient}/IM-0001-000{number}.dcm" for patient in "ab" for number in (1, 2)])
    assert set(from_names(exported)["patient"]) == {""}
    in_folders = exported.str.replace("/a/", "/patient1/").str.replace("/b/", "/patient2/")
    assert set(from_names(in_folders)["patient"]) == {"patient1", "patient2"}
    assert from_names(pd.Series(["NORMAL/IM00000001", "NORMAL/IM000002"]))["patient"].to_list() == ["", ""]


def test_other_digits_are_not_taken_for_numbers() -> None:
    assert from_names(pd.Series(["IM-٠١١٥-0001.jpeg"]))["patient"].to_list() == [""]


def test_a_pattern_reads_the_patient_from_the_group_of_that_name_or_the_first() -> None:
    paths = pd.Series(["train/NORMAL/ward3_smith_1.png", "train/NORMAL/ward4_jones_1.png"])
    assert from_pattern(paths, r"ward\d_([a-z]+)", "cohort").to_list() == ["smith", "jones"]
    assert from_pattern(paths, r"(ward\d)_(?P<patient>[a-z]+)", "cohort").to_list() == ["smith", "jones"]
    assert from_pattern(paths, "file", "cohort").nunique() == 2


def test_a_pattern_that_does_not_fit_all_names_is_refused_with_an_example() -> None:
    paths = pd.Series(["a/ward3_smith_1.png", "a/scan\n1.png", "a/scan2.png"])
    with pytest.raises(UserError, match=r"cohort.patient_pattern finds no patient in 2 of 3 paths, such as a/scan\\n1.png; "):
        from_pattern(paths, r"ward\d_([a-z]+)", "cohort")


def test_a_part_of_a_uid_is_not_taken_for_a_suffix() -> None:
    assert one_per_file(pd.Series(["a/1.2.840.1", "a/1.2.840.2", "a/x.PNG"])).to_list() == ["a/1.2.840.1", "a/1.2.840.2", "a/x"]


def test_where_patients_come_from_is_told() -> None:
    assert describe_patients({KAGGLE: 3}) == KAGGLE
    assert describe_patients({"": 3}) == UNKNOWN == "not known; images, not patients, were split"
    assert describe_patients({KAGGLE: 3, "DICOM headers": 2, "": 1}) == (
        f"{KAGGLE}, DICOM headers; unknown for 1 of 6 radiographs: these were split as images, not patients"
    )
    assert "images, not patients, were split" in BY_FILE
