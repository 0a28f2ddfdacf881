import numpy as np
import pytest

from pneumo.results.experiment import METRICS, Scores, spread_of
from tests.tiny_experiments import cross_validation, evaluation, predictions


def test_mean_and_sd_are_those_of_numpy():
    folds = [fold.scores for fold in cross_validation().folds]
    spread = spread_of(folds)
    assert tuple(spread) == METRICS
    for metric in METRICS:
        values = [getattr(scores, metric) for scores in folds]
        assert spread[metric].mean == pytest.approx(np.mean(values), abs=1e-15)
        assert spread[metric].sd == pytest.approx(np.std(values, ddof=1), abs=1e-15)


def test_a_score_that_is_undefined_in_one_fold_has_no_mean():
    first, second, _ = (fold.scores for fold in cross_validation().folds)
    # A network that predicts all to be NORMAL has no precision.
    spread = spread_of([first, second.model_copy(update={"precision": None})])
    assert spread["precision"].mean is None
    assert spread["precision"].sd is None
    assert spread["accuracy"].mean is not None


def test_scores_are_those_of_the_evaluation_at_one_half():
    of_all = evaluation(predictions())
    scores = Scores.of(of_all)
    assert (scores.accuracy, scores.sensitivity, scores.specificity) == (
        of_all.half.accuracy,
        of_all.half.sensitivity,
        of_all.half.specificity,
    )
    assert (scores.precision, scores.f1) == (of_all.half.pneumonia.precision, of_all.half.pneumonia.f1)
    assert (scores.auroc, scores.average_precision, scores.loss) == (of_all.auroc, of_all.average_precision, of_all.loss)


def test_the_headline_has_no_undefined_score():
    spread = cross_validation().spread
    result = cross_validation().model_copy(
        update={"spread": spread | {"precision": spread["precision"].model_copy(update={"mean": None, "sd": None})}}
    )
    headline = result.headline()
    assert headline["accuracy_mean"] == spread["accuracy"].mean
    assert "precision_mean" not in headline
