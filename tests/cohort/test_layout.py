from collections.abc import Iterable
from pathlib import Path

import pytest

from pneumo.cohort.layout import Layout, find_layout, list_files
from pneumo.config import Cohort, Dicom
from pneumo.errors import UserError


def layout_of(paths: Iterable[str], **settings: object) -> Layout:
    return find_layout(paths, "zip", Cohort(**settings))


def rows(*paths: str, **settings: object) -> list[tuple[str, ...]]:
    return list(layout_of(paths, **settings).table.itertuples(index=False, name=None))


def refusal(*paths: str) -> str:
    with pytest.raises(UserError) as caught:
        layout_of(paths)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_the_outermost_copy_is_used_and_suffixes_match_in_any_case() -> None:
    layout = layout_of(["a/a/train/NORMAL/1.JPG", "a/train/NORMAL/1.JPG", "a/test/PNEUMONIA/2.Tiff", "a/readme.md"])
    assert layout.nesting == "a"
    assert layout.radiographs == ["test/PNEUMONIA/2.Tiff", "train/NORMAL/1.JPG"]
    assert layout.foreign == {"other": 2}


@pytest.mark.parametrize("train", ["train", "TRAIN", "Training", "train_set"])
@pytest.mark.parametrize("test", ["test", "Testing"])
@pytest.mark.parametrize(("normal", "pneumonia"), [("NORMAL", "PNEUMONIA"), ("normal", "Pneumonia"), ("No_Finding", "pneumonia")])
def test_splits_and_classes_are_found_in_any_case_and_by_usual_synonyms(train: str, test: str, normal: str, pneumonia: str) -> None:
    found = rows(f"x/{train}/{normal}/1.png", f"x/{test}/{pneumonia}/2.png", f"x/valid/{normal}/3.png")
    assert sorted(found, key=lambda row: row[0][-5]) == [
        (f"{train}/{normal}/1.png", "train", "NORMAL", "normal"),
        (f"{test}/{pneumonia}/2.png", "test", "PNEUMONIA", "unknown"),
        (f"valid/{normal}/3.png", "val", "NORMAL", "normal"),
    ]


def test_a_folder_of_two_classes_has_no_splits() -> None:
    assert rows("cohort/Normal/1.png", "cohort/Viral Pneumonia/2.png") == [
        ("Normal/1.png", "", "NORMAL", "normal"),
        ("Viral Pneumonia/2.png", "", "PNEUMONIA", "viral"),
    ]


@pytest.mark.parametrize(
    "path", ["a/b/c/train/NORMAL/1.jpg", "train/NORMAL/deep/er/1.jpg", "NORMAL/train/1.jpg", "train/hospital/NORMAL/1.jpg"]
)
def test_folders_are_found_at_any_depth_and_in_either_order(path: str) -> None:
    assert [row[1:3] for row in rows(path)] == [("train", "NORMAL")]


def test_a_folder_above_the_cohort_may_be_called_like_a_class_or_a_split() -> None:
    assert rows("pneumonia/test/train/NORMAL/1.png", "pneumonia/test/test/Bacteria/2.png") == [
        ("test/Bacteria/2.png", "test", "PNEUMONIA", "bacterial"),
        ("train/NORMAL/1.png", "train", "NORMAL", "normal"),
    ]


def test_a_folder_for_each_patient_above_the_classes_is_one_cohort() -> None:
    found = rows("c/p1/NORMAL/1.png", "c/p2/PNEUMONIA/1.png", "c/p3/PNEUMONIA/bacteria/1.png")
    assert [row[0] for row in found] == ["p1/NORMAL/1.png", "p2/PNEUMONIA/1.png", "p3/PNEUMONIA/bacteria/1.png"]
    assert found[2][3] == "bacterial"


def test_other_classes_are_named_and_counted_or_mapped() -> None:
    paths = [
        "train/NORMAL/1.png",
        "train/PNEUMONIA/1.png",
        "train/COVID/1.png",
        "test/COVID/2.png",
        "train/stray.png",
        "TB/x/1.png",
    ]
    assert layout_of(paths).foreign == {
        "folder COVID (not NORMAL or PNEUMONIA)": 2,
        "folder TB (not NORMAL or PNEUMONIA)": 1,
        "other": 1,
    }
    assert ("train/COVID/1.png", "train", "PNEUMONIA", "unknown") in rows(*paths, labels={"covid": "PNEUMONIA"})
    assert [row[0] for row in rows(*paths, labels={"Pneumonia": "NEITHER"})] == ["train/NORMAL/1.png"]


def test_many_other_folders_are_counted_together() -> None:
    foreign = layout_of(["NORMAL/1.png", "PNEUMONIA/1.png", *(f"other{number}/1.png" for number in range(30))]).foreign
    assert foreign["20 more folders (not NORMAL or PNEUMONIA)"] == 20
    assert sum(foreign.values()) == 30


def test_dicom_files_with_and_without_suffix_are_radiographs_and_texts_are_not() -> None:
    names = ["1.dcm", "2.DICOM", "IM00001", "1.2.840.113619.2.5", "README", "DICOMDIR", ".gitkeep", "list.csv"]
    layout = layout_of([f"NORMAL/{name}" for name in names])
    assert [path.removeprefix("NORMAL/") for path in layout.radiographs] == sorted(names[:4])
    assert layout.foreign == {"other": 4}


def test_masks_and_lateral_views_are_counted_apart() -> None:
    paths = ["Normal/images/1.png", "Normal/masks/1.png", "PNEUMONIA/view2_lateral.jpg", "PNEUMONIA/bilateral_1.jpg"]
    layout = layout_of(paths)
    assert layout.radiographs == ["Normal/images/1.png", "PNEUMONIA/bilateral_1.jpg"]
    assert layout.foreign == {"in folders of masks": 1, "lateral views, by their names": 1}
    assert len(rows(*paths, dicom=Dicom(lateral=True))) == 3


def test_what_was_found_is_named_where_there_is_no_radiograph() -> None:
    message = refusal("0/1.png", "0/2.png", "1/1.png", "notes.txt")
    assert message.startswith("zip: holds no radiographs; expected train|val|test / NORMAL|PNEUMONIA / files ending in .bmp")
    assert "found folder 0 (not NORMAL or PNEUMONIA): 2" in message
    assert message.endswith("map other folders to the classes with cohort.labels")


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (("a/train/NORMAL/1.png", "b/train/NORMAL/1.png"), "several cohorts side by side (a, b)"),
        (("a/NORMAL/1.png", "a/PNEUMONIA/1.png", "b/NORMAL/1.png", "b/PNEUMONIA/1.png"), "several cohorts side by side (a, b)"),
        (("NORMAL/PNEUMONIA/1.png", "NORMAL/1.png", "PNEUMONIA/1.png"), "NORMAL/PNEUMONIA/1.png lies in folders of two classes"),
        (("train/NORMAL/test/1.png", "train/PNEUMONIA/1.png"), "lies in folders of two splits"),
        (
            ("train/NORMAL/1.png", "NORMAL/2.png"),
            "1 of 2 radiographs lie outside of the folders train|val|test",
        ),
    ],
)
def test_folders_that_contradict_one_another_are_refused(paths: tuple[str, ...], message: str) -> None:
    assert message in refusal(*paths)


def test_links_are_followed_but_never_in_circles(tmp_path: Path) -> None:
    (tmp_path / "cohort" / "NORMAL").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for file in ("cohort/NORMAL/1.png", "elsewhere/2.png"):
        (tmp_path / file).touch()
    (tmp_path / "cohort" / "PNEUMONIA").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "cohort" / "NORMAL" / "loop").symlink_to(tmp_path / "cohort")
    (tmp_path / "cohort" / "NORMAL" / "link.png").symlink_to(tmp_path / "elsewhere" / "2.png")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "elsewhere")
    assert sorted(list_files(tmp_path / "cohort")) == ["NORMAL/1.png", "NORMAL/link.png", "PNEUMONIA/2.png"]


def test_odd_names_stay_as_they_are() -> None:
    names = ["-rf.png", "a b.png", "Röntgen 肺.png", "line\nbreak.png", "=1+1.png"]
    assert layout_of([f"NORMAL/{name}" for name in names]).radiographs == sorted(f"NORMAL/{name}" for name in names)
    assert refusal("line\nbreak/1.png").count("\n") == 0


def test_names_that_are_not_utf8_are_kept_apart() -> None:
    layout = layout_of(["NORMAL/1.png", "NORMAL/r\udcf6.png"])
    assert (layout.radiographs, layout.unnameable) == (["NORMAL/1.png"], ["NORMAL/r\udcf6.png"])
