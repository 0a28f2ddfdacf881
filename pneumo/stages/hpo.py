"""Bayesian search of learning rate and dropout."""

import shutil
from pathlib import Path

from rich.console import Console

from pneumo.cohort.splits import folds
from pneumo.config import Config, Recipe
from pneumo.registry import Registry
from pneumo.search.bayes_search import bayes_search, search_figures
from pneumo.search.fits import SearchData
from pneumo.training.dataset import Study, load, software
from pneumo.training.precision import prepare
from pneumo.training.register import register
from pneumo.training.train import train


def run(config: Config, console: Console) -> None:
    """Try settings by cross-validation within the training set, then train the best on all of it and register it."""
    settings = config.hpo
    prepare(settings.recipe.fit)
    study = load(config, "hpo", settings.recipe, console)
    data = _search_data(study, settings.recipe)
    training = study.cohort.table.iloc[data.rows]
    console.print(
        f"{settings.points} points on {settings.folds} folds, {settings.recipe.fit.epochs} epochs each; "
        f"finished fits are kept in {data.directory}: killed, the same command goes on from there",
        highlight=False,
        soft_wrap=True,
    )
    splits = list(folds(training, settings.folds, settings.seed))
    result, search = bayes_search(data, settings, splits, console)
    best = result.best
    found = ", ".join(f"{name} {value:.3g}" for name, value in best.parameters.items())
    console.print(f"Best: {found}: {settings.scoring} {best.mean:.4f} ± {best.standard_deviation:.4f} over the folds")
    # Again, as if there had been no search: the winner can be trained by its settings alone.
    precision = prepare(settings.recipe.fit)
    winner = load(config, "hpo", with_parameters(settings.recipe, **best.parameters), Console(quiet=True))
    register(
        winner,
        train(winner, console),
        precision,
        Registry(config.registry),
        console,
        search=result,
        figures=search_figures(search, settings.scoring, study.cohort.synthetic),
    )
    shutil.rmtree(data.directory)


def with_parameters(recipe: Recipe, *, learning_rate: float, dense_dropout: float, convolution_dropout: float) -> Recipe:
    """Put what was searched into a recipe."""
    network = recipe.network.model_copy(update={"dense_dropout": dense_dropout, "convolution_dropout": convolution_dropout})
    return recipe.model_copy(update={"network": network, "fit": recipe.fit.model_copy(update={"learning_rate": learning_rate})})


def _search_data(study: Study, recipe: Recipe) -> SearchData:
    return SearchData(
        recipe=recipe,
        pixels=Path(str(study.pixels.filename)),
        rows=study.rows("training"),
        y_true=study.y_true("training"),
        # Workers on other machines see the same path, not the same working directory.
        directory=(study.directory / "fits").resolve(),
        identity=f"{study.cohort.fingerprint} {software()}",
    )
