import io
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from pneumo.cohort.listing import Listing, list_radiographs
from pneumo.cohort.names import describe_patients
from pneumo.config import Cohort
from pneumo.errors import UserError

COHORTS = Path(__file__).parents[2] / "configs" / "cohorts"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with six files."""
    for name in ("a/1.png", "a/2.png", "b/1.png", "b/3.png", "b/4.png", "5.png"):
        (tmp_path / "cohort" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cohort" / name).touch()
    return tmp_path / "cohort"


def listed(folder: Path, text: str | bytes, name: str = "labels.csv", **settings: object) -> Listing:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return list_radiographs(folder / name, Cohort(**settings))


def refusal(folder: Path, text: str | bytes, name: str = "labels.csv", **settings: object) -> str:
    with pytest.raises(UserError) as caught:
        listed(folder, text, name, **settings)
    message = str(caught.value)
    assert message.isprintable(), "one line without control characters"
    assert message.startswith(f"{folder / name}: ")
    return message.removeprefix(f"{folder / name}: ")


FULL = """Path,LABEL,patient,split,subtype,view,age,sex,manufacturer
b/1.png,Pneumonia,p2,Training,viral,AP,058Y,male,Agfa
a/1.png,No Finding,p1,TEST,,PA,7,F,
a/2.png,normal,p1,test,,PA,6M,w,
"""


def test_every_column_of_a_manifest_is_read(folder: Path) -> None:
    listing = listed(folder, FULL)
    assert listing.root == folder
    assert describe_patients(listing.patient_sources) == "the manifest's column `patient`"
    rows = listing.table.drop(columns="age_years").to_numpy().tolist()
    assert rows == [
        ["a/1.png", "test", "NORMAL", "normal", "p1", "F", "PA", "", 3],
        ["a/2.png", "test", "NORMAL", "normal", "p1", "", "PA", "", 4],
        ["b/1.png", "train", "PNEUMONIA", "viral", "p2", "M", "AP", "Agfa", 2],
    ]
    assert listing.table["age_years"].to_list() == [7, 0.5, 58]


def test_tsv_semicolons_byte_order_mark_and_parquet_are_the_same_table(folder: Path) -> None:
    expected = listed(folder, FULL).table
    table = pd.read_csv(io.StringIO(FULL), dtype=str)
    stream = io.BytesIO()
    table.to_parquet(stream)
    for text, name in (
        (FULL.replace(",", "\t"), "labels.tsv"),
        (FULL.replace(",", ";"), "labels.csv"),
        (b"\xef\xbb\xbf" + FULL.encode(), "labels.csv"),
        (FULL.replace("\n", "\r\n") + ",,,,,,,,\n\n", "LABELS.CSV"),
        (stream.getvalue(), "labels.parquet"),
    ):
        pd.testing.assert_frame_equal(listed(folder, text, name).table, expected)


def test_whole_numbers_lists_and_nothing_of_parquet_are_read(folder: Path) -> None:
    table = pd.DataFrame({"path": ["a/1.png", "a/2.png"], "label": [["Pneumonia", "Mass"], ["No Finding"]], "patient": [1.0, 2.0]})
    stream = io.BytesIO()
    table.assign(sex=[None, "F"]).to_parquet(stream)
    listing = listed(folder, stream.getvalue(), "labels.parquet")
    assert listing.table[["label", "patient", "sex"]].to_numpy().tolist() == [["PNEUMONIA", "1", ""], ["NORMAL", "2", "F"]]


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("Pneumonia|Effusion", "PNEUMONIA"),
        ("Effusion| pneumonia ", "PNEUMONIA"),
        ("No Finding", "NORMAL"),
        ("No Finding|Effusion", None),
        ("Effusion", None),
        ("", None),
        ("['pneumonia', 'pleural effusion']", "PNEUMONIA"),
        ("['normal']", "NORMAL"),
        ("[' normal', 'costophrenic angle blunting']", None),
        ("Bacterial Pneumonia", "PNEUMONIA"),
        ("not pneumonia", None),
        ("COVID", "PNEUMONIA"),
    ],
)
def test_labels_are_mapped_and_rows_with_neither_are_counted(folder: Path, cell: str, label: str | None) -> None:
    text = f'path,label\na/1.png,"{cell}"\na/2.png,Normal\nb/1.png,viral pneumonia\n'
    listing = listed(folder, text, labels={"covid": "PNEUMONIA"})
    labels = listing.table.set_index("path")["label"].to_dict()
    assert labels.get("a/1.png") == label
    assert listing.foreign == ({} if label else {"rows with neither label": 1})
    assert listing.table.set_index("path").loc["b/1.png", "subtype"] == "viral"


def test_columns_of_findings_are_read(folder: Path) -> None:
    text = "Path,Pneumonia,No Finding\n1.png,1.0,0\n2.png,,1.0\n3.png,-1.0,1\n4.png,0,\n5.png,-1,\n6.png,1,1\n"
    for number in range(1, 7):
        (folder / f"{number}.png").touch()
    manifest = {"path": "Path", "label_columns": {"PNEUMONIA": "pneumonia", "NORMAL": ["No Finding"]}}
    listing = listed(folder, text, manifest=manifest)
    assert listing.table.set_index("path")["label"].to_dict() == {"1.png": "PNEUMONIA", "2.png": "NORMAL", "6.png": "PNEUMONIA"}
    assert listing.foreign == {"rows with neither label": 3}
    wrong = refusal(folder, text.replace("2.png,,", "2.png,maybe,"), manifest=manifest)
    assert "row 3: the cell of `Pneumonia` is not 1, 0, -1 or blank" in wrong
    absent = refusal(folder, "Path,Pneumonia,No findings\n1.png,1,0\n", manifest=manifest)
    assert "row 1: has no column `No Finding`, but `No findings`; set cohort.manifest.label_columns" in absent


@pytest.mark.parametrize("path", ["a\\1.png", "./a/1.png", "a//1.png", "b/../a/1.png", "cohort/a/1.png", "{root}/a/1.png"])
def test_paths_are_normalized(folder: Path, path: str) -> None:
    text = f"path,label\n{path.format(root=folder)},normal\n5.png,pneumonia\n"
    assert listed(folder, text).table["path"].to_list() == ["5.png", "a/1.png"]


def test_paths_on_a_drive_of_windows_are_taken_below_their_common_folder(folder: Path) -> None:
    text = "path,label\nC:\\x ray\\set\\a\\2.png,normal\nC:\\x ray\\set\\b\\1.png,pneumonia\nC:\\x ray\\set\\5.png,normal\n"
    assert listed(folder, text).table["path"].to_list() == ["5.png", "a/2.png", "b/1.png"]


def test_bare_names_and_templates_are_searched_below_the_root(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    text = "path,label\n2,normal\n3,pneumonia\n"
    listing = listed(tmp_path / "tables", text, root=folder, manifest={"path_template": "{}.png"})
    assert (listing.root, listing.table["path"].to_list()) == (folder, ["a/2.png", "b/3.png"])
    # In two folders: either may be meant.
    assert "row 2: missing file, no 1.png" in refusal(folder, "path,label\n1.png,normal\n5.png,pneumonia\n")


def test_letters_that_a_file_system_decomposed_are_found(folder: Path) -> None:
    (folder / "Ro\u0308ntgen.png").touch()
    text = "path,label\nR\u00f6ntgen.png,normal\n5.png,pneumonia\n"
    assert listed(folder, text).table["path"].to_list() == ["5.png", "Ro\u0308ntgen.png"]


def test_lateral_views_are_counted_and_left_out(folder: Path) -> None:
    text = "path,label,view\na/1.png,normal,Lateral\na/2.png,normal,PA\nb/3.png,pneumonia,L\nb/4.png,pneumonia,AP_horizontal\n"
    assert listed(folder, text).foreign == {"rows of lateral views": 2}
    assert len(listed(folder, text, dicom={"lateral": True}).table) == 4


def test_names_are_odd_and_rows_are_counted_as_in_a_spreadsheet(folder: Path) -> None:
    names = ["-rf.png", "a b.png", "Röntgen 肺.png", "line\nbreak.png", "=1+1.png", "comma,.png"]
    for name in names:
        (folder / name).touch()
    text = "path,label\n" + "".join(f'"{name}",normal\n' for name in names) + "gone.png,pneumonia\n"
    assert "row 8: missing file, no gone.png" in refusal(folder, text)
    assert set(listed(folder, text.replace("gone", "5")).table["path"]) == {*names, "5.png"}


TABLE = "path,label,patient,split\na/1.png,normal,p1,train\na/2.png,pneumonia,p2,test\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace("path", "paths"), "row 1: has no column `path`, but `paths`; set cohort.manifest.path"),
        (
            TABLE.replace("label", "finding"),
            "row 1: has no column `label`, but path, finding, patient, split; set ",
        ),
        (TABLE.replace("split", "label"), "row 1: the column `label` is there twice"),
        (TABLE.replace("a/2", "a/9"), "row 3: missing file, no a/9.png in "),
        (TABLE.replace("a/2", "../a/2"), "row 3: ../a/2.png leads out of "),
        (TABLE.replace("a/2.png", "/etc/passwd"), "row 3: /etc/passwd leads out of "),
        (TABLE.replace("a/2.png", ""), "row 3: no path"),
        (TABLE.replace("p2", ""), "row 3: no patient in the column `patient`"),
        (TABLE.replace("test", ""), "row 3: no split in the column `split`, as other rows have"),
        (TABLE.replace("test", "holdout"), "row 3: unknown split holdout; write train, val or test"),
        (TABLE + "a/1.png,pneumonia,p1,train\n", "rows 2 and 4: two labels for one image, a/1.png: NORMAL and PNEUMONIA"),
        (TABLE + "./a/1.png,mass,p1,train\n", "rows 2 and 4: two labels for one image, a/1.png: NORMAL and neither"),
        (TABLE + "a/1.png,normal,p9,train\n", "rows 2 and 4: two patients for one image, a/1.png: p1 and p9"),
        (TABLE + "a/1.png,normal,p1,test\n", "rows 2 and 4: two splits for one image, a/1.png: train and test"),
        (TABLE + "cohort/a/1.png,normal,p1,train\n", "rows 2 and 4 name one image, a/1.png; delete one of them"),
        (TABLE + "a/3.png,normal,p1,train,surplus\n", "not a table (Expected 4 fields in line 4, saw 5); correct that row"),
        (TABLE.encode() + b"r\xf6ntgen.png,normal,p1,train\n", "row 4: not UTF-8; save the manifest as UTF-8"),
        (TABLE.encode("utf-16"), "row 1: not UTF-8"),
        ("path,label\n", "holds no rows below its header"),
        ("", "empty; give a manifest"),
        (
            "path,label\na/1.png,0\na/2.png,1\n",
            "no row is NORMAL or PNEUMONIA; the column `label` holds 0 (1), 1 (1); map",
        ),
        ("path,label\nline\nbreak", "no row is NORMAL or PNEUMONIA; the column `label` holds blank (2)"),
    ],
)
def test_every_wrong_thing_is_told_in_one_line_with_its_row(folder: Path, text: str | bytes, message: str) -> None:
    assert message in refusal(folder, text)


def test_a_damaged_parquet_file_is_refused(folder: Path) -> None:
    stream = io.BytesIO()
    pd.read_csv(io.StringIO(TABLE)).to_parquet(stream)
    for content in (b"", b"no parquet", stream.getvalue()[:-40], stream.getvalue()[:200] + bytes(200) + stream.getvalue()[400:]):
        assert refusal(folder, content, "labels.parquet").startswith("damaged or not Parquet (")


def test_a_column_that_is_set_must_be_there_and_a_default_one_may_be_absent(folder: Path) -> None:
    text = "path,label,Pat ID\na/1.png,normal,x\na/2.png,pneumonia,y\n"
    assert refusal(folder, text, manifest={"patient": "Patient ID"}).startswith("row 1: has no column `Patient ID`, but `Pat ID`; ")
    assert "`Sex`" in refusal(folder, text, manifest={"sex": "Sex"})
    assert listed(folder, text, manifest={"sex": "Sex", "absent": "ignore"}).table["sex"].to_list() == ["", ""]
    assert listed(folder, text, manifest={"patient": ["Patient ID", "Pat ID"]}).table["patient"].to_list() == ["x", "y"]
    assert (
        describe_patients(listed(folder, TABLE, manifest={"patient": []}).patient_sources)
        == "not known; images, not patients, were split"
    )


def test_missing_files_can_be_left_out_and_are_counted(folder: Path) -> None:
    text = TABLE + "gone.png,normal,p3,train\n"
    assert "--cohort.leave_out '[\"unreadable\"]'" in refusal(folder, text)
    assert listed(folder, text, leave_out=("unreadable",)).foreign == {"rows whose file is missing": 1}


def test_rows_of_one_image_that_agree_count_once(folder: Path) -> None:
    assert listed(folder, TABLE + "a/1.png,normal,p1,train\n").foreign == {"repeated rows": 1}


def test_the_majority_of_several_readers_holds_where_that_is_set(folder: Path) -> None:
    votes = {"a/1.png": "ppn", "a/2.png": "nnn", "b/1.png": "pn?", "b/3.png": "p??", "b/4.png": "nn?"}
    words = {"p": "pneumonia", "n": "normal", "?": "mass"}
    text = "path,label\n" + "".join(f"{path},{words[vote]}\n" for path, cast in votes.items() for vote in cast)
    assert "two labels for one image" in refusal(folder, text)
    listing = listed(folder, text, manifest={"repeated": "majority"})
    assert listing.table.set_index("path")["label"].to_dict() == {"a/1.png": "PNEUMONIA", "a/2.png": "NORMAL", "b/4.png": "NORMAL"}
    assert listing.foreign == {"repeated rows": 10, "rows with neither label": 2}


PUBLISHED = {
    "nih": (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,OriginalImage[Width,Height],\n"
        "00000001_000.png,Cardiomegaly,0,1,058Y,M,PA,2682,2749,\n00000001_001.png,No Finding,1,1,058Y,M,PA,2682,2749,\n"
        "00000002_000.png,Infiltration|Pneumonia,0,2,081Y,F,AP,2500,2048,\n",
        {"00000001_000.png": None, "00000001_001.png": ("NORMAL", "1", 58, "M"), "00000002_000.png": ("PNEUMONIA", "2", 81, "F")},
        "images_001/images/{}",
    ),
    "rsna": (
        "patientId,class\n0004cfab-14fd,Normal\n00313ee0-9eaa,No Lung Opacity / Not Normal\n00322d4d-1c29,Lung Opacity\n"
        "00322d4d-1c29,Lung Opacity\n",
        {"0004cfab-14fd.dcm": ("NORMAL",), "00313ee0-9eaa.dcm": None, "00322d4d-1c29.dcm": ("PNEUMONIA",)},
        "stage_2_train_images/{}",
    ),
    "chexpert": (
        "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Pneumonia\n"
        "cohort/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,\n"
        "cohort/train/patient00001/study1/view2_lateral.jpg,Female,68,Lateral,,1.0,\n"
        "cohort/train/patient00002/study2/view1_frontal.jpg,Male,87,Frontal,AP,,-1.0\n"
        "cohort/train/patient00003/study1/view1_frontal.jpg,Male,50,Frontal,PA,,1.0\n",
        {
            "patient00001/study1/view1_frontal.jpg": ("NORMAL", "patient00001", 68, "F"),
            "patient00001/study1/view2_lateral.jpg": None,
            "patient00002/study2/view1_frontal.jpg": None,
            "patient00003/study1/view1_frontal.jpg": ("PNEUMONIA", "patient00003", 50, "M"),
        },
        "train/{}",
    ),
    "vindr": (
        "image_id,rad_id,Pneumonia,No finding\n"
        "aa,R1,1,0\naa,R2,1,0\naa,R3,0,1\nbb,R1,0,1\nbb,R2,0,1\nbb,R3,0,1\ncc,R1,1,0\ncc,R2,0,1\ncc,R3,0,0\n",
        {"aa.dicom": ("PNEUMONIA",), "bb.dicom": ("NORMAL",), "cc.dicom": None},
        "train/{}",
    ),
    "padchest": (
        ",ImageID,ImageDir,PatientID,PatientSex_DICOM,Manufacturer_DICOM,Projection,Labels\n"
        "0,1_a.png,0,10,F,Philips,PA,['normal']\n1,2_a.png,0,11,M,Philips,L,['normal']\n"
        "2,3_a.png,1,12,M,Agfa,AP_horizontal,\"['pneumonia', 'pleural effusion']\"\n"
        "3,4_a.png,1,13,M,Agfa,PA,['atypical pneumonia']\n",
        {
            "1_a.png": ("NORMAL", "10"),
            "2_a.png": None,
            "3_a.png": ("PNEUMONIA", "12"),
            "4_a.png": ("PNEUMONIA", "13"),
        },
        "0/{}",
    ),
}


@pytest.mark.parametrize("cohort", PUBLISHED)
def test_the_ready_mappings_read_the_published_columns(tmp_path: Path, cohort: str) -> None:
    text, truth, place = PUBLISHED[cohort]
    text = text.replace("OriginalImage[Width,Height]", "OriginalImage[Width,Height],OriginalImagePixelSpacing[x")
    folder = tmp_path / "cohort"
    for name in truth:
        (folder / place.format(name)).parent.mkdir(parents=True, exist_ok=True)
        (folder / place.format(name)).touch()
    if cohort == "nih":
        text = text.replace(",OriginalImagePixelSpacing[x", "")
    settings = yaml.safe_load((COHORTS / f"{cohort}.yaml").read_text())["cohort"]
    table = listed(folder, text, **settings).table.set_index("path")
    for name, expected in truth.items():
        path = place.format(name)
        if expected is None:
            assert path not in table.index
        else:
            found = table.loc[path, ["label", "patient", "age_years", "sex"]].to_list()
            assert tuple(found[: len(expected)]) == expected


def test_the_time_of_a_manifest_grows_in_proportion_to_its_rows(tmp_path: Path) -> None:
    def seconds(rows: int) -> float:
        folder = tmp_path / str(rows)
        for number in range(rows // 1000):
            (folder / f"{number}").mkdir(parents=True)
        for number in range(rows):
            (folder / f"{number // 1000}" / f"{number}.png").touch()
        labels = ("No Finding", "Pneumonia|Mass")
        lines = (f"{number // 1000}/{number}.png,{labels[number % 2]},{number // 3}\n" for number in range(rows))
        text = "path,label,patient\n" + "".join(lines)
        began = time.process_time()
        assert len(listed(folder, text).table) == rows
        return time.process_time() - began

    seconds(1000)  # imports
    assert seconds(20_000) < 4 * seconds(10_000)
