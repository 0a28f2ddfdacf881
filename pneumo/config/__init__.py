"""Every setting: typed, bounded and documented where it is declared.

The string below a field is its documentation: `pneumo STAGE --help` prints it. Values come, from weakest to strongest, from the
defaults here, from the YAML file given with `--config`, from the environment (`PNEUMO_DATA`, `PNEUMO_BASELINE__FIT__EPOCHS`) and
from the command line (`--baseline.fit.epochs 3`).
"""

from pneumo.config.cohort import Audit, Cohort, Phantom, Problem
from pneumo.config.explanations import EXPLANATION_METHODS, Explain, ExplanationMethod, Gradcam, Heatmaps, Lots
from pneumo.config.recipes import (
    ACQUISITION_SHIFT,
    BASELINE,
    WEIGHTED,
    Architecture,
    Augmentation,
    Backbone,
    Cnn,
    Fit,
    Recipe,
    ResidualCnn,
    Resize,
    Robust,
    ThresholdRule,
    Training,
    Transfer,
)
from pneumo.config.results import Bench, Registry, Report, Reproduce, Robustness
from pneumo.config.search import Ablate, Crossval, HeadSearch, Hpo
from pneumo.config.whole import Config

__all__ = [
    "ACQUISITION_SHIFT",
    "BASELINE",
    "EXPLANATION_METHODS",
    "WEIGHTED",
    "Ablate",
    "Architecture",
    "Audit",
    "Augmentation",
    "Backbone",
    "Bench",
    "Cnn",
    "Cohort",
    "Config",
    "Crossval",
    "Explain",
    "ExplanationMethod",
    "Fit",
    "Gradcam",
    "HeadSearch",
    "Heatmaps",
    "Hpo",
    "Lots",
    "Phantom",
    "Problem",
    "Recipe",
    "Registry",
    "Report",
    "Reproduce",
    "ResidualCnn",
    "Resize",
    "Robust",
    "Robustness",
    "ThresholdRule",
    "Training",
    "Transfer",
]
