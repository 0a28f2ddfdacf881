import hashlib
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter

from pneumo import config
from pneumo.audit.leakage import MOST_SIMILAR, NEAR_DUPLICATE, find_leakage, fine_structure
from pneumo.phantom.cohort import write_cohort
from tests.path_names import subtype_and_patient

NONE_LEFT_OUT = pd.DataFrame(columns=["path", "problem", "detail"])


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory):
    """Radiographs of many synthetic children, by path."""
    root = write_cohort(config.Phantom(patients=60, size_px=96), tmp_path_factory.mktemp("cohort"))
    return {file.relative_to(root).as_posix(): Image.open(file).convert("L") for file in sorted(root.glob("*/*/*.jpeg"))}


def leakage(radiographs, left_out=NONE_LEFT_OUT):
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


def test_radiographs_of_different_children_or_of_one_child_are_not_near_duplicates(radiographs):
    result = leakage(radiographs)
    assert result.patients == 60
    assert (result.patients_in_several_splits, result.patients_in_several_parts) == (0, 0)
    assert result.identical == ()
    assert result.near_duplicates == ()
    assert len(result.most_similar) == MOST_SIMILAR
    correlations = [pair.correlation for pair in result.most_similar]
    assert correlations == sorted(correlations, reverse=True)
    assert all(subtype_and_patient(pair.first)[1] != subtype_and_patient(pair.second)[1] for pair in result.most_similar)


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
def test_an_edited_copy_under_another_patients_name_is_a_near_duplicate(radiographs, change):
    original = next(path for path in radiographs if path.startswith("train/NORMAL"))
    result = leakage(radiographs | {"test/PNEUMONIA/person999_virus_1.jpeg": change(radiographs[original])})
    (pair,) = result.near_duplicates
    assert {pair.first, pair.second} == {original, "test/PNEUMONIA/person999_virus_1.jpeg"}
    assert pair.correlation >= NEAR_DUPLICATE
    assert pair.across_splits
    assert pair.across_labels


def test_identical_images_are_counted_as_groups_and_not_as_near_duplicates(radiographs):
    original = next(path for path in radiographs if path.startswith("train/NORMAL"))
    copies = dict.fromkeys(("train/NORMAL/IM-9000-0001.jpeg", "train/PNEUMONIA/person999_virus_1.jpeg"), radiographs[original])
    result = leakage(radiographs | copies)
    (group,) = result.identical
    assert set(group.paths) == {original, *copies}
    assert (group.splits, group.labels, group.patients) == (("train",), ("NORMAL", "PNEUMONIA"), 3)
    assert (result.identical_across_splits, result.identical_with_two_labels) == (0, 1)
    assert result.near_duplicates == ()
    result = leakage(radiographs | {"test/NORMAL/IM-9000-0001.jpeg": radiographs[original]})
    assert result.identical_across_splits == 1


def test_patients_in_two_splits_and_radiographs_left_out_are_counted(radiographs):
    left_out = pd.DataFrame({"path": ["a", "b"], "problem": "unreadable", "detail": "cut short"})
    some = dict(list(radiographs.items())[:4])
    added = {
        "train/NORMAL/IM-9-0001.jpeg": radiographs["test/NORMAL/NORMAL2-IM-0016-0001.jpeg"],
        "val/NORMAL/IM-9-0002.jpeg": some.popitem()[1],
    }
    result = leakage(some | added, left_out)
    assert (result.patients_in_several_splits, result.patients_in_several_parts) == (1, 0)  # val is unused
    assert result.left_out == {"unreadable": 2}


def test_a_cohort_of_one_radiograph_and_uniform_radiographs_are_handled():
    black = Image.new("L", (40, 40))
    assert leakage({"train/NORMAL/a.png": black}).most_similar == ()
    grey = Image.new("L", (40, 40), 90)
    assert leakage({"train/NORMAL/a.png": black, "test/NORMAL/b.png": grey}).near_duplicates == ()


def test_the_product_of_two_rows_is_their_correlation(radiographs):
    rows = fine_structure(np.stack([np.asarray(radiograph.resize((64, 64))) for radiograph in radiographs.values()][:5]))
    assert np.allclose(rows @ rows.T, np.corrcoef(rows), atol=1e-4)
