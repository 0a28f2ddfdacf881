"""The class-weighted CNN with dropout."""

from rich.console import Console

from pneumo.config import Config
from pneumo.registry import Registry
from pneumo.study import load, register, train
from pneumo.training.precision import prepare


def run(config: Config, console: Console) -> None:
    """Train the CNN with dropout whose loss weighs the rarer class more."""
    recipe = config.weighted
    precision = prepare(recipe.fit)
    study = load(config, "weighted", recipe, console)
    register(study, train(study, console), precision, Registry(config.registry), console)
