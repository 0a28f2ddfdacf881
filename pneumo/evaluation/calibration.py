"""Whether a probability means what it says: of radiographs called 80 % PNEUMONIA, 80 % should be."""

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
    """Radiographs whose probability lies in one range."""

    lower: float
    upper: float
    """Belongs to the next bin, except in the last."""
    images: int
    mean_probability: float | None
    """None, as the next, where the bin is empty."""
    share: float | None
    """That are PNEUMONIA."""
    low: float | None
    """Wilson's 95 % interval of the share."""
    high: float | None


class Calibration(Result):
    """How well the probabilities fit the labels on one split."""

    loss: float
    """Binary cross-entropy, which a temperature is fitted to."""
    brier: float
    """Mean squared distance of probability and label."""
    expected_calibration_error: float
    """Mean distance of probability and share over the bins, weighted by their radiographs."""
    bins: tuple[Bin, ...]
    """Of equal width."""

    @classmethod
    def of(cls, y_true: Labels, y_score: Scores, bins: int = BINS) -> Self:
        """Measure how well probabilities fit the labels."""
        # Equal width, not equal mass: networks are nearly always nearly sure, and bins of equal mass would all lie at the ends.
        place = np.minimum((y_score * bins).astype(int), bins - 1)
        found = tuple(_bin(y_true[place == index], y_score[place == index], index, bins) for index in range(bins))
        # Mean probability and share of a bin are sums over the same radiographs, so their distance weighs itself.
        error = sum(abs(float((y_true - y_score)[place == index].sum())) for index in range(bins)) / y_true.size
        return cls(
            loss=float(log_loss(y_true, np.clip(y_score, CLIP, 1 - CLIP), labels=[0, 1])),
            brier=float(np.mean((y_score - y_true) ** 2)),
            expected_calibration_error=error,
            bins=found,
        )


def fit_temperature(y_true: Labels, y_score: Scores) -> float | None:
    """Find the temperature T with which sigmoid(logit / T) has the lowest cross-entropy (Guo et al. 2017).

    The order of the radiographs stays, and with it every score that needs no threshold, and 0.5 stays 0.5.

    Returns:
        None where no finite positive temperature is best: where 0.5 parts the classes without a mistake, the surer the better;
        where the scores say nothing, or the contrary, the less sure the better.
    """
    found = logits(y_score)

    def slope(sharpness: float) -> float:
        """Derivative of the cross-entropy by 1 / T, in which it is convex."""
        return float(np.mean((expit(sharpness * found) - y_true) * found))

    if slope(0) >= 0 or ((found > 0) == (y_true == 1))[found != 0].all():
        return None
    upper = 1.0
    while slope(upper) <= 0:
        upper *= 2
    return 1 / brentq(slope, 0, upper, xtol=1e-12)


def scaled(y_score: Scores, temperature: float) -> Scores:
    """Divide the logits of probabilities by a temperature."""
    return np.asarray(expit(logits(y_score) / temperature))


def logits(y_score: Scores) -> npt.NDArray[np.float64]:
    """Take probabilities back to logits, those of exactly 0 and 1 to finite ones."""
    return np.asarray(logit(np.clip(y_score, CLIP, 1 - CLIP)))


def _bin(y_true: Labels, y_score: Scores, index: int, bins: int) -> Bin:
    lower, upper = index / bins, (index + 1) / bins
    if not y_true.size:
        return Bin(lower=lower, upper=upper, images=0, mean_probability=None, share=None, low=None, high=None)
    wilson = binomtest(int(y_true.sum()), y_true.size).proportion_ci(method="wilson")
    return Bin(
        lower=lower,
        upper=upper,
        images=y_true.size,
        mean_probability=float(y_score.mean()),
        share=float(y_true.mean()),
        low=float(wilson.low),
        high=float(wilson.high),
    )
