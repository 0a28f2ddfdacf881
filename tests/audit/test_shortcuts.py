"""What gives the label away in train and not in test is named; what does so in both, or by chance, is not."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pneumo.audit.sentences import finding_sentence
from pneumo.audit.shortcuts import find_shortcuts

FILMS = {"training": 300, "validation": 80, "test": 140}
# Those that the tests speak of.
NAMES = ("aspect_ratio", "width", "squeeze", "quantisation", "bytes_per_pixel", "border", "marker", "mean", "sharpness")


class Made:
    """A table of traits that say nothing, to which shortcuts and diseases can be added."""

    def __init__(self, seed, radiographs=FILMS):
        self.rng = np.random.default_rng(seed)
        self.part = np.repeat(list(radiographs), list(radiographs.values()))
        # Two radiographs a patient, of one label.
        self.patient = np.arange(len(self.part)) // 2
        self.y_true = self.rng.integers(0, 2, self.patient.max() + 1)[self.patient]
        self.traits = pd.DataFrame({name: self.noise() for name in NAMES})

    def noise(self):
        own = self.rng.normal(size=self.patient.max() + 1)[self.patient]
        return 0.7 * own + 0.7 * self.rng.normal(size=len(self.part))

    def shift(self, trait, by, *, parts=("training", "validation", "test")):
        self.traits[trait] += by * self.y_true * np.isin(self.part, parts)

    def findings(self):
        found = find_shortcuts(self.traits, self.y_true, self.patient.astype(str), self.part)
        assert [finding.trait for finding in found] == list(self.traits)
        return {finding.trait: finding for finding in found}

    def verdicts(self, *which):
        return {name: finding.verdict for name, finding in self.findings().items() if finding.verdict in which}


def test_a_sound_cohort_has_no_shortcut_however_often_one_looks():
    for seed in range(12):
        made = Made(seed)
        # The disease whitens and blurs, in train and in test, which is no shortcut.
        made.shift("mean", 1.5)
        made.shift("sharpness", -1.5)
        assert made.verdicts("shortcut", "redundant") == {}, seed
        assert made.verdicts("shared") == {"mean": "shared", "sharpness": "shared"}, seed


@pytest.mark.parametrize("by", [2.0, -2.0])
def test_a_planted_shortcut_is_found_and_only_it(by):
    for seed in range(3):
        made = Made(seed)
        made.shift("mean", 1.5)
        made.shift("marker", by, parts=("training", "validation"))
        assert made.verdicts("shortcut", "redundant") == {"marker": "shortcut"}, seed


def test_a_trait_that_keeps_part_of_its_strength_in_test_is_a_shortcut_too():
    made = Made(0, {"training": 400, "validation": 20, "test": 400})
    made.shift("squeeze", 1.8, parts=("training", "validation"))
    made.shift("squeeze", 0.6, parts=("test",))
    finding = made.findings()["squeeze"]
    assert finding.verdict == "shortcut"
    assert finding.test.value > 0.55


def test_a_trait_that_turns_round_in_test_is_a_shortcut():
    made = Made(0)
    made.shift("border", 1.5, parts=("training", "validation"))
    made.shift("border", -1.5, parts=("test",))
    assert made.verdicts("shortcut") == {"border": "shortcut"}


def test_a_weak_trait_is_not_worth_a_warning():
    made = Made(0, {"training": 2000, "validation": 20, "test": 2000})
    made.shift("border", 0.2, parts=("training", "validation"))
    finding = made.findings()["border"]
    assert 0.5 < finding.training.low < finding.training.value < 0.6
    assert finding.verdict == "uninformative"


def test_where_test_can_neither_confirm_nor_refute_it_is_said():
    made = Made(2, {"training": 400, "validation": 20, "test": 100})
    made.shift("border", 0.9, parts=("training", "validation"))
    made.shift("border", 0.1, parts=("test",))
    finding = made.findings()["border"]
    assert finding.test.low < 0.5 < finding.test.value
    assert finding.verdict == "unclear"


def test_a_trait_that_follows_another_is_part_of_its_shortcut():
    made = Made(3)
    made.shift("aspect_ratio", 2.5, parts=("training", "validation"))
    made.traits["width"] = 3 * made.traits["aspect_ratio"] + 100
    made.traits["border"] = -2 * made.traits["aspect_ratio"] + made.noise()
    findings = made.findings()
    assert findings["aspect_ratio"].verdict == "shortcut"
    assert [(findings[name].verdict, findings[name].redundant_with) for name in ("width", "border")] == [
        ("redundant", "aspect_ratio")
    ] * 2


def test_two_shortcuts_that_have_nothing_to_do_with_each_other_are_both_named():
    made = Made(4)
    for trait in ("aspect_ratio", "marker"):
        made.shift(trait, 2.0, parts=("training", "validation"))
    assert made.verdicts("shortcut", "redundant") == {"aspect_ratio": "shortcut", "marker": "shortcut"}


def test_a_trait_without_variety_says_nothing_and_one_without_variety_in_test_has_lost_all():
    made = Made(5)
    made.traits["width"] = 224.0
    made.traits["quantisation"] = np.nan
    made.traits["colour"] = ((made.y_true == 1) & (made.part != "test") & (made.rng.random(len(made.part)) < 0.6)).astype(float)
    findings = made.findings()
    assert findings["width"].verdict == findings["quantisation"].verdict == "constant"
    assert findings["width"].training.value is None
    assert findings["colour"].verdict == "shortcut"
    assert findings["colour"].test.value is None
    assert "in test in 50 %" in finding_sentence(findings["colour"])


def test_radiographs_that_lack_a_trait_are_left_out_of_it():
    made = Made(6)
    made.traits.loc[::3, "quantisation"] = np.nan
    known = ~made.traits["quantisation"].isna() & (made.part == "training")
    assert made.findings()["quantisation"].training.value == pytest.approx(
        roc_auc_score(made.y_true[known], made.traits["quantisation"][known])
    )


def test_the_areas_are_those_of_scikit_learn_with_intervals_about_them():
    made = Made(7)
    made.shift("mean", -1.0)
    finding = made.findings()["mean"]
    for part in FILMS:
        estimate, rows = getattr(finding, part), made.part == part
        assert estimate.value == pytest.approx(roc_auc_score(made.y_true[rows], made.traits["mean"][rows]))
        assert estimate.low < estimate.value < estimate.high
    assert finding.validation.high - finding.validation.low > finding.training.high - finding.training.low


def test_a_perfect_shortcut_is_one():
    made = Made(8)
    made.shift("aspect_ratio", 100.0, parts=("training", "validation"))
    finding = made.findings()["aspect_ratio"]
    assert finding.training.value == 1
    assert finding.verdict == "shortcut"


def test_few_patients_are_not_judged():
    made = Made(9, {"training": 500, "validation": 50, "test": 30})
    made.shift("marker", 3.0, parts=("training", "validation"))
    assert set(made.verdicts("too_few")) == set(NAMES)


def test_without_test_radiographs_it_is_said_what_train_gives_away_and_no_more():
    made = Made(10, {"training": 200})
    made.shift("quantisation", 100.0)
    made.shift("bytes_per_pixel", -2.0)
    findings = made.findings()
    assert made.verdicts("untested", "shortcut", "shared") == {"quantisation": "untested", "bytes_per_pixel": "untested"}
    assert findings["quantisation"].test.value is None
