"""A backbone from ImageNet."""

from rich.console import Console

from pneumo.config import Config
from pneumo.registry import Registry
from pneumo.training.dataset import load
from pneumo.training.precision import prepare
from pneumo.training.register import register
from pneumo.training.train import train


def run(config: Config, console: Console) -> None:
    """Train a head on a frozen backbone, then fine-tune the backbone's upper layers with it."""
    recipe = config.resnet50
    precision = prepare(recipe.fit)
    study = load(config, "resnet50", recipe, console)
    register(study, train(study, console), precision, Registry(config.registry), console)
