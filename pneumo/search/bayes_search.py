"""Bayesian hyper-parameter search: the only module that uses scikit-optimize and scikeras.

Neither is maintained any more, and with scikit-learn 1.9 they fail together: a `KerasClassifier` is not recognized as a classifier,
a fit that raises or scores NaN ends the whole search, and a search cannot be resumed. Each is handled here, and only here.
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
from skopt import space

from pneumo.config import Hpo
from pneumo.errors import UserError
from pneumo.results.model import SearchPoint, SearchResult
from pneumo.search.fits import SearchTask, fit_point, load_fit, shared_network
from pneumo.search.workers import backend, show_progress

# Score of a failed fit: finite, because otherwise the search ends, and no better than that of a fit which did not fail. With
# float32 probabilities, which scikit-learn clips away from 0 and 1, a log loss cannot exceed 16.
WORST_SCORES = {"accuracy": 0.0, "balanced_accuracy": 0.0, "roc_auc": 0.0, "neg_log_loss": -16.0}
PARAMETERS = ("learning_rate", "dense_dropout", "convolution_dropout")
Folds = Sequence[tuple[np.ndarray, np.ndarray]]


def real(low: float, high: float, *, log: bool = False) -> space.Dimension:
    """A real hyper-parameter between bounds, uniform or log-uniform."""
    return space.Real(low, high, prior="log-uniform" if log else "uniform")


def integer(low: int, high: int) -> space.Dimension:
    """An integer hyper-parameter between bounds, both included, log-uniform."""
    return space.Integer(low, high, prior="log-uniform")


def choice(options: Sequence[Any]) -> space.Dimension:
    """A hyper-parameter with one of several values."""
    return space.Categorical(options)


class SearchedClassifier(KerasClassifier):
    """A scikeras classifier whose samples are rows of the pixel cache, and whose fits are saved on disk.

    Parameters besides those of scikeras: `task`, and the three that are searched.
    """

    def __sklearn_tags__(self) -> Tags:
        """Declare it a binary classifier."""
        tags = super().__sklearn_tags__()
        # scikeras leaves this None, and scikit-learn then takes it for neither classifier nor regressor.
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags

    def _fit_keras_model(self, X: np.ndarray, y: np.ndarray, **_: Any) -> None:  # noqa: N803
        parameters = {name: float(getattr(self, name)) for name in PARAMETERS}
        self.result_ = fit_point(self.task, X[:, 0], parameters)
        self.held_out_ = np.setdiff1d(self.task.rows, X[:, 0])

    def _predict_raw(self, X: np.ndarray, **_: Any) -> np.ndarray:  # noqa: N803
        """Look up the scores: a fit saves those of its held-out rows, and scikit-learn asks for no others."""
        scores = np.array(self.result_.y_score)
        return scores[np.searchsorted(self.held_out_, X[:, 0])][:, None]


@dataclass(frozen=True)
class Scorer:
    """scikit-learn's scorer of a name, with a finite worst score for a failed fit."""

    name: str

    def __call__(self, classifier: SearchedClassifier, X: np.ndarray, y: np.ndarray) -> float:  # noqa: N803
        """Score a fit on its held-out rows."""
        if classifier.result_.failure is not None:
            return WORST_SCORES[self.name]
        return float(get_scorer(self.name)(classifier, X, y))


def bayes_search(task: SearchTask, settings: Hpo, folds: Folds, console: Console) -> tuple[SearchResult, skopt.BayesSearchCV]:
    """Search learning rate and dropout, or resume a search of the same settings.

    Args:
        folds: positions in `task.rows` of training and validation.

    Returns:
        The result, and scikit-optimize's object, from which figures are drawn.

    Raises:
        UserError: every fit failed, or the Dask cluster cannot be reached.
    """
    bounds = _bounds(settings)
    classifier = SearchedClassifier(
        model=network, task=task, loss="binary_crossentropy", **{name: low for name, (low, _) in bounds.items()}
    )
    search = skopt.BayesSearchCV(
        classifier,
        {name: real(low, high, log=name == "learning_rate") for name, (low, high) in bounds.items()},
        n_iter=settings.points,
        n_points=settings.points_at_once,
        optimizer_kwargs={"n_initial_points": min(settings.initial_points, settings.points)},
        scoring=Scorer(settings.scoring),
        cv=list(folds),
        # None: decided by the joblib backend.
        n_jobs=None,
        refit=False,
        random_state=settings.seed,
    )
    with show_progress(task.directory, settings.points * len(folds), console), backend(settings):
        search.fit(task.rows[:, None], task.y_true)
    result = _result(search, task, settings, folds)
    failures = [failure for point in result.points for failure in point.failures]
    if len(failures) == settings.points * len(folds):
        raise UserError(f"All {len(failures)} fits of the search failed, the first with: {failures[0]}; change `hpo.recipe`")
    return result, search


def network(task: SearchTask, **_: Any) -> Any:
    """The network for scikeras, built once in a process; a fit sets the rates of its point."""
    return shared_network(task.recipe)[0]


def search_figures(search: skopt.BayesSearchCV, scoring: str, synthetic: bool) -> dict[str, bytes]:
    """Convergence, and partial dependence of the score on each parameter and pair (Friedman 2001), as PNG by file name."""
    result = search.optimizer_results_[0]
    with mpl.rc_context({"font.size": 9}):
        convergence = Figure(figsize=(5, 4.2), layout="constrained")
        axes = convergence.subplots()
        skopt.plots.plot_convergence(result, ax=axes)
        axes.set(title="Best point so far", xlabel="points evaluated", ylabel=f"negative {scoring}")
        figures = {
            "search-convergence.png": convergence,
            "search-dependence.png": skopt.plots.plot_objective(result, size=2.4).figure,
        }
        if synthetic:
            for figure in figures.values():
                # In the image too, since figures are copied out of pages.
                figure.supxlabel("synthetic phantom radiographs, no patients", fontsize=8, color="#a03000", x=0.98, ha="right")
        drawn = {name: _png(figure) for name, figure in figures.items()}
    # scikit-optimize draws through pyplot, which would hold on to its figure.
    plt.close("all")
    return drawn


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=150)
    return stream.getvalue()


def minimise(
    objective: Callable[[dict[str, Any]], float], dimensions: Mapping[str, space.Dimension], points: int, seed: int
) -> None:
    """Minimise a function with a Gaussian process, after a third of the points at random.

    The same function and seed evaluate the same points in the same order.
    """
    optimizer = skopt.Optimizer(
        list(dimensions.values()), n_initial_points=max(1, points // 3), random_state=seed, acq_optimizer="sampling"
    )
    for _ in range(points):
        point = optimizer.ask()
        optimizer.tell(point, objective({name: np.array(value).item() for name, value in zip(dimensions, point, strict=True)}))


def _bounds(settings: Hpo) -> dict[str, tuple[float, float]]:
    return {name: getattr(settings, name) for name in PARAMETERS}


def _result(search: skopt.BayesSearchCV, task: SearchTask, settings: Hpo, folds: Folds) -> SearchResult:
    table = search.cv_results_
    points = []
    for number, parameters in enumerate(table["params"]):
        plain = {name: float(parameters[name]) for name in PARAMETERS}
        fits = [load_fit(task, task.rows[training], plain) for training, _ in folds]
        points.append(
            SearchPoint(
                parameters=plain,
                fold_scores=tuple(float(table[f"split{fold}_test_score"][number]) for fold in range(len(folds))),
                failures=tuple(fit.failure for fit in fits if fit is not None and fit.failure is not None),
                seconds=sum(fit.seconds for fit in fits if fit is not None),
            )
        )
    return SearchResult(
        space=_bounds(settings),
        scoring=settings.scoring,
        folds=len(folds),
        initial_points=min(settings.initial_points, settings.points),
        points=tuple(points),
    )
