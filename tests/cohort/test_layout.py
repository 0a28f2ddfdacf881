import pytest

from pneumo.cohort.layout import find_layout, subtype_and_patient
from pneumo.errors import UserError


@pytest.mark.parametrize(
    ("path", "subtype", "patient"),
    [
        ("train/PNEUMONIA/person12_bacteria_34.jpeg", "bacterial", "bacteria-12"),
        ("train/PNEUMONIA/person12_virus_34.JPEG", "viral", "virus-12"),
        ("train/PNEUMONIA/person447_virus_921_1.jpeg", "viral", "virus-447"),
        ("train/NORMAL/IM-0115-0001-0002.Png", "normal", "IM-0115"),
        ("train/NORMAL/NORMAL2-IM-0115-0001-0002.jpeg", "normal", "NORMAL2-IM-0115"),
        ("train/PNEUMONIA/scan7.TIFF", "unknown", "train/PNEUMONIA/scan7"),
        ("train/NORMAL/person 3.bmp", "normal", "train/NORMAL/person 3"),
    ],
)
def test_subtype_and_patient_are_read_from_the_name(path: str, subtype: str, patient: str) -> None:
    assert subtype_and_patient(path) == (subtype, patient)


def test_the_outermost_copy_is_used_and_suffixes_match_in_any_case() -> None:
    layout = find_layout(["a/a/train/NORMAL/1.JPG", "a/train/NORMAL/1.JPG", "a/test/PNEUMONIA/2.Tiff", "a/readme.md"], "zip")
    assert layout.nesting == "a"
    assert layout.radiographs == ["test/PNEUMONIA/2.Tiff", "train/NORMAL/1.JPG"]
    assert layout.foreign == {"other": 2}


@pytest.mark.parametrize(
    "path", ["a/b/c/train/NORMAL/1.jpg", "train/normal/1.jpg", "train/NORMAL/deep/1.jpg", "train/NORMAL/1.dcm"]
)
def test_files_in_another_layout_are_not_radiographs_of_the_cohort(path: str) -> None:
    with pytest.raises(
        UserError, match=r"zip: holds no radiographs; expected train\|val\|test / NORMAL\|PNEUMONIA / files ending in"
    ):
        find_layout([path], "zip")
