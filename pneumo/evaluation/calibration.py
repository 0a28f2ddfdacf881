"""Calibration: of radiographs with a probability of 80 %, 80 % should be PNEUMONIA; and temperature scaling."""

from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.metrics import log_loss

from pneumo.evaluation.scores import CLIP, Labels, Result, Scores

BINS = 10


class Bin(Result):
    """One bin of a reliability diagram: the radiographs whose probability lies in one range."""

    lower: float
    upper: float
    """Exclusive, except in the last bin."""
    images: int
    mean_probability: float | None = None
    """None where the bin is empty, as the next fields."""
    fraction_of_positives: float | None = None
    low: float | None = None
    """Of the 95 % interval of the fraction (Wilson 1927)."""
    high: float | None = None


class Calibration(Result):
    """Calibration of the probabilities on one part."""

    loss: float
    """Binary cross-entropy, which temperature scaling minimizes."""
    brier: float
    """Brier score: mean squared difference of probability and label."""
    expected_calibration_error: float
    """Mean difference of probability and fraction of positives over the bins, weighted by their radiographs."""
    bins: tuple[Bin, ...]
    """Of equal width."""

    @classmethod
    def of(cls, y_true: Labels, y_score: Scores) -> Self:
        """Measure the calibration of probabilities."""
        # Equal width, not equal mass: most probabilities are near 0 or 1, where all bins of equal mass would lie.
        bin_of = np.minimum((y_score * BINS).astype(int), BINS - 1)
        members = [bin_of == index for index in range(BINS)]
        # Mean probability and fraction of positives of a bin have the same denominator, which the weight cancels.
        error = sum(abs(float((y_true - y_score)[inside].sum())) for inside in members) / y_true.size
        return cls(
            loss=float(log_loss(y_true, np.clip(y_score, CLIP, 1 - CLIP), labels=[0, 1])),
            brier=float(np.mean((y_score - y_true) ** 2)),
            expected_calibration_error=error,
            bins=tuple(_bin(y_true[inside], y_score[inside], index) for index, inside in enumerate(members)),
        )


def fit_temperature(y_true: Labels, y_score: Scores) -> float | None:
    """Fit the temperature T that minimizes the cross-entropy of sigmoid(logit / T) (Guo et al. 2017).

    Scaling preserves the order of the radiographs, and so every score that needs no threshold; a probability of 0.5 stays 0.5.
    None where no finite positive temperature is optimal: T = 0 where 0.5 separates the classes without error, T = ∞ where the
    scores are uninformative or reversed.
    """
    unscaled = logits(y_score)

    def slope(inverse_temperature: float) -> float:
        """Derivative of the cross-entropy with respect to 1 / T, in which it is convex."""
        return float(np.mean((expit(inverse_temperature * unscaled) - y_true) * unscaled))

    if slope(0) >= 0 or ((unscaled > 0) == (y_true == 1))[unscaled != 0].all():
        return None
    upper = 1.0
    while slope(upper) <= 0:
        upper *= 2
    return 1 / brentq(slope, 0, upper, xtol=1e-12)


def scale_temperature(y_score: Scores, temperature: float) -> Scores:
    """Divide the logits of probabilities by a temperature."""
    return np.asarray(expit(logits(y_score) / temperature))


def logits(y_score: Scores) -> npt.NDArray[np.float64]:
    """Logits of probabilities, finite also for 0 and 1."""
    return np.asarray(logit(np.clip(y_score, CLIP, 1 - CLIP)))


def _bin(y_true: Labels, y_score: Scores, index: int) -> Bin:
    lower, upper = index / BINS, (index + 1) / BINS
    if not y_true.size:
        return Bin(lower=lower, upper=upper, images=0)
    wilson = binomtest(int(y_true.sum()), y_true.size).proportion_ci(method="wilson")
    return Bin(
        lower=lower,
        upper=upper,
        images=y_true.size,
        mean_probability=float(y_score.mean()),
        fraction_of_positives=float(y_true.mean()),
        low=float(wilson.low),
        high=float(wilson.high),
    )
