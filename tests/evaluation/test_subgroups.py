"""Subgroups: their bounds, their scores, and those that are too small to have any."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pneumo.evaluation.scores import Predictions
from pneumo.evaluation.subgroups import MAX_GROUPS, MIN_IMAGES, subgroup_scores


def predictions(images: int) -> Predictions:
    rng = np.random.default_rng(0)
    y_true = np.arange(images) % 2
    y_score = 1 / (1 + np.exp(-rng.normal(np.where(y_true, 1.0, -1.0), 1.5)))
    return Predictions(y_true, y_score, np.arange(images).astype(str), np.where(y_true, "viral", "normal"))


def by_group(table: pd.DataFrame, given: Predictions, threshold: float = 0.5):
    return {(group.attribute, group.group): group for group in subgroup_scores(table, given, threshold)}


def test_a_cohort_without_attributes_has_no_subgroups():
    assert subgroup_scores(pd.DataFrame({"path": ["a", "b"]}), predictions(2), 0.5) == ()
    nothing = pd.DataFrame({"age_years": [np.nan] * 2, "sex": ["", ""], "view": ["", " "]})
    assert subgroup_scores(nothing, predictions(2), 0.5) == ()


def test_the_bounds_of_age_groups_belong_to_the_older_one():
    ages = [0.0, 4.9, 5.0, 17.9, 18.0, 64.9, 65.0, 101.0, np.nan, -1.0]
    groups = by_group(pd.DataFrame({"age_years": ages}), predictions(10))
    assert [(name, group.images) for (_, name), group in groups.items()] == [
        ("under 5 years", 2), ("5 to 17 years", 2), ("18 to 64 years", 2), ("65 years and over", 2), ("unknown", 2),
    ]  # fmt: skip


def test_scores_are_those_of_the_members_alone_and_every_radiograph_is_in_one_group():
    given = predictions(200)
    sex = np.where(np.arange(200) % 5 < 3, "F", "M")
    groups = by_group(pd.DataFrame({"sex": sex}), given, threshold=0.4)
    assert list(groups) == [("sex", "female"), ("sex", "male")]
    assert sum(group.images for group in groups.values()) == 200
    members = sex == "F"
    female = groups["sex", "female"]
    assert female.auroc.value == pytest.approx(roc_auc_score(given.y_true[members], given.y_score[members]))
    positive = members & (given.y_true == 1)
    assert female.sensitivity.value == pytest.approx((given.y_score[positive] >= 0.4).mean())
    assert female.pneumonia == positive.sum()
    assert female.auroc.low < female.auroc.value < female.auroc.high


def test_a_small_group_or_one_of_a_single_class_is_counted_without_scores():
    given = predictions(2 * MIN_IMAGES + 1)
    view = np.where(given.y_true == 1, "AP", "PA").astype(object)
    maker = np.where(np.arange(2 * MIN_IMAGES + 1) < MIN_IMAGES - 1, "small", "large")
    groups = by_group(pd.DataFrame({"view": view, "manufacturer": maker}), given)
    assert groups["view", "AP"].images >= MIN_IMAGES
    for name in (("view", "AP"), ("view", "PA"), ("manufacturer", "small")):
        assert groups[name].auroc.value is groups[name].sensitivity.value is groups[name].specificity.value is None
    assert groups["manufacturer", "large"].auroc.value is not None


def test_rare_values_of_free_text_are_put_together_and_unknown_stays_apart():
    maker = ["A"] * 30 + [f"maker {number:02}" for number in range(40)] + [""] * 10
    groups = by_group(pd.DataFrame({"manufacturer": maker}), predictions(80))
    assert len(groups) <= MAX_GROUPS + 1
    assert sum(group.images for group in groups.values()) == 80
    names = [name for _, name in groups]
    assert names[0] == "A"
    assert names[-2:] == ["rarer values", "unknown"]
