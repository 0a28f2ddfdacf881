"""Parts, labels and class weights of a dataset, and what a process receives of it."""

import copy
import io
import pickle

import numpy as np
import pytest
from rich.console import Console

from pneumo.config import CnnRecipe, Cohort, Fit, Protocol
from pneumo.training.dataset import at_size, balanced_class_weight, load_cohort

RECIPE = CnnRecipe(image_size_px=256)
PIXEL_BYTES = 27 * 256 * 256


@pytest.fixture
def dataset(tmp_path, kermany_folder):
    settings, protocol = Cohort(cache_dir=tmp_path / "data"), Protocol(validation_fraction=0.3)
    cohort, parts = load_cohort(kermany_folder, settings, protocol, Console(file=io.StringIO()))
    return at_size(cohort, parts, RECIPE, settings.cache_dir)


def test_balanced_weights_are_those_documented_for_the_official_train_split():
    weights = balanced_class_weight(np.repeat([0, 1], [1341, 3875]))
    assert weights == pytest.approx({0: 1.9448173005219984, 1: 0.6730322580645162})


def test_class_weights_are_those_of_the_training_part_or_none(dataset):
    assert dataset.class_weight(Fit()) is None
    assert dataset.class_weight(Fit(class_weights="balanced")) == balanced_class_weight(dataset.y_true("training"))


def test_no_patient_is_in_two_parts(dataset):
    patients = dataset.table.groupby("part")["patient"].agg(set)
    assert not patients["training"] & patients["validation"]
    assert not (patients["training"] | patients["validation"]) & patients["test"]


def test_rows_labels_and_counts_are_those_of_the_table(dataset):
    for part, counts in dataset.counts().items():
        table = dataset.table[dataset.table["part"] == part]
        assert dataset.table["path"].iloc[dataset.rows(part)].tolist() == table["path"].tolist()
        assert dataset.y_true(part).tolist() == [int(label == "PNEUMONIA") for label in table["label"]]
        for label, count in counts.items():
            assert count["images"] == (table["label"] == label).sum()
    assert dataset.counts()["test"]["PNEUMONIA"] == {"images": 4, "patients": 2}


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda dataset: pickle.loads(pickle.dumps(dataset))])  # noqa: S301
def test_a_copy_for_another_process_maps_the_pixels_and_does_not_contain_them(dataset, duplicate):
    assert dataset.pixels.nbytes == PIXEL_BYTES
    assert len(pickle.dumps(dataset)) < 100 * 2**10 < PIXEL_BYTES
    other = duplicate(dataset)
    assert "pixels" not in vars(other)
    assert isinstance(other.pixels, np.memmap)
    np.testing.assert_array_equal(other.pixels, dataset.pixels)
    assert other.fingerprint == dataset.fingerprint
    assert other.table.equals(dataset.table)


def test_the_pixels_are_found_from_another_working_directory(dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    relative = at_size(dataset.cohort, dataset.table["part"], RECIPE, dataset.cache_dir)
    monkeypatch.chdir("/")
    assert relative.pixels_file.is_absolute()
    np.testing.assert_array_equal(relative.pixels, dataset.pixels)
