"""Searches, cross-validation and ablations."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pneumo.config.basics import Fraction, Positive, Range, Seed, Settings, increasing
from pneumo.config.recipes import Cnn, CnnRecipe, Fit


class Hpo(Settings):
    """Bayesian hyper-parameter search of learning rate and dropout, by cross-validation within the training set."""

    recipe: CnnRecipe = CnnRecipe(network=Cnn(convolution_dropout=0.25))
    """The recipe of all fits; learning rate and dropout rates are searched."""
    learning_rate: Range = (1e-5, 1e-2)
    """Bounds of the learning rate, sampled log-uniformly."""
    dense_dropout: Range = (0.05, 0.4)
    """Bounds of the dropout rate after the dense layer, sampled uniformly."""
    convolution_dropout: Range = (0.1, 0.4)
    """Bounds of the dropout rate after each block, sampled uniformly."""
    points: Annotated[int, Field(ge=1, le=1000)] = 10
    """Points evaluated."""
    initial_points: Annotated[int, Field(ge=1, le=1000)] = 5
    """Initial points sampled at random, before a Gaussian process proposes the next ones."""
    points_at_once: Annotated[int, Field(ge=1, le=100)] = 1
    """Points proposed at once: several points keep more than `folds` workers busy, but each is chosen from fewer known scores."""
    folds: Annotated[int, Field(ge=2, le=20)] = 3
    """Folds for each point, grouped by patient and stratified by label."""
    scoring: Literal["accuracy", "balanced_accuracy", "roc_auc", "neg_log_loss"] = "accuracy"
    """Score to maximise, by its name in scikit-learn, averaged over the folds."""
    seed: Seed = 0
    """Seed of the sampled points and of the folds."""
    backend: Literal["serial", "processes", "dask"] = "serial"
    """Where fits run: one after another, in local processes, or on a Dask cluster."""
    workers: Positive = 2
    """Local processes, where the backend is processes."""
    dask_address: str | None = None
    """Address of the Dask scheduler, such as tcp://10.0.0.1:8786."""


class HeadSearch(Settings):
    """Bayesian search of the `resnet50` recipe's head, layer by layer, on the features of its frozen backbone."""

    learning_rate: Range = (1e-5, 1e-3)
    """Bounds of the learning rate, sampled log-uniformly."""
    dropout: Annotated[tuple[Fraction, Fraction], AfterValidator(increasing)] = (0, 0.6)
    """Bounds of the dropout rate, sampled uniformly."""
    units: Annotated[tuple[Positive, Positive], AfterValidator(increasing)] = (16, 512)
    """Bounds of the units of the first dense layer, sampled log-uniformly; each further layer halves them."""
    batch_sizes: Annotated[tuple[Positive, ...], Field(min_length=1)] = (16, 32, 64)
    """Batch sizes to choose from."""
    losses: Annotated[tuple[Literal["binary_crossentropy", "kl_divergence"], ...], Field(min_length=1)] = (
        "binary_crossentropy",
        "kl_divergence",
    )
    """Losses to choose from; the Kullback-Leibler divergence is over both classes."""
    points: Annotated[int, Field(ge=1, le=1000)] = 35
    """Points evaluated for each number of layers."""
    epochs: Positive = 30
    """Maximum number of epochs over the cached features."""
    layers: Annotated[int, Field(ge=1, le=6)] = 4
    """Maximum number of dense layers: one is added at a time until validation accuracy no longer improves."""
    seed: Seed = 0
    """Seed of the sampled points."""


class Crossval(Settings):
    """Cross-validation of one recipe within the train split."""

    recipe: Literal["baseline", "weighted", "resnet50"] = "baseline"
    """The recipe that is cross-validated."""
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    """Folds, grouped by patient and stratified by label."""
    seed: Seed = 0
    """Seed of the folds."""


class Ablate(Settings):
    """Ablations: variants of a recipe, compared."""

    design: Literal["networks", "leave-one-out"] = "networks"
    """networks: three plain networks, each with and without augmentation, on validation; leave-one-out: the `robust` recipe without
    each of its components in turn, also on shifted validation and, after all are trained, on test."""
    recipe: CnnRecipe = CnnRecipe(fit=Fit(epochs=30, optimizer="adam", early_stopping_patience=5))
    """networks: the recipe that all six variants share."""
