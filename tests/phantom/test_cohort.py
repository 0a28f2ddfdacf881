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
from pneumo.cohort.layout import subtype_and_patient
from pneumo.errors import UserError
from pneumo.phantom.cohort import is_phantom, marker, masks, write_cohort

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


def finished(directory):
    return list(directory.glob("phantom-*"))


def test_the_same_settings_give_the_same_bytes(tmp_path):
    first, second = (write_cohort(SMALLEST, tmp_path / name) for name in ("first", "second"))
    assert contents(first.parent) == contents(second.parent)


def test_another_setting_gives_another_folder_with_other_radiographs(tmp_path):
    first = write_cohort(SMALLEST, tmp_path)
    second = write_cohort(SMALLEST.model_copy(update={"seed": 1}), tmp_path)
    assert first != second
    assert contents(first) != contents(second)


def test_a_finished_cohort_is_not_written_again(root):
    before = {path: path.stat().st_mtime_ns for path in root.parent.rglob("*")}
    assert write_cohort(SETTINGS, root.parent.parent) == root
    assert {path: path.stat().st_mtime_ns for path in root.parent.rglob("*")} == before


def test_a_killed_run_leaves_nothing_finished_and_the_next_one_completes_it(tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    code = "import sys; from pathlib import Path; from pneumo import config; from pneumo.phantom.cohort import write_cohort; "
    code += "write_cohort(config.Phantom(patients=40, size_px=64), Path(sys.argv[1]))"
    with subprocess.Popen([sys.executable, "-c", code, killed]) as run:
        patience = time.monotonic() + 60
        while not list(killed.glob(".phantom-*.partial/**/*.jpeg")) and time.monotonic() < patience:
            time.sleep(0.01)
        os.kill(run.pid, signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    assert list(killed.glob(".phantom-*.partial/**/*.jpeg"))
    assert not finished(killed)
    assert contents(write_cohort(SMALLEST, killed).parent) == contents(write_cohort(SMALLEST, whole).parent)
    assert not list(killed.glob(".phantom-*.partial"))


def test_a_directory_that_cannot_be_written_is_named_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/data: the phantom cohort cannot be written .* cohort\.cache_dir") as raised:
        write_cohort(SMALLEST, tmp_path / "file" / "data")
    assert "\n" not in str(raised.value)


def test_it_says_beside_its_folder_that_it_is_synthetic(root, tmp_path):
    assert is_phantom(root)
    assert not is_phantom(tmp_path)


def test_no_patient_is_in_two_splits_and_every_split_has_both_classes(radiographs):
    splits, classes = defaultdict(set), defaultdict(set)
    for radiograph in radiographs:
        split, label, _ = radiograph.parts
        splits[subtype_and_patient(radiograph.as_posix())].add(split)
        classes[split].add(label)
    assert len(splits) == SETTINGS.patients
    assert all(len(found) == 1 for found in splits.values())
    assert classes == {split: {"NORMAL", "PNEUMONIA"} for split in ("train", "val", "test")}


def test_masks_fit_their_radiographs_and_only_pneumonia_has_lesions_inside_the_lungs(root, radiographs):
    for radiograph in radiographs:
        lung, lesion = masks(root, radiograph.as_posix())
        height_width = Image.open(root / radiograph).size[::-1]
        assert lung.shape == lesion.shape == height_width
        assert lung.dtype == lesion.dtype == bool
        assert lung.any()
        assert not (lesion & ~lung).any()
        assert lesion.any() == ("PNEUMONIA" in radiograph.parts)


def test_masks_are_no_radiographs_of_the_cohort(root):
    assert not list(root.rglob("*.png"))


def test_lungs_are_darker_than_the_chest_between_and_around_them(root, radiographs):
    for radiograph in (radiograph for radiograph in radiographs if "NORMAL" in radiograph.parts):
        grey, (lung, _) = np.asarray(Image.open(root / radiograph), float), masks(root, radiograph.as_posix())
        rows, columns = np.nonzero(lung)
        chest = np.s_[rows.min() : rows.max(), columns.min() : columns.max()]
        assert grey[chest][lung[chest]].mean() < grey[chest][~lung[chest]].mean()


def by_split_and_label(folder):
    found = defaultdict(list)
    for path in sorted(folder.glob("*/*/*.jpeg")):
        found[path.parts[-3], path.parts[-2]].append(np.asarray(Image.open(path), float))
    return found


def test_a_planted_shape_gives_the_label_away_in_train_only(tmp_path):
    planted = by_split_and_label(write_cohort(SMALLEST.model_copy(update={"shortcut": "aspect"}), tmp_path))
    shapes = {
        where: [radiograph.shape[1] / radiograph.shape[0] for radiograph in radiographs] for where, radiographs in planted.items()
    }
    assert max(shapes["train", "NORMAL"]) < min(shapes["train", "PNEUMONIA"])
    assert max(shapes["test", "NORMAL"]) > min(shapes["test", "PNEUMONIA"])


def test_a_planted_marker_changes_nothing_but_the_marker(tmp_path):
    clean, planted = (write_cohort(SMALLEST.model_copy(update={"shortcut": kind}), tmp_path) for kind in ("none", "marker"))
    changed = 0
    for path in (path.relative_to(clean).as_posix() for path in clean.glob("*/*/*.jpeg")):
        usual, radiograph = (np.asarray(Image.open(root / path), int) for root in (clean, planted))
        letters = marker(clean, path) | marker(planted, path)
        assert 0 < marker(clean, path).mean() <= letters.mean() < 0.03
        # JPEG spreads a change over its block of 8 px.
        around = binary_dilation(letters, np.ones((3, 3)), iterations=8)
        assert np.array_equal(radiograph[~around], usual[~around])
        changed += (radiograph != usual).any()
    assert changed


def test_acquisition_says_nothing_about_the_label(root, radiographs):
    y_true = np.array(["PNEUMONIA" in radiograph.parts for radiograph in radiographs])
    aspects, encodings, per_patient = [], set(), defaultdict(lambda: defaultdict(int))
    for radiograph in radiographs:
        with Image.open(root / radiograph) as image:
            aspects.append(image.width / image.height)
            encodings.add((image.mode, image.height, repr(image.quantization)))
        per_patient[radiograph.parts[1]][subtype_and_patient(radiograph.as_posix())] += 1
    # About 180 radiographs: 0.13 is some three standard errors. Bytes a pixel are left out: a lesion's texture takes bytes of its own.
    assert abs(roc_auc_score(y_true, aspects) - 0.5) < 0.13
    assert len(encodings) == 1
    means = [np.mean(list(per_patient[label].values())) for label in ("NORMAL", "PNEUMONIA")]
    assert abs(means[0] - means[1]) < 0.5
    assert 1.05 < min(aspects) < 1.25
    assert 1.45 < max(aspects) < 1.65
