import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pneumo.audit.sentences import finding_sentence
from pneumo.audit.shortcuts import find_shortcuts

RADIOGRAPHS = {"training": 300, "validation": 80, "test": 140}
# A selection of TRAITS.
NAMES = ("aspect_ratio", "width", "stretch", "quantisation", "bytes_per_pixel", "border", "marker", "mean", "sharpness")


class SimulatedTraits:
    """Traits independent of the label, to which shortcuts and effects of the disease can be added."""

    def __init__(self, seed, radiographs=RADIOGRAPHS):
        self.rng = np.random.default_rng(seed)
        self.part = np.repeat(list(radiographs), list(radiographs.values()))
        # Two radiographs per patient, with one label.
        self.patient = np.arange(len(self.part)) // 2
        self.y_true = self.rng.integers(0, 2, self.patient.max() + 1)[self.patient]
        self.traits = pd.DataFrame({name: self.noise() for name in NAMES})

    def noise(self):
        own = self.rng.normal(size=self.patient.max() + 1)[self.patient]
        return 0.7 * own + 0.7 * self.rng.normal(size=len(self.part))

    def shift(self, trait, by, *, parts=("training", "validation", "test")):
        self.traits[trait] += by * self.y_true * np.isin(self.part, parts)

    def findings(self):
        findings = find_shortcuts(self.traits, self.y_true, self.patient.astype(str), self.part)
        assert [finding.trait for finding in findings] == list(self.traits)
        return {finding.trait: finding for finding in findings}

    def verdicts(self, *verdicts):
        return {name: finding.verdict for name, finding in self.findings().items() if finding.verdict in verdicts}


def test_cohorts_without_a_shortcut_have_no_false_finding():
    for seed in range(12):
        simulated = SimulatedTraits(seed)
        # The disease changes brightness and sharpness, in train and in test, which is not a shortcut.
        simulated.shift("mean", 1.5)
        simulated.shift("sharpness", -1.5)
        assert simulated.verdicts("shortcut", "redundant") == {}, seed
        assert simulated.verdicts("shared") == {"mean": "shared", "sharpness": "shared"}, seed


@pytest.mark.parametrize("by", [2.0, -2.0])
def test_a_planted_shortcut_is_the_only_finding(by):
    for seed in range(3):
        simulated = SimulatedTraits(seed)
        simulated.shift("mean", 1.5)
        simulated.shift("marker", by, parts=("training", "validation"))
        assert simulated.verdicts("shortcut", "redundant") == {"marker": "shortcut"}, seed


def test_a_trait_that_is_clearly_weaker_in_test_is_a_shortcut():
    simulated = SimulatedTraits(0, {"training": 400, "validation": 20, "test": 400})
    simulated.shift("stretch", 1.8, parts=("training", "validation"))
    simulated.shift("stretch", 0.6, parts=("test",))
    finding = simulated.findings()["stretch"]
    assert finding.verdict == "shortcut"
    assert finding.test.value > 0.55


def test_a_trait_with_the_opposite_sign_in_test_is_a_shortcut():
    simulated = SimulatedTraits(0)
    simulated.shift("border", 1.5, parts=("training", "validation"))
    simulated.shift("border", -1.5, parts=("test",))
    assert simulated.verdicts("shortcut") == {"border": "shortcut"}


def test_a_weak_trait_is_uninformative():
    simulated = SimulatedTraits(0, {"training": 2000, "validation": 20, "test": 2000})
    simulated.shift("border", 0.2, parts=("training", "validation"))
    finding = simulated.findings()["border"]
    assert 0.5 < finding.training.low < finding.training.value < 0.6
    assert finding.verdict == "uninformative"


def test_too_few_test_radiographs_to_decide_are_unclear():
    simulated = SimulatedTraits(2, {"training": 400, "validation": 20, "test": 100})
    simulated.shift("border", 0.9, parts=("training", "validation"))
    simulated.shift("border", 0.1, parts=("test",))
    finding = simulated.findings()["border"]
    assert finding.test.low < 0.5 < finding.test.value
    assert finding.verdict == "unclear"


def test_a_trait_correlated_with_a_shortcut_is_redundant():
    simulated = SimulatedTraits(3)
    simulated.shift("aspect_ratio", 2.5, parts=("training", "validation"))
    simulated.traits["width"] = 3 * simulated.traits["aspect_ratio"] + 100
    simulated.traits["border"] = -2 * simulated.traits["aspect_ratio"] + simulated.noise()
    findings = simulated.findings()
    assert findings["aspect_ratio"].verdict == "shortcut"
    assert [(findings[name].verdict, findings[name].redundant_with) for name in ("width", "border")] == [
        ("redundant", "aspect_ratio")
    ] * 2


def test_two_independent_shortcuts_are_both_found():
    simulated = SimulatedTraits(4)
    for trait in ("aspect_ratio", "marker"):
        simulated.shift(trait, 2.0, parts=("training", "validation"))
    assert simulated.verdicts("shortcut", "redundant") == {"aspect_ratio": "shortcut", "marker": "shortcut"}


def test_a_constant_trait_is_not_judged_and_one_that_is_constant_in_test_is_lost_there():
    simulated = SimulatedTraits(5)
    simulated.traits["width"] = 224.0
    simulated.traits["quantisation"] = np.nan
    simulated.traits["colour"] = (
        (simulated.y_true == 1) & (simulated.part != "test") & (simulated.rng.random(len(simulated.part)) < 0.6)
    ).astype(float)
    findings = simulated.findings()
    assert findings["width"].verdict == findings["quantisation"].verdict == "constant"
    assert findings["width"].training.value is None
    assert findings["colour"].verdict == "shortcut"
    assert findings["colour"].test.value is None
    assert "in test in 50 %" in finding_sentence(findings["colour"])


def test_radiographs_without_a_trait_are_ignored_for_it():
    simulated = SimulatedTraits(6)
    simulated.traits.loc[::3, "quantisation"] = np.nan
    known = ~simulated.traits["quantisation"].isna() & (simulated.part == "training")
    assert simulated.findings()["quantisation"].training.value == pytest.approx(
        roc_auc_score(simulated.y_true[known], simulated.traits["quantisation"][known])
    )


def test_aurocs_equal_those_of_scikit_learn_and_lie_in_their_intervals():
    simulated = SimulatedTraits(7)
    simulated.shift("mean", -1.0)
    finding = simulated.findings()["mean"]
    for part in RADIOGRAPHS:
        estimate, rows = getattr(finding, part), simulated.part == part
        assert estimate.value == pytest.approx(roc_auc_score(simulated.y_true[rows], simulated.traits["mean"][rows]))
        assert estimate.low < estimate.value < estimate.high
    assert finding.validation.high - finding.validation.low > finding.training.high - finding.training.low


def test_a_perfect_shortcut_is_found():
    simulated = SimulatedTraits(8)
    simulated.shift("aspect_ratio", 100.0, parts=("training", "validation"))
    finding = simulated.findings()["aspect_ratio"]
    assert finding.training.value == 1
    assert finding.verdict == "shortcut"


def test_parts_with_few_patients_are_not_judged():
    simulated = SimulatedTraits(9, {"training": 500, "validation": 50, "test": 30})
    simulated.shift("marker", 3.0, parts=("training", "validation"))
    assert set(simulated.verdicts("too_few")) == set(NAMES)


def test_without_test_radiographs_predictive_traits_are_untested():
    simulated = SimulatedTraits(10, {"training": 200})
    simulated.shift("quantisation", 100.0)
    simulated.shift("bytes_per_pixel", -2.0)
    findings = simulated.findings()
    assert simulated.verdicts("untested", "shortcut", "shared") == {"quantisation": "untested", "bytes_per_pixel": "untested"}
    assert findings["quantisation"].test.value is None
