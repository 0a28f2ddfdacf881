"""Radiographs that are drawn to be labelled."""

import numpy as np
import pytest

from pneumo.evaluation.labelling import draw_labelled

PATIENTS = 60
SIZES = np.random.default_rng(0).integers(1, 4, PATIENTS)
PATIENT = np.repeat([f"p{number}" for number in range(PATIENTS)], SIZES)
Y_TRUE = np.repeat((np.arange(PATIENTS) % 3 == 0).astype(int), SIZES)


@pytest.mark.parametrize("count", [25, 50, 100])
def test_as_many_radiographs_of_whole_patients_in_the_proportion_of_the_classes(count):
    rows = draw_labelled(Y_TRUE, PATIENT, count, seed=1)
    assert rows.size == np.unique(rows).size == count
    drawn = set(PATIENT[rows])
    assert not drawn & set(np.delete(PATIENT, rows))
    assert Y_TRUE[rows].mean() == pytest.approx(Y_TRUE.mean(), abs=0.04)


def test_all_are_drawn_where_as_many_are_asked_for():
    assert draw_labelled(Y_TRUE, PATIENT, len(Y_TRUE), seed=0).tolist() == list(range(len(Y_TRUE)))


def test_the_seed_decides():
    first, again, other = (draw_labelled(Y_TRUE, PATIENT, 25, seed) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


def test_never_more_than_asked_for_and_no_patient_who_takes_most_of_a_class():
    patient = np.repeat(["large normal", "large pneumonia", *map(str, range(30))], [12, 12, *[1] * 30])
    y_true = np.repeat([0, 1, *np.arange(30) % 2], [12, 12, *[1] * 30])
    rows = draw_labelled(y_true, patient, 25, seed=0)
    assert rows.size == 25
    assert not any("large" in name for name in patient[rows])
    assert draw_labelled(np.array([0, 0, 0, 1, 1, 1]), np.repeat(["a", "b"], 3), 4, seed=0).size <= 4
