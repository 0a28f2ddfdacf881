import tarfile
from pathlib import Path

import pandas as pd
import pytest

from pneumo.cohort.listing import LISTED, list_radiographs
from pneumo.cohort.names import describe_patients
from pneumo.config import Cohort
from pneumo.errors import UserError


def test_a_folder_an_archive_and_a_manifest_of_one_cohort_list_the_same(kermany_folder: Path, tmp_path: Path) -> None:
    settings = Cohort(cache_dir=tmp_path / "data")
    folder = list_radiographs(kermany_folder, settings)
    assert tuple(folder.table.columns) == LISTED
    assert describe_patients(folder.patient_sources) == "Kermany's file names"
    assert (folder.root, folder.foreign, len(folder.problems)) == (kermany_folder, {}, 0)
    with tarfile.open(tmp_path / "cohort.tar.gz", "w:gz") as archive:
        archive.add(kermany_folder, "cohort")
    pd.testing.assert_frame_equal(list_radiographs(tmp_path / "cohort.tar.gz", settings).table, folder.table)
    folder.table[["path", "label", "split"]].to_csv(tmp_path / "labels.csv", index=False)
    manifest = list_radiographs(tmp_path / "labels.csv", Cohort(cache_dir=tmp_path / "data", root=kermany_folder))
    pd.testing.assert_frame_equal(manifest.table.drop(columns="row"), folder.table.drop(columns="row"))
    assert describe_patients(manifest.patient_sources) == describe_patients(folder.patient_sources)


def test_a_pattern_of_ones_own_is_preferred_to_a_known_scheme(kermany_folder: Path) -> None:
    listing = list_radiographs(kermany_folder, Cohort(patient_pattern=r"([^/_]+)[^/]*$"))
    assert describe_patients(listing.patient_sources) == "cohort.patient_pattern"
    assert set(listing.table["patient"]) > {"person1", "IM-0001-0001.jpeg"}


def test_patients_of_unknown_names_are_left_to_the_index_and_that_is_said_loudly(tmp_path: Path) -> None:
    for name in ("NORMAL/a.dcm", "PNEUMONIA/b.dcm"):
        (tmp_path / "c" / name).parent.mkdir(parents=True)
        (tmp_path / "c" / name).touch()
    listing = list_radiographs(tmp_path / "c", Cohort(cache_dir=tmp_path / "data"))
    assert set(listing.table["patient"]) == {""}
    assert describe_patients(listing.patient_sources) == "not known; images, not patients, were split"
    assert "images, not patients, were split" in describe_patients(
        list_radiographs(tmp_path / "c", Cohort(patient_pattern="file")).patient_sources
    )


def test_a_name_that_is_not_utf8_is_a_problem(kermany_folder: Path) -> None:
    (kermany_folder / "train" / "NORMAL" / "r\udcf6.jpeg").touch()
    problems = list_radiographs(kermany_folder, Cohort()).problems
    assert problems.to_numpy().tolist() == [
        ["train/NORMAL/r\\udcf6.jpeg", "unreadable", "name is not valid UTF-8; rename the file"]
    ]


def test_settings_of_a_manifest_are_refused_for_a_folder(kermany_folder: Path) -> None:
    with pytest.raises(UserError, match=r"cohort.root is for manifests \(.csv .parquet .tsv\); leave it out"):
        list_radiographs(kermany_folder, Cohort(root=kermany_folder))


def test_a_root_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,label\n1.png,normal\n")
    with pytest.raises(UserError, match=r"nowhere: no such folder; set cohort.root"):
        list_radiographs(tmp_path / "labels.csv", Cohort(root=tmp_path / "nowhere"))
