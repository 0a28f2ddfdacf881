"""Distance of radiographs from a model's training radiographs, in the features before its logit (Lee et al. 2018).

Lee et al. fit one normal distribution for each class, with a common covariance, to the features of a trained network, and take the
Mahalanobis distance to the nearest class mean. Here the covariance is shrunk (Ledoit & Wolf 2004), because networks have about as
many features as there are radiographs to estimate it from, and only the last features are used, without their perturbed input.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.covariance import ledoit_wolf_shrinkage

from pneumo.evaluation import weighted_scores
from pneumo.evaluation.bootstrap import DRAWS, SEED, Estimate, percentile_interval
from pneumo.evaluation.scores import Labels, Result
from pneumo.evaluation.stored_arrays import StoredArrays
from pneumo.evaluation.weighted_scores import Draws

MAX_VALUES = 1_000_000
"""Numbers in the stored principal components, at most: 4 MB."""
_CLASSES = 2
# Smallest variance in relation to the largest: a feature that is constant in training must not divide by zero.
_VARIANCE_FLOOR = float(np.finfo(np.float32).eps)
# Weights that the bootstrap evaluates at once, at most: 32 MB.
_BLOCK_VALUES = 4_000_000

Features = npt.NDArray[np.floating]


class Shift(Result):
    """How far a cohort's radiographs lie from a model's training radiographs, compared with its validation radiographs."""

    further: Estimate
    """Probability that a radiograph of the cohort lies further from training than a validation radiograph, a tie counting half: the
    AUROC of the distance. 0.5: as far as validation; 1: all further. Interval by bootstrap of the patients within each."""
    training_images: int
    """Radiographs that the distribution was fitted to."""
    validation_images: int
    features: int


@dataclass(frozen=True, eq=False)
class FeatureReference(StoredArrays):
    """Distribution of a model's features on training radiographs, and the distances of its validation radiographs from it.

    The shrunk covariance is stored by its principal components. Where not all fit into MAX_VALUES, or there are fewer radiographs
    than features, the mean variance of the others stands for each of them (probabilistic PCA, Tipping & Bishop 1999).
    """

    DESCRIPTION: ClassVar[str] = "reference of features"

    class_means: npt.NDArray[np.float32]
    """(2, D), of NORMAL and PNEUMONIA."""
    components: npt.NDArray[np.float32]
    """(K, D), orthonormal; K ≤ D."""
    variances: npt.NDArray[np.float32]
    """(K,), shrunk, of the components."""
    other_variance: npt.NDArray[np.float32]
    """(), shrunk, of every direction orthogonal to the components."""
    training_images: npt.NDArray[np.int64]
    """(), the number of radiographs that the distribution was fitted to."""
    validation_distances: npt.NDArray[np.float32]
    """(V,), in the order of the model's predictions on validation."""

    def distances(self, features: Features) -> npt.NDArray[np.float64]:
        """Return the Mahalanobis distance of features (N, D) to the nearer class mean, (N,)."""
        return _distances(features, self.class_means, self.components, self.variances, float(self.other_variance))


def fit_reference(features: Features, y_true: Labels, validation_features: Features) -> FeatureReference | None:
    """Fit the distribution of features (N, D) of training radiographs, and measure validation radiographs (V, D).

    Returns:
        None where the features do not vary or any is not finite, as in a network that failed to learn, or a class is missing.
    """
    training = np.asarray(features, dtype=np.float64)
    if np.unique(y_true).size < _CLASSES or not np.isfinite(training).all():
        return None
    means = np.stack([training[y_true == label].mean(axis=0) for label in range(_CLASSES)])
    centred = training - means[y_true]
    images, width = training.shape
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    trace = float((singular**2).sum() / images)
    if not trace > 0:
        return None
    shrinkage = float(ledoit_wolf_shrinkage(centred, assume_centered=True))
    stored = max(1, min(len(singular), MAX_VALUES // width))
    shrunk = (1 - shrinkage) * singular[:stored] ** 2 / images + shrinkage * trace / width
    # Shrinking preserves the trace, so what the components lack of it belongs to the others.
    others = (trace - float(shrunk.sum())) / (width - stored) if stored < width else 0.0
    floor = _VARIANCE_FLOOR * float(shrunk[0])
    variances, other_variance = np.maximum(shrunk, floor).astype(np.float32), max(others, floor)
    class_means, components = means.astype(np.float32), directions[:stored].astype(np.float32)
    distances = _distances(validation_features, class_means, components, variances, other_variance).astype(np.float32)
    if not np.isfinite(distances).all():
        return None
    return FeatureReference(
        class_means=class_means,
        components=components,
        variances=variances,
        other_variance=np.array(other_variance, np.float32),
        training_images=np.array(images),
        validation_distances=distances,
    )


def measure_shift(
    reference: FeatureReference, validation_patient: npt.ArrayLike, distances: npt.NDArray[np.float64], patient: npt.ArrayLike
) -> Shift:
    """Compare the distances (N,) of a cohort's radiographs with those of the validation radiographs (V,), by patients of both."""
    of_cohort = np.repeat([0, 1], [len(reference.validation_distances), len(distances)])
    # In the precision of the stored ones: a validation radiograph must not lie further than itself by rounding.
    compared = np.concatenate([reference.validation_distances, distances.astype(np.float32)])
    statistic = weighted_scores.auroc(of_cohort, compared)
    value = float(statistic(np.ones((1, compared.size)))[0])
    draws = [statistic(weights) for weights in _samples_of_both(validation_patient, patient)]
    return Shift(
        further=percentile_interval(value, np.concatenate(draws)),
        training_images=int(reference.training_images),
        validation_images=len(reference.validation_distances),
        features=reference.class_means.shape[1],
    )


def _samples_of_both(first: npt.ArrayLike, second: npt.ArrayLike) -> Iterator[Draws]:
    """Bootstrap samples of the patients within each of two independent groups: weights of the radiographs of both, by blocks.

    The patients of each are as many in every sample as in the group: groups of fixed size are compared, not parts of a mixture.
    """
    indices = [np.unique(np.asarray(patient, dtype=str), return_inverse=True)[1] for patient in (first, second)]
    generators = [np.random.default_rng([SEED, group]) for group in range(len(indices))]
    block = max(1, min(DRAWS, _BLOCK_VALUES // sum(index.size for index in indices)))
    for start in range(0, DRAWS, block):
        weights = []
        for index, generator in zip(indices, generators, strict=True):
            patients = int(index.max()) + 1
            drawn = generator.multinomial(patients, np.full(patients, 1 / patients), size=min(block, DRAWS - start))
            weights.append(drawn[:, index])
        yield np.concatenate(weights, axis=1).astype(np.float64)


def _distances(
    features: Features, class_means: Features, components: Features, variances: Features, other_variance: float
) -> npt.NDArray[np.float64]:
    points, means, basis = (np.asarray(array, dtype=np.float64) for array in (features, class_means, components))
    projected, projected_means = points @ basis.T, means @ basis.T
    squared = (((projected[:, None] - projected_means) ** 2) / variances).sum(axis=2)
    if len(basis) < basis.shape[1]:
        # Of the vectors and not of their lengths, whose difference would be lost in rounding.
        residual, residual_means = points - projected @ basis, means - projected_means @ basis
        squared += ((residual[:, None] - residual_means) ** 2).sum(axis=2) / other_variance
    return np.asarray(np.sqrt(squared.min(axis=1)))
