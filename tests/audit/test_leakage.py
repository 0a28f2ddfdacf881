"""What parts share is found, and different children are not taken for one."""

import hashlib
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from pneumo import config
from pneumo.audit.leakage import ALIKE, SHOWN, find_leakage, fine_structure
from pneumo.cohort.layout import subtype_and_patient
from pneumo.phantom.cohort import write_cohort

NOBODY = pd.DataFrame(columns=["path", "problem", "detail"])


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory):
    """Radiographs of many synthetic children, by path."""
    root = write_cohort(config.Phantom(patients=60, size_px=96), tmp_path_factory.mktemp("cohort"))
    return {file.relative_to(root).as_posix(): Image.open(file).convert("L") for file in sorted(root.glob("*/*/*.jpeg"))}


def leakage(radiographs, left_out=NOBODY):
    rows = []
    for path, radiograph in radiographs.items():
        split, label, _ = path.split("/")
        rows.append((path, split, label, subtype_and_patient(path)[1], hashlib.sha256(radiograph.tobytes()).hexdigest()))
    table = pd.DataFrame(rows, columns=["path", "split", "label", "patient", "sha256"])
    thumbnails = np.stack([np.asarray(radiograph.resize((64, 64), Image.Resampling.BOX)) for radiograph in radiographs.values()])
    parts = table["split"].map({"train": "training", "val": "unused", "test": "test"})
    return find_leakage(table, parts, left_out, thumbnails)


def compressed(radiograph):
    buffer = io.BytesIO()
    radiograph.save(buffer, "JPEG", quality=40)
    return Image.open(buffer).convert("L")


def test_different_children_and_radiographs_of_the_same_child_are_no_finding(radiographs):
    found = leakage(radiographs)
    assert found.patients == 60
    assert (found.patients_in_several_splits, found.patients_in_several_parts) == (0, 0)
    assert found.identical == ()
    assert found.almost_identical == ()
    assert len(found.most_alike) == SHOWN
    correlations = [pair.correlation for pair in found.most_alike]
    assert correlations == sorted(correlations, reverse=True)
    assert all(subtype_and_patient(pair.first)[1] != subtype_and_patient(pair.second)[1] for pair in found.most_alike)


@pytest.mark.parametrize(
    "change",
    [
        compressed,
        lambda radiograph: radiograph.point(lambda grey: 255 * (grey / 255) ** 1.5),
        lambda radiograph: radiograph.point(lambda grey: min(grey + 30, 255)),
        lambda radiograph: radiograph.filter(ImageFilter.GaussianBlur(0.5)),
        lambda radiograph: radiograph.resize((2 * radiograph.width, 2 * radiograph.height), Image.Resampling.BICUBIC),
    ],
    ids=["compressed", "gamma", "brighter", "blurred", "enlarged"],
)
def test_a_changed_copy_under_another_patients_name_is_found(radiographs, change):
    original = next(path for path in radiographs if path.startswith("train/NORMAL"))
    found = leakage(radiographs | {"test/PNEUMONIA/person999_virus_1.jpeg": change(radiographs[original])})
    (pair,) = found.almost_identical
    assert {pair.first, pair.second} == {original, "test/PNEUMONIA/person999_virus_1.jpeg"}
    assert pair.correlation >= ALIKE
    assert pair.across_splits
    assert pair.across_labels


def test_identical_images_are_counted_as_groups_and_not_again_as_almost_identical(radiographs):
    original = next(path for path in radiographs if path.startswith("train/NORMAL"))
    copies = dict.fromkeys(("train/NORMAL/IM-9000-0001.jpeg", "train/PNEUMONIA/person999_virus_1.jpeg"), radiographs[original])
    found = leakage(radiographs | copies)
    (group,) = found.identical
    assert set(group.paths) == {original, *copies}
    assert (group.splits, group.labels, group.patients) == (("train",), ("NORMAL", "PNEUMONIA"), 3)
    assert (found.identical_across_splits, found.identical_with_two_labels) == (0, 1)
    assert found.almost_identical == ()
    found = leakage(radiographs | {"test/NORMAL/IM-9000-0001.jpeg": radiographs[original]})
    assert found.identical_across_splits == 1


def test_patients_in_two_splits_and_radiographs_left_out_are_counted(radiographs):
    left_out = pd.DataFrame({"path": ["a", "b"], "problem": "unreadable", "detail": "cut short"})
    some = dict(list(radiographs.items())[:4])
    twice = {
        "train/NORMAL/IM-9-0001.jpeg": radiographs["test/NORMAL/NORMAL2-IM-0016-0001.jpeg"],
        "val/NORMAL/IM-9-0002.jpeg": some.popitem()[1],
    }
    found = leakage(some | twice, left_out)
    assert (found.patients_in_several_splits, found.patients_in_several_parts) == (1, 0)  # val lies unused
    assert found.left_out == {"unreadable": 2}


def test_a_cohort_of_one_radiograph_and_a_radiograph_without_structure_are_no_trouble():
    black = Image.new("L", (40, 40))
    assert leakage({"train/NORMAL/a.png": black}).most_alike == ()
    grey = Image.new("L", (40, 40), 90)
    assert leakage({"train/NORMAL/a.png": black, "test/NORMAL/b.png": grey}).almost_identical == ()


def test_the_product_of_two_rows_is_their_correlation(radiographs):
    rows = fine_structure(np.stack([np.asarray(radiograph.resize((64, 64))) for radiograph in radiographs.values()][:5]))
    assert np.allclose(rows @ rows.T, np.corrcoef(rows), atol=1e-4)
