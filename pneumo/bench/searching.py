"""A hyper-parameter search: ours, and scikit-optimize with scikeras as their manuals show them."""

import tempfile
from pathlib import Path

import keras
import numpy as np
import skopt
from rich.console import Console
from scikeras.wrappers import KerasClassifier

from pneumo.bench.measure import Cost
from pneumo.config import Hpo, Recipe
from pneumo.nets import cnn
from pneumo.search.bayes_search import Folds, bayes_search
from pneumo.search.fits import SearchData
from pneumo.training.fit import compile_model
from pneumo.training.precision import prepare


def our_search(settings: Hpo, pixels: np.ndarray, y_true: np.ndarray, folds: Folds) -> Cost:
    """Measure a fit of our search, augmentation included; the network is traced once for all."""
    cost = Cost()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pixels.npy"
        np.save(file, pixels)
        data = SearchData(settings.recipe, file, np.arange(len(pixels)), y_true, Path(folder) / "fits", "benchmark")
        with cost.counting():
            bayes_search(data, settings, folds, Console(quiet=True))
    return cost.per(settings.points * len(folds))


def plain_search(settings: Hpo, pixels: np.ndarray, y_true: np.ndarray, folds: Folds) -> Cost:
    """Measure a fit of the obvious search: radiographs in memory, no augmentation, a network built and traced anew for every fit."""
    prepare(settings.recipe.fit.model_copy(update={"precision": "float32"}))
    fit = settings.recipe.fit
    search = skopt.BayesSearchCV(
        KerasClassifier(
            model=_network,
            recipe=settings.recipe,
            learning_rate=fit.learning_rate,
            dense_dropout=0.1,
            convolution_dropout=0.1,
            epochs=fit.epochs,
            batch_size=fit.batch_size,
            verbose=0,
        ),
        {
            "learning_rate": skopt.space.Real(*settings.learning_rate, prior="log-uniform"),
            "dense_dropout": skopt.space.Real(*settings.dense_dropout),
            "convolution_dropout": skopt.space.Real(*settings.convolution_dropout),
        },
        n_iter=settings.points,
        scoring=settings.scoring,
        cv=folds,
        refit=False,
        random_state=settings.seed,
    )
    cost = Cost()
    with cost.counting():
        search.fit(pixels[..., None].astype(np.float32), y_true)
    return cost.per(settings.points * len(folds))


def _network(recipe: Recipe, learning_rate: float, dense_dropout: float, convolution_dropout: float) -> keras.Model:
    rates = {"dense_dropout": dense_dropout, "convolution_dropout": convolution_dropout}
    model = cnn.build(recipe.network.model_copy(update=rates), recipe.image_size_px, recipe.fit.seed)
    compile_model(model, recipe.fit.model_copy(update={"learning_rate": learning_rate}))
    return model
