"""Every setting: typed, bounded and documented where it is declared.

The string below a field is its documentation: `pneumo COMMAND --help` and the CLI reference print it. Values come, from weakest to
strongest, from the defaults here, the YAML file given with `--config`, the environment (`PNEUMO_DATA`,
`PNEUMO_BASELINE__FIT__EPOCHS`) and the command line (`--baseline.fit.epochs 3`).
"""

from pneumo.config.adapt import Adapt
from pneumo.config.augmentation import ACQUISITION_SHIFT, NO_AUGMENTATION, Augmentation
from pneumo.config.cohort import EACH_FILE, Audit, Cohort, Label, Manifest, Phantom, Problem
from pneumo.config.explanations import EXPLANATION_METHODS, Explain, ExplanationMethod, Gradcam, Heatmaps, Lots
from pneumo.config.inference import FORMATS, Format, Referral, Serve
from pneumo.config.lungs import Blackout, LungAugmentation, Lungs, UNet
from pneumo.config.protocol import Protocol, ThresholdRule
from pneumo.config.radiographs import Dicom
from pneumo.config.recipes import (
    BASELINE,
    WEIGHTED,
    Architecture,
    Backbone,
    Cnn,
    CnnRecipe,
    EnsembleRecipe,
    Fit,
    Network,
    Recipe,
    ResidualCnn,
    ResidualRecipe,
    Resize,
    SeededTransferRecipe,
    TestTimeViews,
    TransferRecipe,
)
from pneumo.config.results import Bench, Registry, Report, Reproduce, Robustness
from pneumo.config.review import Review
from pneumo.config.search import Ablate, Crossval, HeadSearch, Hpo
from pneumo.config.whole import Config
