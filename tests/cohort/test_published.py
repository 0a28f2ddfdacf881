"""The published cohort is known by its size and its names, and nothing else is taken for it."""

import pandas as pd
import pytest

from pneumo.cohort.published import TRAINING_FILMS, is_published


def table(test_radiographs=3):
    rows = [("train", label, patient) for label, patient in (("NORMAL", "IM-0001"), ("PNEUMONIA", "virus-7"))]
    train = [row for row in rows for _ in range(TRAINING_FILMS[row[1]])]
    test = [("test", "NORMAL", "NORMAL2-IM-0002"), ("test", "PNEUMONIA", "bacteria-1")] * test_radiographs
    return pd.DataFrame(train + test, columns=["split", "label", "patient"])


@pytest.mark.parametrize("test_radiographs", [1, 50])
def test_the_published_train_split_is_known_however_much_of_test_there_is(test_radiographs):
    assert is_published(table(test_radiographs))


def test_a_part_of_it_or_another_naming_is_not():
    assert not is_published(table().iloc[1:])
    assert not is_published(table().replace("bacteria-1", "test/PNEUMONIA/0001"))
