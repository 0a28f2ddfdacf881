import io

import numpy as np
import pytest
from rich.console import Console
from sklearn.base import clone, is_classifier
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, check_cv

from pneumo.config import Cnn, Fit, Hpo, Recipe
from pneumo.errors import UserError
from pneumo.search.bayes_search import (
    WORST_SCORES,
    Choice,
    Real,
    SearchedClassifier,
    Whole,
    bayes_search,
    minimise,
    network,
    search_figures,
)
from pneumo.search.fits import SearchData

RECIPE = Recipe(
    image_size_px=16,
    network=Cnn(filters=(4,), dense_units=4),
    fit=Fit(epochs=1, batch_size=16, precision="float32", deterministic=True),
)
HALVES = [(np.arange(20), np.arange(20, 40)), (np.arange(20, 40), np.arange(20))]
SETTINGS = Hpo(recipe=RECIPE, points=4, initial_points=2, folds=2)


@pytest.fixture
def console():
    return Console(file=io.StringIO())


def search_data(folder, recipe=RECIPE):
    generator = np.random.default_rng(0)
    y_true = np.arange(40) % 2
    pixels = generator.integers(0, 128, (40, 16, 16), dtype=np.uint8) + 100 * y_true[:, None, None].astype(np.uint8)
    folder.mkdir(exist_ok=True)
    np.save(folder / "pixels.npy", pixels)
    return SearchData(recipe, folder / "pixels.npy", np.arange(40), y_true, folder / "fits", "these radiographs")


def test_scikit_learn_takes_it_for_a_classifier(tmp_path):
    classifier = SearchedClassifier(
        model=network, data=search_data(tmp_path), learning_rate=1e-3, dense_dropout=0.1, convolution_dropout=0.1
    )
    assert is_classifier(classifier)
    assert isinstance(check_cv(3, np.arange(6) % 2, classifier=is_classifier(classifier)), StratifiedKFold)
    assert clone(classifier).get_params()["data"].identity == "these radiographs"


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc"])
def test_a_search_scores_every_point_on_every_fold(tmp_path, console, scoring):
    data = search_data(tmp_path)
    result, search = bayes_search(data, SETTINGS.model_copy(update={"scoring": scoring}), HALVES, console)
    assert len(result.points) == 4
    assert result.best.mean == max(point.mean for point in result.points) == search.best_score_
    for point in result.points:
        assert len(point.fold_scores) == 2
        assert point.failures == ()
        for name, (low, high) in result.space.items():
            assert low <= point.parameters[name] <= high
    assert len(list(data.directory.iterdir())) == 8
    for png in search_figures(search, scoring, synthetic=True).values():
        assert png.startswith(b"\x89PNG")


def test_a_repeated_search_finds_its_fits_and_ends_the_same(tmp_path, console):
    data = search_data(tmp_path / "a")
    whole, _ = bayes_search(data, SETTINGS, HALVES, console)
    for file in sorted(data.directory.iterdir())[::2]:
        file.unlink()
    again, _ = bayes_search(data, SETTINGS, HALVES, console)
    assert [point.fold_scores for point in again.points] == [point.fold_scores for point in whole.points]
    assert [point.parameters for point in again.points] == [point.parameters for point in whole.points]


def test_a_fit_that_fails_or_diverges_does_not_end_the_search(tmp_path, console):
    """Above a rate of 1 or so this network's loss is no number; below, it is."""
    data = search_data(tmp_path)
    settings = SETTINGS.model_copy(update={"learning_rate": (1e-3, 1e35)})
    result, _ = bayes_search(data, settings, HALVES, console)
    failed = [point for point in result.points if point.failures]
    assert 0 < len(failed) < 4
    for point in failed:
        assert min(point.fold_scores) == WORST_SCORES["accuracy"]
        assert np.isfinite(point.mean)
    assert not result.best.failures


def test_a_search_of_which_every_fit_fails_says_so(tmp_path, console):
    data = search_data(tmp_path)
    settings = SETTINGS.model_copy(update={"learning_rate": (1e30, 1e35), "points": 2})
    with pytest.raises(UserError, match=r"All 4 fits of the search failed, the first so: the loss was no longer a number"):
        bayes_search(data, settings, HALVES, console)


def test_no_log_loss_of_a_network_is_worse_than_what_a_failed_fit_counts_as():
    as_wrong_as_can_be = np.array([[0, 1], [1, 0]], np.float32)
    assert 0 > -log_loss([0, 1], as_wrong_as_can_be) > WORST_SCORES["neg_log_loss"]


@pytest.mark.slow
def test_local_processes_find_what_one_process_finds(tmp_path, console):
    serial, _ = bayes_search(search_data(tmp_path / "a"), SETTINGS, HALVES, console)
    parallel, _ = bayes_search(search_data(tmp_path / "b"), SETTINGS.model_copy(update={"backend": "processes"}), HALVES, console)
    assert [point.fold_scores for point in parallel.points] == [point.fold_scores for point in serial.points]


def test_a_cluster_without_an_address_or_an_answer_is_told(tmp_path, console):
    data = search_data(tmp_path)
    settings = SETTINGS.model_copy(update={"backend": "dask"})
    with pytest.raises(UserError, match="name its scheduler"):
        bayes_search(data, settings, HALVES, console)
    with pytest.raises(UserError, match=r"No Dask scheduler answers at tcp://127.0.0.1:1 .* start one"):
        bayes_search(data, settings.model_copy(update={"dask_address": "tcp://127.0.0.1:1"}), HALVES, console)


def test_minimising_finds_the_valley_and_asks_for_the_same_points_again():
    space = {"x": Real(1e-4, 1, log=True), "n": Whole(1, 9), "kind": Choice(("a", "b"))}

    def objective(point):
        assert isinstance(point["n"], int)
        return (np.log10(point["x"]) + 2) ** 2 + (point["n"] - 5) ** 2 / 16 + (point["kind"] == "b")

    tried = minimise(objective, space, 12, 0)
    assert tried == minimise(objective, space, 12, 0)
    best = min(tried, key=lambda one: one.value)
    assert best.parameters["kind"] == "a"
    assert best.value < 0.5
