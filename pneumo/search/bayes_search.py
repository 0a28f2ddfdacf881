"""Bayesian search of hyper-parameters: the one place that knows scikit-optimize and scikeras.

Neither is maintained any more, and under scikit-learn 1.9 they meet in ways that end a search or falsify it: a `KerasClassifier` is
not taken for a classifier, a fit that raises or scores not-a-number ends the whole search, and nothing can be resumed. Each is
handled here, and only here.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import skopt
import skopt.plots
from matplotlib.figure import Figure
from rich.console import Console
from scikeras.wrappers import KerasClassifier
from sklearn.metrics import get_scorer
from sklearn.utils import ClassifierTags, Tags
from skopt import space as skopt_space

from pneumo.config import Hpo
from pneumo.errors import UserError
from pneumo.results.search import Point, SearchResult
from pneumo.search.fits import SearchData, finished_fit, kept_fit, shared_network
from pneumo.search.workers import backend, watching

# What a failed fit counts as: finite, for the search ends at anything else, and no better than any that did not fail. A network of
# float32 probabilities, held away from 0 and 1 by scikit-learn, cannot have a log loss above 16.
WORST_SCORES = {"accuracy": 0.0, "balanced_accuracy": 0.0, "roc_auc": 0.0, "neg_log_loss": -16.0}
PARAMETERS = ("learning_rate", "dense_dropout", "convolution_dropout")
Folds = Sequence[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Real:
    """A real number between bounds, uniform or log-uniform."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Whole:
    """A whole number between bounds, both included, uniform or log-uniform."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    options: tuple[Any, ...]


@dataclass(frozen=True)
class Tried:
    """A point of a search, and its value."""

    parameters: dict[str, Any]
    value: float


class SearchedClassifier(KerasClassifier):
    """A scikeras classifier whose samples are rows of the pixel cache, and whose fits are kept on disk.

    Parameters beside scikeras' own: `data`, and the three that are searched.
    """

    def __sklearn_tags__(self) -> Tags:
        """Say what it is."""
        tags = super().__sklearn_tags__()
        # scikeras says None, and scikit-learn then takes it for neither classifier nor regressor.
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags

    def _fit_keras_model(self, X: np.ndarray, y: np.ndarray, **_: Any) -> None:  # noqa: N803
        parameters = {name: float(getattr(self, name)) for name in PARAMETERS}
        self.finished_ = finished_fit(self.data, X[:, 0], parameters)
        self.held_out_ = np.setdiff1d(self.data.rows, X[:, 0])

    def _predict_raw(self, X: np.ndarray, **_: Any) -> np.ndarray:  # noqa: N803
        """Look the scores up: a fit keeps those of the rows that it was not trained on, and no others are asked for."""
        scores = np.array(self.finished_.y_score)
        return scores[np.searchsorted(self.held_out_, X[:, 0])][:, None]


@dataclass(frozen=True)
class Scorer:
    """Scikit-learn's scorer of a name, with a finite worst score for a fit that failed."""

    name: str

    def __call__(self, classifier: SearchedClassifier, X: np.ndarray, y: np.ndarray) -> float:  # noqa: N803
        """Score a fit on the rows that it was not trained on."""
        if classifier.finished_.failure is not None:
            return WORST_SCORES[self.name]
        return float(get_scorer(self.name)(classifier, X, y))


def bayes_search(data: SearchData, settings: Hpo, folds: Folds, console: Console) -> tuple[SearchResult, skopt.BayesSearchCV]:
    """Search learning rate and dropout, or go on with a search of the same settings that was killed.

    Args:
        folds: positions in `data.rows` of training and validation.

    Returns:
        What was found, and scikit-optimize's own object, for its figures.

    Raises:
        UserError: every fit failed, or the Dask cluster cannot be reached.
    """
    space = _space(settings)
    classifier = SearchedClassifier(
        model=network, data=data, loss="binary_crossentropy", **{name: low for name, (low, _) in space.items()}
    )
    search = skopt.BayesSearchCV(
        classifier,
        {name: _dimension(Real(low, high, name == "learning_rate")) for name, (low, high) in space.items()},
        n_iter=settings.points,
        n_points=settings.points_at_once,
        optimizer_kwargs={"n_initial_points": min(settings.initial_points, settings.points)},
        scoring=Scorer(settings.scoring),
        cv=list(folds),
        # None: as many as the backend has.
        n_jobs=None,
        refit=False,
        random_state=settings.seed,
    )
    with watching(data.directory, settings.points * len(folds), console), backend(settings):
        search.fit(data.rows[:, None], data.y_true)
    result = _result(search, data, settings, folds)
    failures = [failure for point in result.points for failure in point.failures]
    if len(failures) == settings.points * len(folds):
        raise UserError(f"All {len(failures)} fits of the search failed, the first so: {failures[0]}; mend `hpo.recipe`")
    return result, search


def network(data: SearchData, **_: Any) -> Any:
    """Build for scikeras, once in a process; a fit sets the rates of its point itself."""
    return shared_network(data.recipe)[0]


def search_figures(search: skopt.BayesSearchCV, scoring: str, synthetic: bool) -> dict[str, bytes]:
    """Draw convergence, and the partial dependence of the score on each parameter and pair (Friedman 2001), as PNG by name."""
    found = search.optimizer_results_[0]
    with mpl.rc_context({"font.size": 9}):
        convergence = Figure(figsize=(5, 4.2), layout="constrained")
        axes = convergence.subplots()
        skopt.plots.plot_convergence(found, ax=axes)
        axes.set(title="Best point so far", xlabel="points tried", ylabel=f"negative {scoring}")
        figures = {
            "search-convergence.png": convergence,
            "search-dependence.png": skopt.plots.plot_objective(found, size=2.4).figure,
        }
        if synthetic:
            for figure in figures.values():
                # In the picture as well: figures are copied out of pages.
                figure.supxlabel("synthetic phantom radiographs, no patients", fontsize=8, color="#a03000", x=0.98, ha="right")
        drawn = {name: _png(figure) for name, figure in figures.items()}
    # scikit-optimize draws through pyplot, which would keep its figure.
    plt.close("all")
    return drawn


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=150)
    return stream.getvalue()


def minimise(
    objective: Callable[[dict[str, Any]], float], space: Mapping[str, Real | Whole | Choice], points: int, seed: int
) -> list[Tried]:
    """Look for the smallest value of a function by a Gaussian process, after a third of the points at random.

    The same function and seed ask for the same points in the same order.

    Returns:
        Every point, in the order tried.
    """
    optimizer = skopt.Optimizer(
        [_dimension(one) for one in space.values()],
        n_initial_points=max(1, points // 3),
        random_state=seed,
        acq_optimizer="sampling",
    )
    tried = []
    for _ in range(points):
        asked = optimizer.ask()
        parameters = {name: np.array(value).item() for name, value in zip(space, asked, strict=True)}
        tried.append(Tried(parameters, objective(parameters)))
        optimizer.tell(asked, tried[-1].value)
    return tried


def _space(settings: Hpo) -> dict[str, tuple[float, float]]:
    return {name: getattr(settings, name) for name in PARAMETERS}


def _dimension(one: Real | Whole | Choice) -> skopt_space.Dimension:
    if isinstance(one, Choice):
        return skopt_space.Categorical(one.options)
    kind = skopt_space.Real if isinstance(one, Real) else skopt_space.Integer
    return kind(one.low, one.high, prior="log-uniform" if one.log else "uniform")


def _result(search: skopt.BayesSearchCV, data: SearchData, settings: Hpo, folds: Folds) -> SearchResult:
    found = search.cv_results_
    points = []
    for number, parameters in enumerate(found["params"]):
        plain = {name: float(parameters[name]) for name in PARAMETERS}
        fits = [kept_fit(data, data.rows[training], plain) for training, _ in folds]
        points.append(
            Point(
                parameters=plain,
                fold_scores=tuple(float(found[f"split{fold}_test_score"][number]) for fold in range(len(folds))),
                failures=tuple(fit.failure for fit in fits if fit is not None and fit.failure is not None),
                seconds=sum(fit.seconds for fit in fits if fit is not None),
            )
        )
    return SearchResult(
        space=_space(settings),
        scoring=settings.scoring,
        folds=len(folds),
        initial_points=min(settings.initial_points, settings.points),
        points=tuple(points),
    )
