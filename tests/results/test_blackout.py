import numpy as np
import pandas as pd
import pytest

from pneumo.results.blackout import score
from tests.tiny_blackout import blackout

PATIENTS = 60
RADIOGRAPHS = pd.DataFrame({"patient": [str(number) for number in range(PATIENTS)], "y_true": np.arange(PATIENTS) % 2})


def test_the_auroc_has_an_interval_and_the_shifted_one_is_its_own():
    y_score = RADIOGRAPHS["y_true"] * 0.3 + np.random.default_rng(0).random(PATIENTS) * 0.7
    condition = score(RADIOGRAPHS, y_score.to_numpy(), np.full(PATIENTS, 0.5), "lungs", "black")
    assert condition.auroc.low < condition.auroc.value < condition.auroc.high
    assert condition.shifted.value == 0.5
    assert condition.title == "lungs removed, black"


@pytest.mark.parametrize(
    ("without", "words"),
    [
        ((0.7, 0.96), "95.8% of its AUROC above 0.5 remains: it may use something else"),
        ((0.55, 0.52), "10.4% of its AUROC above 0.5 remains: it depends on the lungs."),
        ((0.8, 0.75), "it depends on the lungs only in part."),
        ((0.4, 0.5), "0.0% of its AUROC above 0.5 remains: it depends on the lungs."),
    ],
)
def test_the_verdict_follows_from_the_higher_auroc_without_lungs(without, words):
    controls = blackout(1, auroc=0.98, without_lungs=without)
    assert words in controls.verdict
    assert f"lungs removed, black {without[0]:.3f}; lungs removed, mean grey {without[1]:.3f}" in controls.summary
    assert controls.card_sentence.startswith("On 60 validation radiographs its AUROC is 0.980")
    assert controls.verdict in controls.card_sentence


def test_a_model_no_better_than_chance_has_no_verdict():
    assert "No verdict" in blackout(1, auroc=0.5, without_lungs=(0.5, 0.5)).verdict


def test_controls_of_another_definition_are_not_current(tmp_path):
    assert blackout(1).is_current(tmp_path)
    assert not blackout(1).model_copy(update={"definition": "other"}).is_current(tmp_path)
