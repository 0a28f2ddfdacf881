"""The model to trust is chosen under acquisition shift, and never by test."""

import numpy as np

from pneumo.evaluation.scores import evaluate
from pneumo.evaluation.selection import ranked


def evaluation(*scores):
    return evaluate([0, 0, 1, 1], scores, ["normal", "normal", "viral", "viral"], 0.5)


def test_the_highest_auroc_comes_first():
    poor, good, middling = evaluation(0.9, 0.8, 0.1, 0.2), evaluation(0.1, 0.2, 0.8, 0.9), evaluation(0.1, 0.85, 0.8, 0.9)
    assert ranked([poor, good, middling]) == [1, 2, 0]


def test_of_models_that_tie_the_one_with_the_lower_cross_entropy_comes_first():
    unsure, sure = evaluation(0.4, 0.4, 0.6, 0.6), evaluation(0.1, 0.1, 0.9, 0.9)
    assert ranked([unsure, sure]) == [1, 0]


def test_an_undefined_auroc_comes_last():
    one_class = evaluate(np.ones(4, int), [0.9] * 4, ["viral"] * 4, 0.5)
    assert ranked([one_class, evaluation(0.9, 0.8, 0.1, 0.2)]) == [1, 0]
