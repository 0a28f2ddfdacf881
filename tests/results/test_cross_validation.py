import numpy as np
import pytest

from pneumo.results.cross_validation import spread_of
from pneumo.results.experiment import METRICS, Scores
from tests.tiny_experiments import cross_validation, evaluation, predictions


def test_mean_and_sd_are_numpys():
    folds = [fold.scores for fold in cross_validation().folds]
    found = spread_of(folds)
    assert tuple(found) == METRICS
    for metric in METRICS:
        values = [getattr(scores, metric) for scores in folds]
        assert found[metric].mean == pytest.approx(np.mean(values), abs=1e-15)
        assert found[metric].sd == pytest.approx(np.std(values, ddof=1), abs=1e-15)


def test_a_score_that_one_fold_does_not_have_has_no_mean():
    first, second, _ = (fold.scores for fold in cross_validation().folds)
    # A network that calls everything NORMAL has no precision.
    found = spread_of([first, second.model_copy(update={"precision": None})])
    assert found["precision"].mean is None
    assert found["precision"].sd is None
    assert found["accuracy"].mean is not None


def test_scores_are_those_of_the_evaluation_at_one_half():
    whole = evaluation(predictions())
    scores = Scores.of(whole)
    assert (scores.accuracy, scores.sensitivity, scores.specificity) == (
        whole.half.accuracy,
        whole.half.sensitivity,
        whole.half.specificity,
    )
    assert (scores.precision, scores.f1) == (whole.half.pneumonia.precision, whole.half.pneumonia.f1)
    assert (scores.auroc, scores.average_precision, scores.loss) == (whole.auroc, whole.average_precision, whole.loss)


def test_the_headline_has_no_undefined_number():
    spread = cross_validation().spread
    result = cross_validation().model_copy(
        update={"spread": spread | {"precision": spread["precision"].model_copy(update={"mean": None, "sd": None})}}
    )
    headline = result.headline()
    assert headline["accuracy_mean"] == spread["accuracy"].mean
    assert "precision_mean" not in headline
