import numpy as np
import pandas as pd

from pneumo.audit.linear_baseline import linear_baseline


def cohort_table(patients, radiographs=2):
    """Table of a cohort with this many patients of each class in train, and a third of them in test."""
    rows = [
        (split, label, f"{split}-{label}-{number}")
        for split, count in (("train", patients), ("test", max(patients // 3, 1)))
        for label in ("NORMAL", "PNEUMONIA")
        for number in range(count)
        for _ in range(radiographs)
    ]
    return pd.DataFrame(rows, columns=["split", "label", "patient"])


def thumbnails(table, rng, *, brighter):
    """Noise, in which one corner of the PNEUMONIA radiographs is brighter."""
    noise = rng.normal(120, 30, (len(table), 64, 64))
    noise[:, :20, :20] += brighter * (table["label"] == "PNEUMONIA").to_numpy()[:, None, None]
    return np.clip(noise, 0, 255).astype(np.uint8)


def test_it_learns_a_difference_in_brightness_and_nothing_from_noise():
    rng, table = np.random.default_rng(0), cohort_table(40)
    result = linear_baseline(thumbnails(table, rng, brighter=8), table, seed=0)
    assert (result.side_px, result.folds) == (32, 5)
    assert result.cross_validated.value > 0.95
    assert result.test.value > 0.95
    assert result.cross_validated.low <= result.cross_validated.value <= result.cross_validated.high
    assert result.sensitivity.value > 0.7
    noise = linear_baseline(thumbnails(table, rng, brighter=0), table, seed=0)
    assert noise.test.low < 0.5 < noise.test.high


def test_a_difference_in_train_only_does_not_help_on_test():
    rng, table = np.random.default_rng(1), cohort_table(40)
    images = thumbnails(table, rng, brighter=0)
    planted = ((table["label"] == "PNEUMONIA") & (table["split"] == "train")).to_numpy()
    images[planted, :20, :20] = np.minimum(images[planted, :20, :20], 225) + 30
    result = linear_baseline(images, table, seed=0)
    assert result.cross_validated.value > 0.95
    assert result.test.value < 0.75


def test_the_number_of_folds_is_limited_by_the_patients():
    rng = np.random.default_rng(2)
    assert linear_baseline(thumbnails(cohort_table(3), rng, brighter=20), cohort_table(3), seed=0).folds == 3
    assert linear_baseline(thumbnails(cohort_table(1), rng, brighter=20), cohort_table(1), seed=0) is None
