import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pneumo.cohort import examination
from pneumo.cohort.index import COLUMNS, TRAIN_COUNTS, Cohort, index, is_published
from pneumo.config import Cohort as Settings
from pneumo.config import Phantom, Problem
from pneumo.errors import UserError
from tests.conftest import RadiographWriter


@pytest.fixture
def cohort_directory(tmp_path: Path) -> Path:
    return tmp_path / "data"


def indexed(data: Path, directory: Path, *leave_out: Problem) -> Cohort:
    return index(data, Settings(cache_dir=directory, leave_out=leave_out))


def refusal(data: Path, directory: Path, *leave_out: Problem) -> str:
    with pytest.raises(UserError) as caught:
        indexed(data, directory, *leave_out)
    message = str(caught.value)
    assert message.isprintable(), "an error message is one line without control characters"
    return message


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(file): (file.stat().st_size, file.stat().st_mtime_ns) for file in folder.rglob("*")}


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as opened:
        for file in sorted(folder.rglob("*")):
            opened.write(file, file.relative_to(folder.parent))
    return archive


def test_the_table_has_a_row_for_each_radiograph_and_the_folder_is_unchanged(kermany_folder: Path, cohort_directory: Path) -> None:
    before = snapshot(kermany_folder)
    cohort = indexed(kermany_folder, cohort_directory)
    assert snapshot(kermany_folder) == before
    assert tuple(cohort.table.columns) == COLUMNS
    assert list(cohort.table["path"]) == sorted(cohort.table["path"])
    assert cohort.table.groupby("split").size().to_dict() == {"train": 18, "val": 3, "test": 6}
    row = cohort.table.set_index("path").loc["test/PNEUMONIA/person7_bacteria_14.jpeg"]
    assert pd.isna(row["age_years"])
    assert row.drop(["sha256", "age_years"]).to_dict() == {
        "split": "test",
        "label": "PNEUMONIA",
        "subtype": "bacterial",
        "patient": "bacteria-7",
        "sex": "",
        "view": "",
        "manufacturer": "",
        "width": 24,
        "height": 20,
        "mode": "L",
        "bytes": (kermany_folder / "test/PNEUMONIA/person7_bacteria_14.jpeg").stat().st_size,
    }
    assert (cohort.synthetic, cohort.foreign, len(cohort.left_out)) == (False, {}, 0)
    (written,) = cohort_directory.glob("cache/*/cohort.csv")
    reread = pd.read_csv(written, keep_default_na=False, na_values={"age_years": [""]})
    pd.testing.assert_frame_equal(reread, cohort.table, check_dtype=False)


def test_a_nested_folder_and_a_zip_give_the_same_fingerprint(kermany_folder: Path, cohort_directory: Path) -> None:
    flat = indexed(kermany_folder, cohort_directory)
    nested = indexed(kermany_folder.parent, cohort_directory)
    deeper = kermany_folder.parent.parent / "deeper" / "chest_xray"
    shutil.copytree(kermany_folder.parent, deeper)
    archive = zipped(kermany_folder, kermany_folder.parent.parent / "archive.zip")
    cohorts = [flat, nested, indexed(deeper.parent, cohort_directory), indexed(archive, cohort_directory)]
    assert len({cohort.fingerprint for cohort in cohorts}) == 1
    assert all((cohort.root / path).is_file() for cohort in cohorts for path in cohort.table["path"])


def test_the_second_copy_and_the_system_files_of_the_kaggle_archive_are_ignored(kermany_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(kermany_folder, tmp_path / "copy" / "chest_xray")
    (tmp_path / "copy" / "chest_xray").rename(kermany_folder / "chest_xray")
    for junk in (
        "__MACOSX/chest_xray/train/NORMAL/._IM-0001-0001.jpeg",
        "__MACOSX/._chest_xray",
        "train/.DS_Store",
        "train/NORMAL/.DS_Store",
        "val/PNEUMONIA/Thumbs.db",
        "desktop.ini",
        "test/NORMAL/._IM-0007-0001.jpeg",
        "train/NORMAL/notes.txt",
    ):
        (kermany_folder / junk).parent.mkdir(parents=True, exist_ok=True)
        (kermany_folder / junk).write_bytes(b"\0junk")
    foreign = {"__MACOSX": 2, ".DS_Store": 2, "Thumbs.db": 1, "desktop.ini": 1, "._*": 1, "other": 27 + 1}
    folder = indexed(kermany_folder, tmp_path / "a")
    archive = indexed(zipped(kermany_folder, tmp_path / "archive.zip"), tmp_path / "b")
    assert len(folder.table) == len(archive.table) == 27
    assert folder.foreign == archive.foreign == foreign
    assert folder.fingerprint == archive.fingerprint
    assert len([file for file in archive.root.rglob("*") if file.is_file()]) == 27, "only radiographs are unpacked"


def test_file_names_with_markup_line_breaks_and_formulas_are_handled_as_text(
    kermany_folder: Path, cohort_directory: Path, write_radiograph: RadiographWriter
) -> None:
    names = [
        "<img src=x onerror=alert(1)>.jpeg",
        'line\nbreak\r, "quoted".jpeg',
        "Röntgen – 肺.jpeg",
        "x" * 250 + ".png",
        "=1+1.png",
    ]
    for name in names:
        write_radiograph(kermany_folder / "train" / "NORMAL" / name)
    cohort = indexed(kermany_folder, cohort_directory)
    assert {f"train/NORMAL/{name}" for name in names} <= set(cohort.table["path"])
    (written,) = cohort_directory.glob("cache/*/cohort.csv")
    assert list(pd.read_csv(written)["path"]) == list(cohort.table["path"])
    (kermany_folder / "train" / "NORMAL" / names[1]).write_bytes(b"")
    assert r"train/NORMAL/line\nbreak\r, " in refusal(kermany_folder, cohort_directory)


def test_a_name_that_is_not_valid_utf8_is_reported(kermany_folder: Path, cohort_directory: Path) -> None:
    radiograph = kermany_folder / "train" / "NORMAL" / "IM-0001-0001.jpeg"
    shutil.copy(radiograph, os.fsencode(radiograph.parent) + b"/r\xf6ntgen.jpeg")
    assert "name is not valid UTF-8" in refusal(kermany_folder, cohort_directory)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda _: b"", "empty file"),
        (lambda intact: intact[:-60], "Premature end of JPEG file"),
        (lambda _: b"Dear radiologist", "not a DICOM, JPEG, PNG, BMP, TIFF, WebP or PGM image"),
    ],
)
def test_a_damaged_radiograph_is_reported_or_left_out(
    kermany_folder: Path, cohort_directory: Path, damage: Callable[[bytes], bytes], reason: str
) -> None:
    damaged = kermany_folder / "train/NORMAL/IM-0003-0001.jpeg"
    damaged.write_bytes(damage(damaged.read_bytes()))
    message = refusal(kermany_folder, cohort_directory)
    assert f"{kermany_folder}: 1 unreadable file (train/NORMAL/IM-0003-0001.jpeg: " in message
    assert reason in message
    assert """--cohort.leave_out '["unreadable"]'""" in message
    cohort = indexed(kermany_folder, cohort_directory, "unreadable")
    assert len(cohort.table) == 26
    assert cohort.left_out["path"].to_list() == ["train/NORMAL/IM-0003-0001.jpeg"]
    assert cohort.left_out["problem"].to_list() == ["unreadable"]


def test_a_decompression_bomb_is_reported(kermany_folder: Path, cohort_directory: Path) -> None:
    Image.new("1", (12_000, 8_000)).save(kermany_folder / "val/NORMAL/bomb.png")  # 96 million pixels in 12 kB
    assert "val/NORMAL/bomb.png: decompression bomb: more than 89478485 pixels" in refusal(kermany_folder, cohort_directory)


def test_broken_links_are_reported(kermany_folder: Path, cohort_directory: Path) -> None:
    (kermany_folder / "train/NORMAL/broken.jpeg").symlink_to("nowhere.jpeg")
    assert "train/NORMAL/broken.jpeg: No such file or directory" in refusal(kermany_folder, cohort_directory)


def test_a_patient_in_two_splits_is_reported_or_left_out_of_train(
    kermany_folder: Path, cohort_directory: Path, write_radiograph: RadiographWriter
) -> None:
    write_radiograph(kermany_folder / "train/PNEUMONIA/person7_bacteria_99.jpeg")  # bacteria-7 is in test
    write_radiograph(kermany_folder / "train/PNEUMONIA/person7_virus_99.jpeg")  # virus-7 is another patient
    write_radiograph(kermany_folder / "val/NORMAL/IM-0001-0002.jpeg")  # IM-0001 is in train
    message = refusal(kermany_folder, cohort_directory)
    assert "2 radiographs whose patients are in two splits (" in message
    assert "train/PNEUMONIA/person7_bacteria_99.jpeg: patient bacteria-7 is also in test" in message
    assert "train/NORMAL/IM-0001-0001.jpeg: patient IM-0001 is also in val" in message
    assert """--cohort.leave_out '["shared_patient"]'""" in message
    cohort = indexed(kermany_folder, cohort_directory, "shared_patient")
    assert cohort.table.groupby("patient")["split"].nunique().max() == 1
    assert set(cohort.left_out["path"]) == {"train/PNEUMONIA/person7_bacteria_99.jpeg", "train/NORMAL/IM-0001-0001.jpeg"}
    assert cohort.table.index.to_list() == list(range(len(cohort.table)))


def test_an_identical_image_in_two_splits_is_reported_for_any_encoding(kermany_folder: Path, cohort_directory: Path) -> None:
    for split, name in (("train", "other.png"), ("train", "twin.png")):  # duplicates within a split are not leakage
        Image.open(kermany_folder / "test/NORMAL/IM-0007-0001.jpeg").convert("RGB").save(kermany_folder / split / "NORMAL" / name)
    message = refusal(kermany_folder, cohort_directory)
    assert (
        "2 radiographs whose identical images are in two splits (train/NORMAL/other.png: identical to test/NORMAL/IM-0007-0001.jpeg"
        in message
    )
    cohort = indexed(kermany_folder, cohort_directory, "shared_image")
    assert set(cohort.left_out["path"]) == {"train/NORMAL/other.png", "train/NORMAL/twin.png"}
    assert "test/NORMAL/IM-0007-0001.jpeg" in set(cohort.table["path"])


def test_duplicates_within_a_split_are_allowed(kermany_folder: Path, cohort_directory: Path) -> None:
    shutil.copy(kermany_folder / "train/NORMAL/IM-0001-0001.jpeg", kermany_folder / "train/NORMAL/IM-0001-0002.jpeg")
    assert indexed(kermany_folder, cohort_directory).table["sha256"].duplicated().sum() == 1


def test_all_problems_are_reported_at_once_and_long_lists_are_shortened(
    kermany_folder: Path, cohort_directory: Path, write_radiograph: RadiographWriter
) -> None:
    for radiograph in sorted((kermany_folder / "train/PNEUMONIA").iterdir())[:5]:
        radiograph.write_bytes(b"")
    shutil.rmtree(kermany_folder / "val/PNEUMONIA")
    write_radiograph(kermany_folder / "train/NORMAL/IM-0008-0009.jpeg")
    message = refusal(kermany_folder, cohort_directory)
    assert "class val/PNEUMONIA is missing or empty" in message
    assert "5 unreadable files (" in message
    assert message.count("empty file") == 3
    assert "and 2 more" in message
    assert "1 radiograph whose patient is in two splits" in message
    assert """--cohort.leave_out '["unreadable", "shared_patient"]'""" in message


def test_problems_in_leave_out_are_not_reported(
    kermany_folder: Path, cohort_directory: Path, write_radiograph: RadiographWriter
) -> None:
    (kermany_folder / "train/NORMAL/IM-0003-0001.jpeg").write_bytes(b"")
    write_radiograph(kermany_folder / "train/NORMAL/IM-0008-0009.jpeg")
    message = refusal(kermany_folder, cohort_directory, "unreadable")
    assert "unreadable file" not in message
    assert """--cohort.leave_out '["unreadable", "shared_patient"]'""" in message


def test_a_class_whose_last_radiograph_is_left_out_is_missing(kermany_folder: Path, cohort_directory: Path) -> None:
    (kermany_folder / "val/NORMAL/IM-0006-0001.jpeg").write_bytes(b"")
    assert "class val/NORMAL is missing or empty" in refusal(kermany_folder, cohort_directory, "unreadable")


def test_a_cohort_without_a_readable_radiograph_is_refused(kermany_folder: Path, cohort_directory: Path) -> None:
    for radiograph in kermany_folder.rglob("*.jpeg"):
        radiograph.write_bytes(b"")
    message = refusal(kermany_folder, cohort_directory)
    assert "27 unreadable files (" in message
    assert "missing" not in message
    message = refusal(kermany_folder, cohort_directory, "unreadable", "shared_patient", "shared_image")
    assert "split train is missing or empty; split test is missing or empty" in message


def test_a_missing_class_cannot_be_left_out(kermany_folder: Path, cohort_directory: Path) -> None:
    shutil.rmtree(kermany_folder / "val")
    for radiograph in (kermany_folder / "test/NORMAL").rglob("*.jpeg"):
        radiograph.unlink()
    message = refusal(kermany_folder, cohort_directory, "unreadable", "shared_patient", "shared_image")
    assert f"{kermany_folder}: class test/NORMAL is missing or empty; add what is missing" in message


def test_a_cohort_without_val_and_test_is_split_by_patient(kermany_folder: Path, cohort_directory: Path) -> None:
    for split in ("val", "test"):
        shutil.rmtree(kermany_folder / split)
    cohort = index(kermany_folder, Settings(cache_dir=cohort_directory, test_fraction=0.4))
    assert set(zip(cohort.table["split"], cohort.table["label"], strict=True)) == {
        (split, label) for split in ("train", "test") for label in TRAIN_COUNTS
    }
    assert cohort.table.groupby("patient")["split"].nunique().eq(1).all()
    assert "Test was drawn from the train split" in cohort.splits_from


def test_missing_empty_and_unrelated_folders_are_refused(tmp_path: Path, cohort_directory: Path) -> None:
    assert f"{tmp_path / 'nowhere'}: no such folder or zip" in refusal(tmp_path / "nowhere", cohort_directory)
    (tmp_path / "empty").mkdir()
    assert f"{tmp_path / 'empty'}: holds no radiographs; expected train|val|test" in refusal(tmp_path / "empty", cohort_directory)
    (tmp_path / "empty" / "holiday.jpeg").write_bytes(b"sun")
    assert "holds no radiographs" in refusal(tmp_path / "empty", cohort_directory)


def test_two_cohorts_side_by_side_are_refused(kermany_folder: Path, cohort_directory: Path) -> None:
    shutil.copytree(kermany_folder, kermany_folder.with_name("another"))
    message = refusal(kermany_folder.parent, cohort_directory)
    assert "several cohorts side by side (another, chest_xray)" in message


def test_a_cache_dir_inside_the_users_folder_is_refused(kermany_folder: Path) -> None:
    before = snapshot(kermany_folder)
    message = refusal(kermany_folder, kermany_folder / "derived")
    assert "contains cohort.cache_dir" in message
    assert snapshot(kermany_folder) == before


def test_an_unwritable_cache_dir_is_reported(kermany_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "set another cohort.cache_dir" in refusal(kermany_folder, tmp_path / "file")


def test_a_second_run_decodes_only_changed_files(
    kermany_folder: Path, cohort_directory: Path, write_radiograph: RadiographWriter
) -> None:
    first = indexed(kermany_folder, cohort_directory).table.set_index("path")["sha256"]
    (known,) = cohort_directory.glob("cache/*/files.json")
    unchanged, changed = "train/NORMAL/IM-0002-0001.jpeg", "train/NORMAL/IM-0003-0001.jpeg"
    stored = known.read_text()
    known.write_text(stored.replace(first[unchanged], "0" * 64).replace(first[changed], "0" * 64))
    write_radiograph(kermany_folder / changed, seed=1)
    second = indexed(kermany_folder, cohort_directory).table.set_index("path")["sha256"]
    assert second[unchanged] == "0" * 64
    assert second[changed] not in (first[changed], "0" * 64)
    known.write_text(stored[:-100])  # damaged: ignored as a whole
    assert indexed(kermany_folder, cohort_directory).table.set_index("path")["sha256"][unchanged] == first[unchanged]


def test_a_run_after_a_killed_one_goes_on_where_it_was(
    kermany_folder: Path, cohort_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "_STORE_EVERY_SECONDS", 0.0)
    decoded, decode = [], examination._decode

    def killed_at_the_fifth(*arguments: Any) -> Any:
        decoded.append(arguments[1])
        if len(decoded) == 5:
            raise KeyboardInterrupt
        return decode(*arguments)

    monkeypatch.setattr(examination, "_decode", killed_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        indexed(kermany_folder, cohort_directory)
    before = set(decoded)
    total = len(indexed(kermany_folder, cohort_directory).table)
    # Those that were decoded but not yet stored when the run was killed are decoded again.
    assert total <= len(decoded) < total + len(before)


def test_content_that_is_exchanged_under_the_same_name_size_and_date_is_seen(kermany_folder: Path, cohort_directory: Path) -> None:
    normal, pneumonia = (kermany_folder / "train" / name for name in ("NORMAL/IM-0001-0001.bmp", "PNEUMONIA/person1_virus_9.bmp"))
    for grey, file in ((50, normal), (200, pneumonia)):
        Image.new("L", (20, 20), grey).save(file)
        os.utime(file, (1e9, 1e9))
    before = indexed(kermany_folder, cohort_directory)
    before.pixels(16, "squash")
    normal.rename(kermany_folder / "x")
    pneumonia.rename(normal)
    (kermany_folder / "x").rename(pneumonia)
    after = indexed(kermany_folder, cohort_directory)
    assert after.fingerprint != before.fingerprint
    row = after.table.index[after.table["path"] == "train/NORMAL/IM-0001-0001.bmp"][0]
    assert after.pixels(16, "squash")[row].max() == 200


def test_the_fingerprint_depends_on_content_and_not_on_the_path(
    kermany_folder: Path, cohort_directory: Path, write_radiograph: RadiographWriter
) -> None:
    before = indexed(kermany_folder, cohort_directory).fingerprint
    moved = kermany_folder.rename(kermany_folder.with_name("moved"))
    assert indexed(moved, cohort_directory).fingerprint == before
    write_radiograph(moved / "train/NORMAL/IM-0003-0001.jpeg", seed=1)
    assert indexed(moved, cohort_directory).fingerprint != before


def test_without_data_the_cohort_is_synthetic(cohort_directory: Path) -> None:
    cohort = index(None, Settings(cache_dir=cohort_directory, phantom=Phantom(patients=40, size_px=64)))
    assert cohort.synthetic
    assert "SYNTHETIC" in cohort.title
    assert cohort.table["patient"].nunique() == 40
    assert set(cohort.table["subtype"]) == {"normal", "bacterial", "viral"}


@pytest.mark.skipif("PNEUMO_DATA" not in os.environ, reason="PNEUMO_DATA does not name the real cohort")
def test_the_published_cohort_has_its_known_composition(cohort_directory: Path) -> None:
    table = indexed(Path(os.environ["PNEUMO_DATA"]), cohort_directory).table
    train = table[table["split"] == "train"]
    assert train.groupby("subtype").size().to_dict() == {"normal": 1341, "bacterial": 2530, "viral": 1345}
    assert table.groupby("split")["patient"].nunique()[["train", "val"]].to_list() == [3654, 15]
    assert table.groupby("patient")["split"].nunique().max() == 1
    duplicates = table[table["sha256"].duplicated(keep=False)].groupby("sha256")
    assert (duplicates["split"].first() == "train").sum() == 24
    assert duplicates["split"].nunique().max() == duplicates["label"].nunique().max() == 1
    assert np.isin(table.groupby("split").size()["test"], [313, 624]), "half of the test split, or all of it"


def test_a_phantom_cohort_given_as_data_is_recognized_as_synthetic(cohort_directory: Path) -> None:
    settings = Settings(cache_dir=cohort_directory, phantom=Phantom(patients=40, size_px=64))
    phantom = index(None, settings)
    assert phantom.synthetic
    assert index(phantom.root, settings).synthetic


def published_table(test_radiographs: int = 3) -> pd.DataFrame:
    rows = [("train", label, patient) for label, patient in (("NORMAL", "IM-0001"), ("PNEUMONIA", "virus-7"))]
    train = [row for row in rows for _ in range(TRAIN_COUNTS[row[1]])]
    test = [("test", "NORMAL", "NORMAL2-IM-0002"), ("test", "PNEUMONIA", "bacteria-1")] * test_radiographs
    return pd.DataFrame(train + test, columns=["split", "label", "patient"])


@pytest.mark.parametrize("test_radiographs", [1, 50])
def test_the_published_train_split_is_recognized_with_any_part_of_test(test_radiographs: int) -> None:
    assert is_published(published_table(test_radiographs))


def test_a_part_of_train_or_other_patient_names_are_not_recognized() -> None:
    assert not is_published(published_table().iloc[1:])
    assert not is_published(published_table().replace("bacteria-1", "test/PNEUMONIA/0001"))
