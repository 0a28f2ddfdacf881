"""The residual CNN trained under acquisition shift, from several seeds, and their ensemble."""

from rich.console import Console

from pneumo.config import Config
from pneumo.nets import ensemble
from pneumo.registry import Entry, Registry
from pneumo.training.dataset import Study, load
from pneumo.training.precision import prepare
from pneumo.training.register import register
from pneumo.training.train import Trained, delete_state, registered_version, train

NAME = "robust"


def run(config: Config, console: Console) -> None:
    """Train and register one network a seed, then register the mean of their logits as a model of its own."""
    registry = Registry(config.registry)
    # No state is deleted before all are registered, so that a run which was killed trains and tests none of them again.
    trained = [_train_seed(config, seed, console) for seed in config.robust.seeds]
    precision = prepare(config.robust.fit)
    entries = [
        _registered(study, registry) or register(study, each, precision, registry, console, family=NAME, finished=False)
        for study, each in trained
    ]
    if len(entries) > 1:
        model = ensemble.build([registry.load(entry) for entry in entries])
        seconds = sum(each.seconds for _, each in trained)
        whole = load(config, f"{NAME}-ensemble", config.robust, console)
        register(whole, Trained(model, {}, seconds), precision, registry, console, members=entries)
    for study, _ in trained:
        delete_state(study)


def _registered(study: Study, registry: Registry) -> Entry | None:
    """Find what a run that was killed had registered of this training."""
    version = registered_version(study)
    return next((entry for entry in registry.entries(study.name) if entry.version == version), None)


def _train_seed(config: Config, seed: int, console: Console) -> tuple[Study, Trained]:
    recipe = config.robust.model_copy(update={"fit": config.robust.fit.model_copy(update={"seed": seed})})
    prepare(recipe.fit)
    study = load(config, f"{NAME}-seed-{seed}", recipe, console)
    return study, train(study, console)
