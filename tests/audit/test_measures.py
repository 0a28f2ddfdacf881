import numpy as np
import pytest

from pneumo.audit.measures import measure, measure_originals
from pneumo.audit.traits import FILE_TRAITS, TRAITS, radiograph_traits
from pneumo.cohort.index import index
from pneumo.config import Cohort
from pneumo.errors import UserError


@pytest.fixture
def cohort(kermany_folder, tmp_path):
    return index(kermany_folder, Cohort(cache_dir=tmp_path / "data"))


def caches(tmp_path):
    return list(tmp_path.glob("data/cache/*/traits-*"))


def test_every_row_has_the_traits_of_its_radiograph(cohort):
    measures = measure(cohort)
    assert measures.traits.index.equals(cohort.table.index)
    assert list(measures.traits) == list(TRAITS)
    assert measures.thumbnails.shape == (len(cohort.table), 64, 64)
    for row in (0, len(cohort.table) - 1):
        traits, thumbnail = radiograph_traits(cohort.root / cohort.table["path"][row])
        assert measures.traits.loc[row].to_dict() == traits
        assert np.array_equal(measures.thumbnails[row], thumbnail)


def test_a_cohort_is_measured_once(cohort, tmp_path):
    first = measure(cohort)
    (file,) = caches(tmp_path)
    written = file.stat().st_mtime_ns
    second = measure(cohort)
    assert file.stat().st_mtime_ns == written
    assert second.traits.equals(first.traits)
    assert np.array_equal(second.thumbnails, first.thumbnails)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"something else"])
def test_a_damaged_cache_is_measured_again(cohort, tmp_path, content):
    first = measure(cohort)
    (file,) = caches(tmp_path)
    file.write_bytes(content)
    assert measure(cohort).traits.equals(first.traits)
    assert caches(tmp_path) == [file]


def test_changed_radiographs_in_the_same_folder_are_measured_again(cohort, kermany_folder, write_radiograph, tmp_path):
    measure(cohort)
    before = caches(tmp_path)
    write_radiograph(kermany_folder / "train/NORMAL/IM-0000-0001.jpeg", seed=1)
    measure(index(kermany_folder, Cohort(cache_dir=tmp_path / "data")))
    assert caches(tmp_path) != before
    assert len(caches(tmp_path)) == 1


def test_a_radiograph_that_has_become_unreadable_is_reported(cohort, tmp_path):
    (cohort.root / cohort.table["path"][3]).write_bytes(b"no longer")
    with pytest.raises(UserError, match=cohort.table["path"][3]):
        measure(cohort)
    assert caches(tmp_path) == []


def test_originals_are_matched_by_name_in_any_layout_and_format(cohort, write_radiograph, tmp_path):
    write_radiograph(tmp_path / "full/IM-0002-0001.png", size=(60, 40))
    write_radiograph(tmp_path / "full/deep/er/person3_bacteria_6.jpeg", size=(50, 100))
    write_radiograph(tmp_path / "full/unrelated.jpeg")
    (tmp_path / "full/notes.txt").write_text("no radiograph")
    table = measure_originals(cohort, tmp_path / "full")
    assert list(table) == list(FILE_TRAITS)
    shapes = dict(zip(cohort.table.loc[table.index, "path"], table["aspect_ratio"], strict=True))
    assert shapes == {"train/NORMAL/IM-0002-0001.jpeg": 1.5, "train/PNEUMONIA/person3_bacteria_6.jpeg": 0.5}


def test_a_name_of_two_radiographs_matches_neither(kermany_folder, write_radiograph, tmp_path):
    write_radiograph(kermany_folder / "test/NORMAL/0001.jpeg")
    write_radiograph(kermany_folder / "train/NORMAL/0001.jpeg")
    write_radiograph(tmp_path / "full/0001.jpeg")
    with pytest.raises(UserError, match=r"no radiograph named .* audit\.originals"):
        measure_originals(index(kermany_folder, Cohort(cache_dir=tmp_path / "data")), tmp_path / "full")


def test_missing_and_damaged_originals_are_reported(cohort, tmp_path):
    with pytest.raises(UserError, match=r"absent: no such folder; set audit\.originals"):
        measure_originals(cohort, tmp_path / "absent")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/IM-0002-0001.jpeg").write_bytes(b"not an image")
    with pytest.raises(UserError, match=r"IM-0002-0001\.jpeg: not a DICOM, JPEG"):
        measure_originals(cohort, tmp_path / "full")
