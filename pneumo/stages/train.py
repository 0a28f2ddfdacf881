"""Training of a recipe and registration of its models, dispatched on the class of the recipe."""

from functools import singledispatch

from rich.console import Console

from pneumo.config import Config, Recipe, ResidualRecipe, SeededTransferRecipe
from pneumo.nets import ensemble
from pneumo.registry import Entry, Registry
from pneumo.training.dataset import load_cohort
from pneumo.training.fit import Trained
from pneumo.training.register import Lineage, register
from pneumo.training.run import TrainingRun, define_run, load_run
from pneumo.training.train import train


def run(config: Config, console: Console, recipe: str) -> None:
    """Train, evaluate and register the networks of the recipe with this name."""
    train_and_register(getattr(config, recipe), recipe, config, console)


@singledispatch
def train_and_register(recipe: Recipe, name: str, config: Config, console: Console) -> None:
    """Train and register one model of a recipe; a class of recipes with several models registers its own function."""
    training_run = load_run(config, name, recipe, console)
    register(training_run, train(training_run, console), Registry(config.registry), console)


@train_and_register.register(ResidualRecipe)
@train_and_register.register(SeededTransferRecipe)
def _(recipe: ResidualRecipe | SeededTransferRecipe, name: str, config: Config, console: Console) -> None:
    """Register one network for each seed, then the mean of their logits as a model."""
    registry = Registry(config.registry)
    cohort, parts = load_cohort(config.data, config.cohort, config.protocol, console)
    runs = []
    for seed in recipe.seeds:
        # Without the other seeds, so that a command that is given one more trains that one alone.
        seeded = recipe.model_copy(update={"fit": recipe.fit.model_copy(update={"seed": seed}), "seeds": (seed,)})
        runs.append(define_run(config, f"{name}-seed-{seed}", seeded, cohort, parts))
    # No state is deleted before all are registered, so that an interrupted command neither trains nor tests a seed twice.
    trained = [(training_run, train(training_run, console)) for training_run in runs]
    entries = [
        _registered(training_run, registry)
        or register(training_run, network, registry, console, lineage=Lineage(seed_group=name), keep_state=True)
        for training_run, network in trained
    ]
    if len(entries) > 1:
        model = ensemble.build([registry.load(entry) for entry in entries])
        whole = define_run(config, f"{name}-ensemble", recipe, cohort, parts)
        averaged = Trained(model, {}, sum(network.seconds for _, network in trained))
        register(whole, averaged, registry, console, lineage=Lineage(members=entries))
    for training_run in runs:
        training_run.delete_state()


def _registered(training_run: TrainingRun, registry: Registry) -> Entry | None:
    """The model that an interrupted command has already registered for this run, under the same protocol."""
    identity = (training_run.registered_version(), training_run.protocol.fingerprint)
    entries = registry.entries(training_run.name)
    return next((entry for entry in entries if (entry.version, entry.protocol_fingerprint) == identity), None)
