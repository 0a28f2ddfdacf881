"""A backbone from ImageNet."""

from rich.console import Console

from pneumo.config import Config
from pneumo.registry import Registry
from pneumo.study import load, register, train
from pneumo.training.precision import prepare


def run(config: Config, console: Console) -> None:
    """Train a head on a frozen backbone, then fine-tune the backbone's upper layers with it."""
    recipe = config.resnet50
    precision = prepare(recipe.fit)
    study = load(config, "resnet50", recipe, console)
    register(study, train(study, console), precision, Registry(config.registry), console)
