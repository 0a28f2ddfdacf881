"""Settings of the adaptation of a model to another cohort."""

from pneumo.config.basics import Positive, Seed, Settings


class Adapt(Settings):
    """Adaptation of a registered model to another cohort."""

    repeats: Positive = 5
    """Repetitions of the nested cross-validation, each with other folds and other draws of labelled radiographs."""
    seed: Seed = 0
    """Seed of the folds, and of the radiographs that are drawn to be labelled."""
