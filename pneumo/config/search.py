"""What is tried out before a model is made, or beside it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pneumo.config.basics import Fraction, Positive, Range, Seed, Settings, increasing
from pneumo.config.recipes import Cnn, Fit, Recipe


class Hpo(Settings):
    """Bayesian search of learning rate and dropout, by cross-validation within the training set."""

    recipe: Recipe = Recipe(network=Cnn(convolution_dropout=0.25))
    """What is common to all fits; learning rate and dropout rates are the search's."""
    learning_rate: Range = (1e-5, 1e-2)
    """Bounds of the learning rate, drawn log-uniformly."""
    dense_dropout: Range = (0.05, 0.4)
    """Bounds of the dropout rate after the dense layer, drawn uniformly."""
    convolution_dropout: Range = (0.1, 0.4)
    """Bounds of the dropout rate after each block, drawn uniformly."""
    points: Annotated[int, Field(ge=1, le=1000)] = 10
    """Settings that are tried."""
    initial_points: Annotated[int, Field(ge=1, le=1000)] = 5
    """The first of them, drawn at random, before a Gaussian process proposes the next."""
    points_at_once: Annotated[int, Field(ge=1, le=100)] = 1
    """Settings proposed together: more keep more than `folds` workers busy, but each knows less of the others' scores."""
    folds: Annotated[int, Field(ge=2, le=20)] = 3
    """Folds that each setting is tried on, grouped by patient and stratified."""
    scoring: Literal["accuracy", "balanced_accuracy", "roc_auc", "neg_log_loss"] = "accuracy"
    """What is maximised, by its name in scikit-learn, averaged over the folds."""
    seed: Seed = 0
    """Seed of the search's own draws and of the folds."""
    backend: Literal["serial", "processes", "dask"] = "serial"
    """Where fits run: one after another, on local processes, or on a Dask cluster."""
    workers: Positive = 2
    """Local processes that fit at the same time."""
    dask_address: str | None = None
    """Address of the Dask scheduler, such as tcp://10.0.0.1:8786."""


class HeadSearch(Settings):
    """Bayesian search of the `resnet50` recipe's head, layer by layer, on the features of its frozen backbone."""

    learning_rate: Range = (1e-5, 1e-3)
    """Bounds of the learning rate, drawn log-uniformly."""
    dropout: Annotated[tuple[Fraction, Fraction], AfterValidator(increasing)] = (0, 0.6)
    """Bounds of the dropout rate, drawn uniformly."""
    units: Annotated[tuple[Positive, Positive], AfterValidator(increasing)] = (16, 512)
    """Bounds of the first dense layer's units, drawn log-uniformly; layer i, counted from 0, has that many · 2⁻ⁱ."""
    batch_sizes: Annotated[tuple[Positive, ...], Field(min_length=1)] = (16, 32, 64)
    """Batch sizes to choose from."""
    losses: Annotated[tuple[Literal["binary_crossentropy", "kl_divergence"], ...], Field(min_length=1)] = (
        "binary_crossentropy",
        "kl_divergence",
    )
    """Losses to choose from; the divergence is that of both classes' probabilities."""
    points: Annotated[int, Field(ge=1, le=1000)] = 35
    """Settings tried for each number of layers."""
    epochs: Positive = 30
    """Passes over the cached features, at most."""
    layers: Annotated[int, Field(ge=1, le=6)] = 4
    """Layers, at most: one is added at a time until validation accuracy no longer improves."""
    seed: Seed = 0
    """Seed of the search's own draws."""


class Crossval(Settings):
    """Cross-validation of one recipe within the train split."""

    recipe: Literal["baseline", "weighted", "resnet50"] = "baseline"
    """The recipe that every fold trains."""
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    """Folds, grouped by patient and stratified."""
    seed: Seed = 0
    """Seed of the folds."""


class Ablate(Settings):
    """Three plain networks, each trained with and without augmentation, compared on validation."""

    recipe: Recipe = Recipe(fit=Fit(epochs=30, optimizer="adam", early_stopping_patience=5))
    """What is common to all six; the networks and the absence of augmentation are the ablation's."""
