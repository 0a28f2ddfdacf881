import io

import numpy as np
import pytest
from rich.console import Console
from sklearn.base import clone, is_classifier
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, check_cv

from pneumo.config import Cnn, CnnRecipe, Fit, Hpo
from pneumo.errors import UserError
from pneumo.search.bayes_search import (
    WORST_SCORES,
    SearchedClassifier,
    bayes_search,
    choice,
    integer,
    minimise,
    network,
    real,
    search_figures,
)
from pneumo.search.fits import SearchTask
from tests.tiny_datasets import tiny_dataset

RECIPE = CnnRecipe(
    image_size_px=16,
    network=Cnn(filters=(4,), dense_units=4),
    fit=Fit(epochs=1, batch_size=16, precision="float32", deterministic=True),
)
HALVES = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]
SETTINGS = Hpo(recipe=RECIPE, points=4, initial_points=2, folds=2)


@pytest.fixture
def console():
    return Console(file=io.StringIO())


def search_task(folder):
    generator = np.random.default_rng(0)
    y_true = np.arange(40) % 2
    pixels = generator.integers(0, 128, (40, 16, 16), dtype=np.uint8) + 100 * y_true[:, None, None].astype(np.uint8)
    return SearchTask(RECIPE, tiny_dataset(folder, pixels, y_true, ["training"] * 40), folder / "fits")


def test_scikit_learn_recognizes_a_classifier(tmp_path):
    task = search_task(tmp_path)
    classifier = SearchedClassifier(model=network, task=task, learning_rate=1e-3, dense_dropout=0.1, convolution_dropout=0.1)
    assert is_classifier(classifier)
    assert isinstance(check_cv(3, np.arange(6) % 2, classifier=is_classifier(classifier)), StratifiedKFold)
    assert clone(classifier).get_params()["task"].identity == task.identity


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc"])
def test_a_search_scores_every_point_on_every_fold(tmp_path, console, scoring):
    task = search_task(tmp_path)
    result, search = bayes_search(task, SETTINGS.model_copy(update={"scoring": scoring}), HALVES, console)
    assert len(result.points) == 4
    assert result.best.mean == max(point.mean for point in result.points) == search.best_score_
    for point in result.points:
        assert len(point.fold_scores) == 2
        assert point.failures == ()
        for name, (low, high) in result.space.items():
            assert low <= point.parameters[name] <= high
    assert len(list(task.directory.iterdir())) == 8
    for png in search_figures(search, scoring, synthetic=True).values():
        assert png.startswith(b"\x89PNG")


def test_a_repeated_search_loads_its_finished_fits_and_ends_the_same(tmp_path, console):
    task = search_task(tmp_path / "a")
    first, _ = bayes_search(task, SETTINGS, HALVES, console)
    for file in sorted(task.directory.iterdir())[::2]:
        file.unlink()
    again, _ = bayes_search(task, SETTINGS, HALVES, console)
    assert [point.fold_scores for point in again.points] == [point.fold_scores for point in first.points]
    assert [point.parameters for point in again.points] == [point.parameters for point in first.points]


def test_a_fit_that_fails_or_diverges_does_not_end_the_search(tmp_path, console):
    """Above a learning rate of about 1, the loss of this network is not a number."""
    task = search_task(tmp_path)
    settings = SETTINGS.model_copy(update={"learning_rate": (1e-3, 1e35)})
    result, _ = bayes_search(task, settings, HALVES, console)
    failed = [point for point in result.points if point.failures]
    assert 0 < len(failed) < 4
    for point in failed:
        assert min(point.fold_scores) == WORST_SCORES["accuracy"]
        assert np.isfinite(point.mean)
    assert not result.best.failures


def test_a_search_in_which_every_fit_fails_is_an_error(tmp_path, console):
    task = search_task(tmp_path)
    settings = SETTINGS.model_copy(update={"learning_rate": (1e30, 1e35), "points": 2})
    with pytest.raises(
        UserError, match=r"All 4 fits of the search failed, the first with: the loss is not a number; change `hpo.recipe`"
    ):
        bayes_search(task, settings, HALVES, console)


def test_no_log_loss_of_a_network_is_worse_than_the_score_of_a_failed_fit():
    wrong_and_certain = np.array([[0, 1], [1, 0]], np.float32)
    assert 0 > -log_loss([0, 1], wrong_and_certain) > WORST_SCORES["neg_log_loss"]


@pytest.mark.slow
def test_local_processes_give_the_scores_of_one_process(tmp_path, console):
    serial, _ = bayes_search(search_task(tmp_path / "a"), SETTINGS, HALVES, console)
    parallel, _ = bayes_search(search_task(tmp_path / "b"), SETTINGS.model_copy(update={"backend": "processes"}), HALVES, console)
    assert [point.fold_scores for point in parallel.points] == [point.fold_scores for point in serial.points]


def test_a_cluster_without_an_address_or_an_answer_is_an_error(tmp_path, console):
    task = search_task(tmp_path)
    settings = SETTINGS.model_copy(update={"backend": "dask"})
    with pytest.raises(UserError, match="name its scheduler"):
        bayes_search(task, settings, HALVES, console)
    with pytest.raises(UserError, match=r"No Dask scheduler answers at tcp://127.0.0.1:1 .* start one"):
        bayes_search(task, settings.model_copy(update={"dask_address": "tcp://127.0.0.1:1"}), HALVES, console)


def test_minimise_comes_near_the_minimum_and_the_same_seed_gives_the_same_points():
    space = {"x": real(1e-4, 1, log=True), "n": integer(1, 9), "kind": choice(("a", "b"))}

    def evaluated_points():
        points = []

        def objective(point):
            assert isinstance(point["n"], int)
            value = (np.log10(point["x"]) + 2) ** 2 + (np.log(point["n"] / 5)) ** 2 + (point["kind"] == "b")
            points.append((value, point))
            return value

        minimise(objective, space, 12, 0)
        return points

    evaluated = evaluated_points()
    assert evaluated == evaluated_points()
    value, best = min(evaluated, key=lambda point: point[0])
    assert best["kind"] == "a"
    assert value < 0.5
