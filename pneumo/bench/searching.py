"""Benchmark of a hyper-parameter search: this package, and scikit-optimize with scikeras as documented."""

import tempfile
from pathlib import Path

import keras
import numpy as np
import skopt
from rich.console import Console
from scikeras.wrappers import KerasClassifier

from pneumo.bench.measure import Cost
from pneumo.config import CnnRecipe, Hpo
from pneumo.nets import cnn
from pneumo.search.bayes_search import Folds, bayes_search
from pneumo.search.fits import SearchTask
from pneumo.training.dataset import Dataset
from pneumo.training.fit import compile_model
from pneumo.training.precision import prepare


def our_search(settings: Hpo, dataset: Dataset, folds: Folds) -> Cost:
    """Cost of a fit of this package's search, with augmentation; the network is traced once for all fits."""
    with tempfile.TemporaryDirectory() as folder, Cost().counting() as cost:
        bayes_search(SearchTask(settings.recipe, dataset, Path(folder)), settings, folds, Console(quiet=True))
    return cost.per(settings.points * len(folds))


def plain_search(settings: Hpo, dataset: Dataset, folds: Folds) -> Cost:
    """Cost of a fit of the documented search: images in memory, no augmentation, a network built and traced for every fit."""
    images = dataset.pixels[dataset.rows("training")][..., None].astype(np.float32)
    fit = settings.recipe.fit
    prepare(fit.model_copy(update={"precision": "float32"}))
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
    with Cost().counting() as cost:
        search.fit(images, dataset.y_true("training"))
    return cost.per(settings.points * len(folds))


def _network(recipe: CnnRecipe, learning_rate: float, dense_dropout: float, convolution_dropout: float) -> keras.Model:
    rates = {"dense_dropout": dense_dropout, "convolution_dropout": convolution_dropout}
    model = cnn.build(recipe.network.model_copy(update=rates), recipe.image_size_px, recipe.fit.seed)
    compile_model(model, recipe.fit.model_copy(update={"learning_rate": learning_rate}))
    return model
