"""The table of commands: what each does, the module that runs it, and the groups of settings that it takes.

`pneumo.stages.MODULE` offers `run(config, console)`; a recipe's stage is `train`, whose `run` also takes the recipe's name.
"""

from typing import NamedTuple

from pneumo.config import Config, Recipe


class Stage(NamedTuple):
    """One command."""

    summary: str
    settings: tuple[str, ...]
    """Groups of `Config` that the command reads, and accepts as options."""
    module: str | None = None
    """Module that runs it; None: the one with the command's name."""
    operands: str = ""
    """Positional arguments, as `--help` shows them."""


COHORT = ("data", "cohort", "protocol")
REGISTRY = (*COHORT, "registry")
RECIPES = {name: field.description for name, field in Config.model_fields.items() if issubclass(type(field.default), Recipe)}
"""What each recipe trains, by its name, which is also its command."""

# In the order in which they are run.
STAGES = {
    "fetch": Stage("Download the public archive of radiographs.", ("cohort",)),
    "prepare": Stage("Index and check the cohort, and decode it into the pixel caches.", (*COHORT, *RECIPES)),
    "audit": Stage("Look for leakage between the splits and for acquisition shortcuts.", (*REGISTRY, "audit", "report")),
    **{name: Stage(f"Train, evaluate and register {networks}.", (*REGISTRY, name), "train") for name, networks in RECIPES.items()},
    "heads": Stage("Search the hyper-parameters of the head of resnet50, layer by layer.", (*REGISTRY, "resnet50", "head_search")),
    "hpo": Stage("Search learning rate and dropout with BayesSearchCV, and register the best network.", (*REGISTRY, "hpo")),
    "crossval": Stage(
        "Cross-validate one recipe within the train split.", (*REGISTRY, "crossval", "baseline", "weighted", "resnet50")
    ),
    "ablate": Stage(
        "Train variants of a recipe and compare them: plain networks, or leave-one-out.", (*REGISTRY, "ablate", "robust")
    ),
    "gradcam": Stage("Draw heatmaps of each model's mistakes on the test split.", (*REGISTRY, "gradcam", "lots", "report")),
    "robustness": Stage("Score each model on perturbed validation radiographs.", (*REGISTRY, "robustness", "report")),
    "heatmaps": Stage("Evaluate every explanation method on each model.", (*REGISTRY, "heatmaps", "lots", "report")),
    "explain": Stage(
        "Draw heatmaps of any radiographs for a registered model.", ("registry", "explain", "lots", "report"), operands="IMAGE … "
    ),
    "report": Stage("Write the report page, its figures and metrics.json.", (*REGISTRY, "report")),
    "registry": Stage(
        "List, show and promote registered models; start the MLflow UI.",
        ("registry",),
        operands="list|show|promote|ui [MODEL] [--json] ",
    ),
    "bench": Stage(
        "Compare speed with common alternatives and the compute-bound limit.",
        (*COHORT, "bench", "baseline", "hpo", "robust", "resnet50", "report"),
    ),
    "reproduce": Stage("Run a small fixed training twice and compare with the committed expectations.", (*REGISTRY, "reproduce")),
}
