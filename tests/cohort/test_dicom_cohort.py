import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from pneumo.cohort.examination import FILES, HIDDEN_NAMES
from pneumo.cohort.index import Cohort, index
from pneumo.cohort.pseudonyms import KEY_FILE
from pneumo.config import Cohort as Settings
from pneumo.config import Dicom
from pneumo.errors import UserError
from tests.dicom_files import grey_pixels, radiograph_8_bit, write

HEADER = {"PatientAge": "036M", "PatientSex": "F", "ViewPosition": "AP", "Manufacturer": "Phantom Works"}


def as_dicom(kermany_folder: Path, folder: Path, names: str, header: dict[str, str] | None = None) -> Path:
    """The radiographs of a folder as DICOM files of the same pixels; each name is formatted with its number and old name."""
    for number, image in enumerate(sorted(kermany_folder.rglob("*.jpeg"))):
        split, label, name = image.relative_to(kermany_folder).parts
        filled = {key: value.format(number=number, patient=number // 2) for key, value in (header or {}).items()}
        file = (
            folder / split / label / names.format(number=number, patient=number // 2, stem=Path(name).stem, uid=f"1.2.3.{number}")
        )
        write(file, radiograph_8_bit(grey_pixels(image), f"1.2.3.{number}", **filled))
    return folder


def indexed(folder: Path, cache_dir: Path, **settings: object) -> Cohort:
    return index(folder, Settings(cache_dir=cache_dir, **settings))


def test_a_dicom_cohort_gives_the_table_and_the_pixels_of_the_same_radiographs_as_jpeg(
    kermany_folder: Path, tmp_path: Path
) -> None:
    jpeg = indexed(kermany_folder, tmp_path / "data")
    same = indexed(as_dicom(kermany_folder, tmp_path / "dicom", "{stem}.dcm", HEADER), tmp_path / "data")
    columns = ["split", "label", "subtype", "patient", "width", "height", "mode", "sha256"]
    pd.testing.assert_frame_equal(same.table[columns], jpeg.table[columns])
    assert same.table[["age_years", "sex", "view", "manufacturer"]].drop_duplicates().to_numpy().tolist() == [
        [3.0, "F", "AP", "Phantom Works"]
    ]
    np.testing.assert_array_equal(same.pixels(16, "pad"), jpeg.pixels(16, "pad"))


def test_patients_are_read_from_headers_and_shown_by_a_hash_that_needs_the_key(kermany_folder: Path, tmp_path: Path) -> None:
    folder = as_dicom(kermany_folder, tmp_path / "dicom", "x{number}", {"PatientID": "MRN-{patient:05}"})
    settings = {"leave_out": ("shared_patient",)}
    first = indexed(folder, tmp_path / "data", **settings)
    numbers = first.table["path"].map(lambda path: int(first.file(path).name[1:])) // 2
    assert first.table.groupby(numbers)["patient"].nunique().eq(1).all()
    assert first.table["patient"].nunique() == numbers.nunique()
    assert first.patients_known
    assert "MRN" not in first.table.to_csv()
    other_key = indexed(folder, tmp_path / "other", **settings)
    assert set(first.table["patient"]).isdisjoint(other_key.table["patient"])
    # A lost key changes neither the splits nor the fingerprint by which registered models know their cohort.
    assert other_key.fingerprint == first.fingerprint
    assert (tmp_path / "data" / KEY_FILE).stat().st_mode & 0o077 == 0


def test_after_a_lost_key_no_patient_has_two_pseudonyms(kermany_folder: Path, tmp_path: Path) -> None:
    folder = as_dicom(kermany_folder, tmp_path / "dicom", "x{number}", {"PatientID": "MRN-{number:05}"})
    before = indexed(folder, tmp_path / "data")
    (tmp_path / "data" / KEY_FILE).unlink()
    again = next(file for file in sorted(folder.rglob("x*")) if file.is_file())
    pixels = np.full((20, 24), 7, np.uint8)
    number = int(again.name[1:])
    write(again.with_name("x99"), radiograph_8_bit(pixels, "1.2.3.99", PatientID=f"MRN-{number:05}"))
    after = indexed(folder, tmp_path / "data")
    assert len(after.table) == len(before.table) + 1
    assert after.table["patient"].nunique() == before.table["patient"].nunique()


@pytest.mark.parametrize(
    "names", ["DOE_JANE_{number}.dcm", "janedoe{number}", "sub-77{number:05}_cxr.dcm", "{uid}", "IM-{number:04}-0001-copy.dcm"]
)
def test_a_name_that_no_published_cohort_uses_is_hidden_also_where_the_file_cannot_be_used(
    kermany_folder: Path, tmp_path: Path, names: str
) -> None:
    header = {"PatientID": "77{number:05}", "PatientName": "Doe^Jane"}
    folder = as_dicom(kermany_folder, tmp_path / "dicom", names, header)
    files = sorted(file for file in (folder / "train" / "NORMAL").iterdir())
    files[0].write_bytes(files[0].read_bytes()[:-100])
    without_pixels = pydicom.dcmread(files[1])
    del without_pixels.PixelData
    without_pixels.save_as(files[1])
    several = pydicom.dcmread(files[2])
    several.NumberOfFrames = 2
    several.save_as(files[2])
    with pytest.raises(UserError) as caught:
        indexed(folder, tmp_path / "data")
    message = str(caught.value).removeprefix(str(folder))
    assert "dicom-0000" in message
    cohort = indexed(folder, tmp_path / "data", leave_out=("unreadable", "unsuitable"))
    shown = message + cohort.table.to_csv() + cohort.left_out.to_csv()
    assert len(cohort.left_out) == 3
    assert not any(file.stem in shown for file in files)
    assert "770000" not in shown
    assert "Doe" not in shown


def test_patients_of_a_pattern_are_hashed_where_the_files_are_dicom(kermany_folder: Path, tmp_path: Path) -> None:
    folder = as_dicom(kermany_folder, tmp_path / "dicom", "DOE{number}.dcm")
    cohort = indexed(folder, tmp_path / "data", patient_pattern="(DOE[0-9]+)")
    assert cohort.table["patient"].str.fullmatch(r"patient-\d{6}-[0-9a-f]{16}").all()
    assert cohort.table["patient"].nunique() == len(cohort.table)


def test_lists_of_real_names_are_readable_by_their_owner_alone(kermany_folder: Path, tmp_path: Path) -> None:
    cohort = indexed(as_dicom(kermany_folder, tmp_path / "dicom", "{uid}"), tmp_path / "data")
    for name in (FILES, HIDDEN_NAMES):
        assert (cohort.cache_folder / name).stat().st_mode & 0o077 == 0


def test_names_that_contradict_the_headers_are_not_used(kermany_folder: Path, tmp_path: Path) -> None:
    folder = as_dicom(kermany_folder, tmp_path / "dicom", "{stem}.dcm", {"PatientID": "P{patient:05}"})
    cohort = indexed(folder, tmp_path / "data", leave_out=("shared_patient",))
    assert cohort.patients_from == "the patient ID of the DICOM headers, which contradict Kermany's file names"
    assert cohort.table["patient"].str.startswith("patient-").all()


def test_one_patient_id_in_all_files_tells_no_patient(kermany_folder: Path, tmp_path: Path) -> None:
    folder = as_dicom(kermany_folder, tmp_path / "dicom", "x{number}", {"PatientID": "ANONYMOUS"})
    with pytest.raises(UserError, match="patient_pattern"):
        indexed(
            as_dicom(kermany_folder, tmp_path / "counted", "x{patient}_{number}", {"PatientID": "ANONYMOUS"}), tmp_path / "data"
        )
    cohort = indexed(folder, tmp_path / "data")
    assert (cohort.table["patient"].nunique(), cohort.patients_known) == (27, False)


def test_file_names_that_identify_a_patient_are_hidden_everywhere_but_in_one_private_file(
    kermany_folder: Path, tmp_path: Path
) -> None:
    folder = as_dicom(kermany_folder, tmp_path / "dicom", "{uid}.dcm", {"PatientID": "MRN{number:05}"})
    cohort = indexed(folder, tmp_path / "data")
    assert cohort.table["path"].str.fullmatch(r"dicom-\d{6}\.dcm").all()
    assert all(cohort.file(path).is_file() for path in cohort.table["path"])
    assert set(cohort.table["split"]) == {"train", "val", "test"}
    assert cohort.pixels(16, "pad").shape == (27, 16, 16)
    names = pd.read_csv(cohort.cache_folder / HIDDEN_NAMES)
    assert (names["file"].map(lambda name: (folder / name).is_file())).all()
    damaged = cohort.file("dicom-000003.dcm")
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"1 unreadable file \(dicom-000003\.dcm: "):
        indexed(folder, tmp_path / "data")


def test_other_modalities_and_lateral_views_are_counted_and_can_be_left_out_or_accepted(
    kermany_folder: Path, tmp_path: Path
) -> None:
    folder = as_dicom(kermany_folder, tmp_path / "dicom", "{stem}.dcm")
    pixels = np.zeros((20, 24), np.uint8)
    for name, header in (("IM-0101-0001", {"Modality": "CT"}), ("IM-0102-0001", {"ViewPosition": "LL"})):
        write(folder / "train" / "NORMAL" / f"{name}.dcm", radiograph_8_bit(pixels, f"1.2.4.{int(name[3:7])}", **header))
    with pytest.raises(UserError, match=r"2 files that are no frontal radiographs \(.*CT.*lateral.*unsuitable"):
        indexed(folder, tmp_path / "data")
    cohort = indexed(folder, tmp_path / "data", leave_out=("unsuitable",))
    assert (len(cohort.table), cohort.left_out["problem"].to_list()) == (27, ["unsuitable"] * 2)
    # The same files by other settings, without reading them again.
    accepted = indexed(folder, tmp_path / "data", dicom=Dicom(modalities=("DX", "CT"), lateral=True))
    assert len(accepted.table) == 29
    assert len(indexed(folder, tmp_path / "data", leave_out=("unsuitable",)).table) == 27


def test_patients_of_a_manifest_are_hashed_where_the_files_are_dicom(kermany_folder: Path, tmp_path: Path) -> None:
    folder = as_dicom(kermany_folder, tmp_path / "dicom", "x{number}.dcm", {"PatientID": "MRN{number:05}"})
    files = sorted(file.relative_to(folder) for file in folder.rglob("*.dcm"))
    rows = [{"path": str(file), "label": file.parts[1], "patient": f"MRN{file.stem[1:]:>05}"} for file in files]
    pd.DataFrame(rows).to_csv(folder / "labels.csv", index=False)
    cohort = indexed(folder / "labels.csv", tmp_path / "data")
    assert "MRN" not in cohort.table.to_csv()
    assert cohort.table["patient"].nunique() == 27
    assert "the manifest's column `patient`" in cohort.patients_from


def test_stored_properties_hold_no_identity(kermany_folder: Path, tmp_path: Path) -> None:
    cohort = indexed(
        as_dicom(kermany_folder, tmp_path / "dicom", "x{number}", {"PatientID": "MRN{number:05}", "PatientName": "Zzyzx^Q"}),
        tmp_path / "data",
    )
    stored = (cohort.cache_folder / "files.json").read_text()
    assert json.loads(stored)["radiographs"]
    assert not any(planted in stored for planted in ("MRN", "Zzyzx"))
    shutil.rmtree(tmp_path / "data")
