"""Validation by worst views."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pneumo.evaluation.worst_view import worst_views

VIEWS = pd.DataFrame(
    {
        "path": ["n", "p", "n", "p", "n", "p"],
        "y_true": [0, 1, 0, 1, 0, 1],
        "y_score": [0.2, 0.9, 0.6, 0.5, 0.1, 0.7],
        "view": [1, 1, 2, 2, 3, 3],
    }
)


def test_a_radiograph_counts_by_the_view_that_is_scored_worst():
    worst = worst_views(VIEWS)
    assert worst[["path", "y_score", "view"]].to_numpy().tolist() == [["n", 0.6, 2], ["p", 0.5, 2]]


@pytest.mark.parametrize("seed", range(3))
def test_no_view_alone_is_worse(seed):
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, 2, 60)
    radiographs = pd.DataFrame({"path": [f"{n}.png" for n in range(60)], "y_true": y_true})
    scores = np.clip(0.3 + 0.4 * y_true + rng.normal(0, 0.2, (3, 60)), 0, 1)
    shifted = pd.concat([radiographs.assign(view=view, y_score=scores[view]) for view in range(3)])
    worst = worst_views(shifted)
    assert len(worst) == 60
    aurocs = [roc_auc_score(view["y_true"], view["y_score"]) for _, view in shifted.groupby("view")]
    assert roc_auc_score(worst["y_true"], worst["y_score"]) < min(aurocs)


def test_scores_that_do_not_change_with_the_view_stay_as_they_are():
    constant = VIEWS.assign(y_score=VIEWS["y_true"] * 0.5 + 0.2)
    assert worst_views(constant)["y_score"].tolist() == [0.2, 0.7]
