"""Bayesian hyper-parameter search of learning rate and dropout."""

import shutil

from rich.console import Console

from pneumo.cohort.splits import folds
from pneumo.config import CnnRecipe, Config
from pneumo.registry import Registry
from pneumo.search.bayes_search import bayes_search, search_figures
from pneumo.search.fits import SearchTask
from pneumo.training.dataset import load_cohort
from pneumo.training.register import Lineage, register
from pneumo.training.run import define_run
from pneumo.training.train import train


def run(config: Config, console: Console) -> None:
    """Search by cross-validation within the training part, then train the best point on all of it and register the model."""
    settings = config.hpo
    cohort, parts = load_cohort(config.data, config.cohort, config.protocol, console)
    search_run = define_run(config, "hpo", settings.recipe, cohort, parts)
    # Absolute: workers on other machines have the same paths, but another working directory.
    task = SearchTask(settings.recipe, search_run.dataset, (search_run.directory / "fits").resolve())
    console.print(
        f"{settings.points} points on {settings.folds} folds, {settings.recipe.fit.epochs} epochs each; "
        f"finished fits are saved in {task.directory}: if interrupted, the same command resumes"
    )
    splits = list(folds(search_run.dataset.table.iloc[task.rows], settings.folds, settings.seed))
    result, search = bayes_search(task, settings, splits, console)
    best = result.best
    point = ", ".join(f"{name} {value:.3g}" for name, value in best.parameters.items())
    console.print(f"Best: {point}: {settings.scoring} {best.mean:.4f} ± {best.standard_deviation:.4f} over the folds")
    # Trained again from scratch, so that the registered model can be reproduced from its settings alone.
    winner = define_run(config, "hpo", with_parameters(settings.recipe, **best.parameters), cohort, parts)
    lineage = Lineage(search=result, figures=search_figures(search, settings.scoring, search_run.dataset.cohort.synthetic))
    register(winner, train(winner, console), Registry(config.registry), console, lineage=lineage)
    shutil.rmtree(task.directory)


def with_parameters(recipe: CnnRecipe, *, learning_rate: float, dense_dropout: float, convolution_dropout: float) -> CnnRecipe:
    """A recipe with the hyper-parameters of a point."""
    network = recipe.network.model_copy(update={"dense_dropout": dense_dropout, "convolution_dropout": convolution_dropout})
    return recipe.model_copy(update={"network": network, "fit": recipe.fit.model_copy(update={"learning_rate": learning_rate})})
