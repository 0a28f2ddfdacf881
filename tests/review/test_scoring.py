"""Agreement of readers, label and model on a package."""

import csv
import io
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from pneumo.review.scoring import NOTES, pair_agreements, to_csv
from tests.review.review_inputs import write


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return write(tmp_path_factory.mktemp("package") / "review", contradictions=30)


def answered(key, **readers):
    """Findings of readers, each a function of a radiograph of the key."""
    rows = [(name, one.number, finding(one)) for name, finding in readers.items() for one in key.radiographs]
    return pd.DataFrame(rows, columns=["reader", "number", "finding"])


def guess(seed):
    rng = np.random.default_rng(seed)
    return lambda _: rng.choice(["NORMAL", "PNEUMONIA"])


def of(pairs, group, *raters):
    return next(pair for pair in pairs if pair.group == group and {pair.first, pair.second} == set(raters))


def test_a_perfect_reader_agrees_with_the_label_and_contradicts_the_model_where_it_errs(key):
    pairs = pair_agreements(key, answered(key, expert=lambda one: one.label))
    for group in ("contradiction", "control"):
        own = of(pairs, group, "expert", "label").agreement
        assert (own.raw.value, own.kappa.value, own.same) == (1, 1, 30)
    assert of(pairs, "contradiction", "expert", "model").agreement.raw.value == 0
    assert of(pairs, "control", "expert", "model").agreement.kappa.value == 1


def test_every_pair_is_compared_once_in_each_group_and_kappa_is_scikit_learns(key):
    findings = answered(key, a=guess(1), b=guess(2))
    pairs = pair_agreements(key, findings)
    raters = {name: rows.set_index("number")["finding"] for name, rows in findings.groupby("reader")}
    for name, field in {"label": "label", "model": "decision"}.items():
        raters[name] = pd.Series({one.number: getattr(one, field) for one in key.radiographs})
    expected = [(group, *pair) for group in ("contradiction", "control") for pair in combinations(("a", "b", "label", "model"), 2)]
    assert [(pair.group, pair.first, pair.second) for pair in pairs] == expected
    for pair in pairs:
        numbers = [one.number for one in key.radiographs if one.group == pair.group]
        first, second = (raters[name].loc[numbers].to_numpy(str) for name in (pair.first, pair.second))
        assert pair.agreement.kappa.value == pytest.approx(cohen_kappa_score(first, second))
        assert pair.agreement.raw.value == pytest.approx(np.mean(first == second))
        patients = len({one.patient for one in key.radiographs if one.group == pair.group})
        assert (pair.given, pair.agreement.radiographs, pair.agreement.patients) == (30, 30, patients)
        if "model" not in (pair.first, pair.second):
            assert pair.agreement.kappa.low < pair.agreement.kappa.value < pair.agreement.kappa.high


def test_cannot_tell_and_unanswered_are_left_out_and_counted(key):
    def hesitant(one):
        return {1: "cannot tell", 2: "cannot tell", 3: ""}.get(one.number, one.label)

    findings = answered(key, a=hesitant, b=lambda one: "cannot tell" if one.number <= 3 else one.label)
    pairs = pair_agreements(key, findings[(findings["reader"] != "b") | (findings["number"] != 4)])
    groups = {one.number: one.group for one in key.radiographs}
    for group in ("contradiction", "control"):
        own, both = of(pairs, group, "a", "label"), of(pairs, group, "a", "b")
        assert own.cannot_tell == [groups[1], groups[2]].count(group)
        assert own.unanswered == (groups[3] == group)
        assert both.unanswered == [groups[3], groups[4]].count(group)
        assert both.cannot_tell == [groups[1], groups[2]].count(group)
        for pair in (own, both):
            assert pair.agreement.radiographs == pair.given - pair.unanswered - pair.cannot_tell
            assert pair.agreement.kappa.value == 1
    silent = pair_agreements(key, answered(key, a=lambda _: "cannot tell"))
    assert of(silent, "control", "a", "label").agreement.raw.value is None


def test_the_table_has_every_number_and_no_formula(key):
    pairs = pair_agreements(key, answered(key, **{"=cmd|' /C calc'!A0": guess(1), "b": guess(2)}))
    rows = list(csv.DictReader(io.StringIO(to_csv(pairs))))
    assert len(rows) == len(pairs) == 12
    assert rows[0]["first"].startswith("'=")
    for row, pair in zip(rows, pairs, strict=True):
        assert (row["group"], int(row["compared"])) == (pair.group, pair.agreement.radiographs)
        assert float(row["kappa"]) == pair.agreement.kappa.value
        assert not [cell for cell in (row["first"], row["second"]) if cell.startswith(("=", "+", "@"))]


def test_the_notes_say_what_the_numbers_are_not():
    text = " ".join(NOTES)
    assert "not of the cohort" in text
    assert "“cannot tell” is no finding" in text
