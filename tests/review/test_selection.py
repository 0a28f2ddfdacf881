"""Which radiographs are reviewed: contradictions by confidence, controls of the same labels, in an order that tells nothing."""

from collections import Counter

import numpy as np
import pytest

from pneumo.errors import UserError
from pneumo.evaluation.calibration import logits
from pneumo.review.selection import margins, select
from tests.review.review_inputs import model, shared_model


def decided(rows):
    return (rows["margin"] >= 0).astype(int)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("contradictions", [1, 7, 20, 499])
def test_contradictions_are_wrong_and_controls_right_and_both_have_the_same_labels(contradictions, seed):
    table = margins([model()])
    selected = select(table, contradictions, seed)
    groups = dict(list(selected.groupby("group")))
    wrong, right = groups["contradiction"], groups["control"]
    assert (decided(wrong) != wrong["y_true"]).all()
    assert (decided(right) == right["y_true"]).all()
    assert Counter(wrong["y_true"]) == Counter(right["y_true"])
    assert len(wrong) == min(contradictions, int((decided(table) != table["y_true"]).sum()))
    assert selected["path"].is_unique


def test_the_most_confident_contradictions_are_taken():
    table = margins([model()])
    selected = select(table, 5, 0)
    wrong = table[decided(table) != table["y_true"]]
    largest = wrong["margin"].abs().sort_values(ascending=False).head(5)
    chosen = selected[selected["group"] == "contradiction"]["margin"].abs().sort_values(ascending=False)
    np.testing.assert_array_equal(chosen, largest)


def test_the_decision_of_one_model_is_that_of_its_threshold():
    single = model(threshold=0.3)
    table, test = margins([single]), single.predictions["test"].set_index("path").loc[margins([single])["path"]]
    np.testing.assert_array_equal(decided(table), (test["y_score"] >= 0.3).astype(int))


def test_several_models_decide_by_the_mean_of_their_tempered_logits():
    first, second = model(threshold=0.5, temperature=2.0), shared_model(2, threshold=0.5, temperature=None)
    table = margins([first, second]).set_index("path")["margin"]
    scores = [one.predictions["test"].set_index("path")["y_score"].loc[table.index].to_numpy() for one in (first, second)]
    np.testing.assert_allclose(table, (logits(scores[0]) / 2 + logits(scores[1])) / 2)
    with pytest.raises(UserError, match="tested on different radiographs"):
        margins([first, model(2)])


def test_the_order_does_not_tell_the_group_or_the_label():
    table, size = margins([model()]), 40
    places = np.arange(size) / (size - 1)
    orders = [select(table, size // 2, seed) for seed in range(300)]
    for column, value in (("group", "contradiction"), ("y_true", 1)):
        mean = [places[(order[column] == value).to_numpy()].mean() for order in orders]
        # Half within the error of the mean of 300 orders.
        assert np.mean(mean) == pytest.approx(0.5, abs=4 * np.std(mean) / np.sqrt(len(mean)))
        first = np.mean([order[column].iloc[0] == value for order in orders])
        assert first == pytest.approx((orders[0][column] == value).mean(), abs=0.12)
        assert all(order[column].nunique() == 2 and not order[column].is_monotonic_increasing for order in orders)


def test_the_seed_alone_decides_controls_and_order():
    table = margins([model()])
    first, again, other = (select(table, 8, seed) for seed in (0, 0, 1))
    assert first.equals(again)
    assert set(first[first["group"] == "contradiction"]["path"]) == set(other[other["group"] == "contradiction"]["path"])
    assert first["path"].tolist() != other["path"].tolist()
    shuffled = select(table.sample(frac=1, random_state=3), 8, 0)
    assert shuffled["path"].tolist() == first["path"].tolist()


def test_a_label_without_enough_controls_has_fewer_contradictions():
    table = margins([model()]).assign(y_true=1)
    table["margin"] = -table["margin"].abs()
    table.loc[:2, "margin"] = 1.0
    assert Counter(select(table, 20, 0)["group"]) == {"contradiction": 3, "control": 3}


def test_a_model_without_mistakes_is_refused():
    table = margins([model()])
    table["y_true"] = decided(table)
    with pytest.raises(UserError, match="nothing to review"):
        select(table, 5, 0)
