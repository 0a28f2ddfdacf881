"""What a hyper-parameter search found."""

import statistics

from pydantic import BaseModel, ConfigDict


class Point(BaseModel):
    """One setting that was tried, on every fold."""

    model_config = ConfigDict(frozen=True)

    parameters: dict[str, float]
    fold_scores: tuple[float, ...]
    failures: tuple[str, ...]
    """Why fits failed: each counts with the worst score there is."""
    seconds: float
    """Of all its fits together."""

    @property
    def mean(self) -> float:
        """Mean score over the folds: what the search maximises."""
        return statistics.fmean(self.fold_scores)

    @property
    def standard_deviation(self) -> float:
        """Sample standard deviation over the folds."""
        return statistics.stdev(self.fold_scores)


class SearchResult(BaseModel):
    """A whole search, in the order in which its points were tried."""

    model_config = ConfigDict(frozen=True)

    space: dict[str, tuple[float, float]]
    """Bounds of each parameter."""
    scoring: str
    folds: int
    initial_points: int
    """Points drawn at random before a model of the scores proposed the next."""
    points: tuple[Point, ...]

    @property
    def best(self) -> Point:
        """The point with the highest mean score, the first of equals."""
        return max(self.points, key=lambda point: point.mean)
