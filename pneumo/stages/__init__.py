"""The table of commands: what each does, the module that runs it, and the groups of settings that it takes.

`pneumo.stages.MODULE` offers `run(config, console)`, which also takes the command's operands by their names; a recipe's stage is
`train`, whose `run` takes the recipe's name.
"""

from pathlib import Path
from typing import Any, NamedTuple

from pneumo.config import FORMATS, Config, Recipe


class Operand(NamedTuple):
    """A positional argument of a command, or a flag."""

    name: str
    """Of the parameter of the stage's `run`."""
    help: str
    metavar: str = ""
    kind: type = str
    number: str | None = None
    """As argparse's `nargs`; None: exactly one."""
    choices: tuple[str, ...] = ()
    default: Any = None
    flag: str | None = None
    """Name of a flag, such as --json, which takes a value where there is a metavar; None: a positional argument."""

    @property
    def usage(self) -> str:
        """How `--help` shows it in the line of usage."""
        name = f"{self.flag or ''} {self.metavar}".strip() or "|".join(self.choices)
        several = f"{name} …" if self.number in {"+", "*"} else name
        return f"[{several}]" if self.flag or self.number in {"?", "*"} else several


class Stage(NamedTuple):
    """One command."""

    summary: str
    settings: tuple[str, ...]
    """Groups of `Config` that the command reads, and accepts as options."""
    module: str | None = None
    """Module that runs it; None: the one with the command's name."""
    operands: tuple[Operand, ...] = ()
    resumes: bool = False
    """Whether the same command continues what was interrupted."""
    documents_cohort: bool = False
    """Whether `--help` documents how a cohort is read, which the other commands accept without showing it."""

    @property
    def usage(self) -> str:
        """The operands, as `--help` and the command reference show them."""
        return " ".join(operand.usage for operand in self.operands)


COHORT = ("data", "cohort", "protocol")
REGISTRY = (*COHORT, "registry")
RECIPES = {name: field.description for name, field in Config.model_fields.items() if issubclass(type(field.default), Recipe)}
"""What each recipe trains, by its name, which is also its command."""

_REGISTERED_MODEL = "a version, a recipe (its newest model, or newest ensemble of seeds), or champion"
_REGISTRY_OPERANDS = (
    Operand("action", "what to do", choices=("list", "show", "promote", "ui")),
    Operand("reference", f"show, promote: {_REGISTERED_MODEL}", "MODEL", number="?"),
    Operand("as_json", "list, show: print JSON", flag="--json"),
)
_EVALUATED_MODEL = Operand("reference", f"{_REGISTERED_MODEL}, which is the default", "MODEL", number="?", default="champion")
_MODEL = Operand(
    "model",
    f"{_REGISTERED_MODEL}, which is the default; or the folder of an exported bundle",
    "MODEL",
    default="champion",
    flag="--model",
)

# In the order in which they are run.
STAGES = {
    "fetch": Stage("Download the public archive of radiographs.", ("cohort",)),
    "prepare": Stage(
        "Index and check the cohort, and decode it into the pixel caches.", (*COHORT, *RECIPES), documents_cohort=True
    ),
    "audit": Stage("Look for leakage between the splits and for acquisition shortcuts.", (*REGISTRY, "audit", "report")),
    **{
        name: Stage(f"Train, evaluate and register {networks}.", (*REGISTRY, name), "train", resumes=True)
        for name, networks in RECIPES.items()
    },
    "ensemble": Stage(
        "Register the mean of several models' logits as a model.",
        REGISTRY,
        operands=(Operand("references", "a version, or a recipe (its newest model)", "MODEL", number="+"),),
    ),
    "heads": Stage(
        "Search the hyper-parameters of the head of resnet50, layer by layer.", (*REGISTRY, "resnet50", "head_search"), resumes=True
    ),
    "hpo": Stage(
        "Search learning rate and dropout with BayesSearchCV, and register the best network.", (*REGISTRY, "hpo"), resumes=True
    ),
    "crossval": Stage(
        "Cross-validate one recipe within the train split.",
        (*REGISTRY, "crossval", "baseline", "weighted", "resnet50"),
        resumes=True,
    ),
    "ablate": Stage(
        "Train variants of a recipe and compare them: plain networks, or leave-one-out.",
        (*REGISTRY, "ablate", "robust"),
        resumes=True,
    ),
    "gradcam": Stage("Draw heatmaps of each model's mistakes on the test split.", (*REGISTRY, "gradcam", "lots", "report")),
    "robustness": Stage("Score each model on perturbed validation radiographs.", (*REGISTRY, "robustness", "report"), resumes=True),
    "lungs": Stage(
        "Train a lung segmentation on phantoms, check its masks on radiographs, and register it.", (*REGISTRY, "lungs", "report")
    ),
    "blackout": Stage(
        "Score each model on validation radiographs with the lungs removed, and by the lungs alone.",
        (*REGISTRY, "blackout", "lots", "report"),
    ),
    "heatmaps": Stage("Evaluate every explanation method on each model.", (*REGISTRY, "heatmaps", "lots", "report"), resumes=True),
    "explain": Stage(
        "Draw heatmaps of any radiographs for a registered model.",
        ("explain", "lots", "report", "registry"),
        operands=(Operand("radiographs", "image file of a radiograph", "IMAGE", kind=Path, number="+"), _MODEL),
    ),
    "predict": Stage(
        "Predict any radiographs with a registered or exported model, as a table.",
        ("referral", "gradcam", "lots", "registry", "cohort"),
        operands=(
            Operand("paths", "radiograph, folder, archive or manifest; - for a list on standard input", "PATH", number="+"),
            _MODEL,
            Operand(
                "output",
                "table to write, by its suffix CSV, JSON Lines or Parquet; none: CSV on standard output",
                "FILE",
                Path,
                flag="--output",
            ),
            Operand("heatmaps", "folder for the radiographs with heatmaps over them", "FOLDER", Path, flag="--heatmaps"),
            Operand(
                "dicom_out",
                "folder for DICOM reports and heatmaps of DICOM radiographs, with the patients' identity",
                "FOLDER",
                Path,
                flag="--dicom-out",
            ),
            Operand("resume", "keep the rows that this model has already written to the output", flag="--resume"),
            Operand("strict", "end with status 3 where radiographs were refused", flag="--strict"),
        ),
    ),
    "serve": Stage(
        "Serve a page and a JSON API for single radiographs, on this computer.",
        ("serve", "referral", "lots", "registry", "cohort"),
        operands=(_MODEL,),
    ),
    "export": Stage(
        "Write a registered model as a folder that needs no registry, and verify it.",
        ("referral", *REGISTRY),
        operands=(
            _EVALUATED_MODEL,
            Operand(
                "format_", f"format of the model: {', '.join(FORMATS)}", "FORMAT", choices=FORMATS, default="keras", flag="--format"
            ),
            Operand("output", "folder to write; by default exports/RECIPE-vN-FORMAT", "FOLDER", Path, flag="--output"),
        ),
    ),
    "evaluate": Stage(
        "Score a registered model on another cohort, at its locked threshold.",
        ("data", "cohort", "registry"),
        operands=(_EVALUATED_MODEL,),
    ),
    "review": Stage(
        "Pack test radiographs for blinded readers, and score their answers.",
        ("data", "cohort", "registry", "review"),
        operands=(
            Operand("references", "versions, recipes (their newest versions), or champion (the default)", "MODEL", number="*"),
            Operand("score", "completed forms: print the agreement of readers, label and model", "FILE", Path, "+", flag="--score"),
        ),
    ),
    "adapt": Stage(
        "Refit the head of a registered model on labelled radiographs of another cohort, and measure the improvement.",
        ("data", "cohort", "registry", "adapt"),
        operands=(
            _EVALUATED_MODEL,
            Operand(
                "labels", "labelled radiographs that the adapted model is fitted on; by default all", "N", int, flag="--labels"
            ),
        ),
    ),
    "report": Stage("Write the report page, its figures and metrics.json.", (*REGISTRY, "referral", "report")),
    "registry": Stage(
        "List, show and promote registered models; start the MLflow UI.",
        ("registry",),
        operands=_REGISTRY_OPERANDS,
    ),
    "bench": Stage(
        "Compare speed with common alternatives and the compute-bound limit.",
        (*COHORT, "bench", "baseline", "hpo", "robust", "resnet50", "report"),
    ),
    "reproduce": Stage("Run a small fixed training twice and compare with the committed expectations.", (*REGISTRY, "reproduce")),
}
