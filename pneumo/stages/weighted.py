"""The class-weighted CNN with dropout."""

from rich.console import Console

from pneumo.config import Config
from pneumo.registry import Registry
from pneumo.training.dataset import load
from pneumo.training.precision import prepare
from pneumo.training.register import register
from pneumo.training.train import train


def run(config: Config, console: Console) -> None:
    """Train the CNN with dropout whose loss weighs the rarer class more."""
    recipe = config.weighted
    precision = prepare(recipe.fit)
    study = load(config, "weighted", recipe, console)
    register(study, train(study, console), precision, Registry(config.registry), console)
