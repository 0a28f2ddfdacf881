"""Training of a run's network, dispatched on the class of its recipe."""

from functools import singledispatch

from rich.console import Console

from pneumo.config import Recipe, TransferRecipe
from pneumo.errors import UserError
from pneumo.nets import build_network
from pneumo.training.fit import Trained, as_trained_on, compile_model, finished, fit, pixel_data
from pneumo.training.optimizer import scheduled_optimizer
from pneumo.training.precision import prepare
from pneumo.training.run import TrainingRun
from pneumo.training.targets import trains_subtypes
from pneumo.training.two_phase import train_in_two_phases


def train(run: TrainingRun, console: Console) -> Trained:
    """Train the network of a run, or resume an interrupted training.

    Raises:
        UserError: another process is training the same run, the image is too small for the network, or the loss is not finite.
    """
    prepare(run.recipe.fit)
    if run.recipe.targets == "subtypes" and not trains_subtypes(run.dataset, run.recipe):
        console.print("The subtype of pneumonia is unknown here: training on the labels alone")
    with run.locked():
        return finished(train_recipe(run.recipe, run, console), run.recipe)


@singledispatch
def train_recipe(recipe: Recipe, run: TrainingRun, console: Console) -> Trained:
    """Train by the function registered for the class of the recipe; by default, in one phase."""
    try:
        model = build_network(recipe.network, recipe.image_size_px, recipe.fit.seed)
    except ValueError as error:
        raise UserError(
            f"{run.name}: the network cannot be built for {recipe.image_size_px} px ({str(error).splitlines()[0]}); "
            "raise image_size_px or shorten network.filters"
        ) from error
    model, data = as_trained_on(model, run.dataset, recipe), pixel_data(run.dataset, recipe)
    compile_model(model, recipe.fit, scheduled_optimizer(recipe.fit, data.steps_per_epoch(recipe.fit)))
    return fit(model, data, recipe.fit, run.directory, console)


@train_recipe.register
def _(recipe: TransferRecipe, run: TrainingRun, console: Console) -> Trained:
    return train_in_two_phases(run, recipe, console)
