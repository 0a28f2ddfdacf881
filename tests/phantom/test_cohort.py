import os
import signal
import subprocess
import sys
import time
from collections import defaultdict

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation
from sklearn.metrics import roc_auc_score

from pneumo import config
from pneumo.errors import UserError
from pneumo.phantom.cohort import is_phantom, masks, write_cohort
from tests.path_names import subtype_and_patient

SETTINGS = config.Phantom(patients=100, size_px=64)
SMALLEST = config.Phantom(patients=40, size_px=64)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_cohort(SETTINGS, tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def radiographs(root):
    return sorted(path.relative_to(root) for path in root.glob("*/*/*.jpeg"))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def complete(directory):
    return list(directory.glob("phantom-*"))


def test_the_same_settings_give_the_same_bytes(tmp_path):
    first, second = (write_cohort(SMALLEST, tmp_path / name) for name in ("first", "second"))
    assert contents(first.parent) == contents(second.parent)


def test_other_settings_give_other_radiographs_in_another_folder(tmp_path):
    first = write_cohort(SMALLEST, tmp_path)
    second = write_cohort(SMALLEST.model_copy(update={"seed": 1}), tmp_path)
    assert first != second
    assert contents(first) != contents(second)


def test_a_complete_cohort_is_not_written_again(root):
    before = {path: path.stat().st_mtime_ns for path in root.parent.rglob("*")}
    assert write_cohort(SETTINGS, root.parent.parent) == root
    assert {path: path.stat().st_mtime_ns for path in root.parent.rglob("*")} == before


def test_a_killed_run_leaves_no_cohort_and_the_next_one_deletes_its_partial_folder(tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    code = "import sys; from pathlib import Path; from pneumo import config; from pneumo.phantom.cohort import write_cohort; "
    code += "write_cohort(config.Phantom(patients=40, size_px=64), Path(sys.argv[1]))"
    with subprocess.Popen([sys.executable, "-c", code, killed]) as run:
        deadline = time.monotonic() + 60
        while not list(killed.glob(".phantom-*.partial/**/*.jpeg")) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(run.pid, signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    assert list(killed.glob(".phantom-*.partial/**/*.jpeg"))
    assert not complete(killed)
    assert contents(write_cohort(SMALLEST, killed).parent) == contents(write_cohort(SMALLEST, whole).parent)
    assert not list(killed.glob(".phantom-*.partial"))


def test_a_directory_that_cannot_be_written_is_reported_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/data: Not a directory; .* set another cohort\.cache_dir") as raised:
        write_cohort(SMALLEST, tmp_path / "file" / "data")
    assert "\n" not in str(raised.value)


def test_the_folder_is_recognized_as_synthetic(root, tmp_path):
    assert is_phantom(root)
    assert not is_phantom(tmp_path)


def test_no_patient_is_in_two_splits_and_every_split_has_both_classes(radiographs):
    splits, classes = defaultdict(set), defaultdict(set)
    for radiograph in radiographs:
        split, label, _ = radiograph.parts
        splits[subtype_and_patient(radiograph.as_posix())].add(split)
        classes[split].add(label)
    assert len(splits) == SETTINGS.patients
    assert all(len(of_patient) == 1 for of_patient in splits.values())
    assert classes == {split: {"NORMAL", "PNEUMONIA"} for split in ("train", "val", "test")}


def test_masks_have_the_radiographs_size_and_only_pneumonia_has_lesions_inside_the_lungs(root, radiographs):
    for radiograph in radiographs:
        lung, lesion, _ = masks(root, radiograph.as_posix())
        height_width = Image.open(root / radiograph).size[::-1]
        assert lung.shape == lesion.shape == height_width
        assert lung.dtype == lesion.dtype == bool
        assert lung.any()
        assert not (lesion & ~lung).any()
        assert lesion.any() == ("PNEUMONIA" in radiograph.parts)


def test_masks_are_not_among_the_radiographs(root):
    assert not list(root.rglob("*.png"))


def test_lungs_are_darker_than_the_chest_around_them(root, radiographs):
    for radiograph in (radiograph for radiograph in radiographs if "NORMAL" in radiograph.parts):
        grey, (lung, _, _) = np.asarray(Image.open(root / radiograph), float), masks(root, radiograph.as_posix())
        rows, columns = np.nonzero(lung)
        chest = np.s_[rows.min() : rows.max(), columns.min() : columns.max()]
        assert grey[chest][lung[chest]].mean() < grey[chest][~lung[chest]].mean()


def by_split_and_label(folder):
    images = defaultdict(list)
    for path in sorted(folder.glob("*/*/*.jpeg")):
        images[path.parts[-3], path.parts[-2]].append(np.asarray(Image.open(path), float))
    return images


def test_a_planted_aspect_ratio_predicts_the_label_in_train_only(tmp_path):
    planted = by_split_and_label(write_cohort(SMALLEST.model_copy(update={"shortcut": "aspect"}), tmp_path))
    ratios = {key: [image.shape[1] / image.shape[0] for image in images] for key, images in planted.items()}
    assert max(ratios["train", "NORMAL"]) < min(ratios["train", "PNEUMONIA"])
    assert max(ratios["test", "NORMAL"]) > min(ratios["test", "PNEUMONIA"])


def test_a_planted_marker_changes_nothing_but_the_marker(tmp_path):
    clean, planted = (write_cohort(SMALLEST.model_copy(update={"shortcut": kind}), tmp_path) for kind in ("none", "marker"))
    changed = 0
    for path in (path.relative_to(clean).as_posix() for path in clean.glob("*/*/*.jpeg")):
        without, with_marker = (np.asarray(Image.open(root / path), int) for root in (clean, planted))
        (_, _, default), (_, _, larger) = masks(clean, path), masks(planted, path)
        letters = default | larger
        assert 0 < default.mean() <= letters.mean() < 0.03
        # JPEG spreads a change over its block of 8 px.
        around = binary_dilation(letters, np.ones((3, 3)), iterations=8)
        assert np.array_equal(with_marker[~around], without[~around])
        changed += (with_marker != without).any()
    assert changed


def test_acquisition_is_independent_of_the_label(root, radiographs):
    y_true = np.array(["PNEUMONIA" in radiograph.parts for radiograph in radiographs])
    aspects, encodings, per_patient = [], set(), defaultdict(lambda: defaultdict(int))
    for radiograph in radiographs:
        with Image.open(root / radiograph) as image:
            aspects.append(image.width / image.height)
            encodings.add((image.mode, image.height, repr(image.quantization)))
        per_patient[radiograph.parts[1]][subtype_and_patient(radiograph.as_posix())] += 1
    # About 180 radiographs: 0.13 is some three standard errors. Bytes per pixel are not tested: the texture of a lesion adds bytes.
    assert abs(roc_auc_score(y_true, aspects) - 0.5) < 0.13
    assert len(encodings) == 1
    means = [np.mean(list(per_patient[label].values())) for label in ("NORMAL", "PNEUMONIA")]
    assert abs(means[0] - means[1]) < 0.5
    assert 1.05 < min(aspects) < 1.25
    assert 1.45 < max(aspects) < 1.65
