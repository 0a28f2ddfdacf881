"""Features before the logit of a trained network, the reference of its training radiographs, and scores of any radiographs."""

from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from pneumo.evaluation.feature_distance import FeatureReference, fit_reference
from pneumo.evaluation.scores import FEATURES, PROBABILITY
from pneumo.nets.outputs import compiled
from pneumo.radiographs.batches import evaluation_batches
from pneumo.training.dataset import Dataset
from pneumo.training.predict import part_batches

MAX_PER_CLASS = 1000
"""Training radiographs of each class that the reference is fitted to, at most."""
SEED = 0
BATCH_SIZE = 32


class OwnFeatures(NamedTuple):
    """Features of a model's own radiographs."""

    training: np.ndarray
    """(T, D), of the training radiographs that were drawn, at most MAX_PER_CLASS of each class: one pass over them and over
    validation is a fraction of an epoch, which also computes gradients."""
    y_true: np.ndarray
    """(T,), their labels."""
    validation: np.ndarray
    """(V, D), of all validation radiographs."""


def own_features(model: keras.Model, dataset: Dataset, batch_size: int) -> OwnFeatures:
    """Compute the features of a sample of training radiographs and of all validation radiographs."""
    rows, y_true = dataset.rows("training"), dataset.y_true("training")
    drawn = _sample(y_true)
    training = evaluation_batches(dataset.pixels, rows[drawn], y_true[drawn], batch_size=batch_size)
    compute = compiled(model)
    features = [
        np.concatenate([compute(images)[FEATURES] for images, *_ in batches])
        for batches in (training, part_batches(dataset, "validation", batch_size))
    ]
    return OwnFeatures(features[0], y_true[drawn], features[1])


def feature_reference(own: OwnFeatures) -> FeatureReference | None:
    """Return the reference of a network's features on training radiographs, and the distances of all validation radiographs."""
    return fit_reference(own.training, own.y_true, own.validation)


def outputs_of(
    model: keras.Model, pixels: np.ndarray, rows: np.ndarray, description: str, console: Console
) -> Iterator[dict[str, np.ndarray]]:
    """Outputs of `with_outputs` by name, batch by batch, with progress on a terminal.

    Args:
        pixels: (N, H, W), grey values in 0..255; may be memory-mapped.
        rows: (M,), rows of `pixels`.
    """
    compute = compiled(model)
    batches = evaluation_batches(pixels, rows, np.zeros(len(rows), np.int64), batch_size=BATCH_SIZE)
    steps = -(-len(rows) // BATCH_SIZE)
    for images, *_ in track(batches, description, steps, console=console, transient=True, disable=not console.is_terminal):
        yield compute(images)


def score_radiographs(
    model: keras.Model, pixels: np.ndarray, rows: np.ndarray, reference: FeatureReference | None, console: Console
) -> pd.DataFrame:
    """Score radiographs in batches, of which no more than a few are in memory.

    Args:
        pixels: (N, H, W), grey values in 0..255; may be memory-mapped.
        rows: (M,), rows of `pixels` to score.

    Returns:
        Columns y_score and distance, (M,): the probability of PNEUMONIA and the distance from training, nan without a reference.
    """
    scores = []
    for outputs in outputs_of(model, pixels, rows, "Scoring", console):
        distance = np.nan if reference is None else reference.distances(outputs[FEATURES])
        scores.append(pd.DataFrame({"y_score": outputs[PROBABILITY][:, 0].astype(float), "distance": distance}))
    return pd.concat(scores, ignore_index=True)


def _sample(y_true: np.ndarray) -> np.ndarray:
    """Positions of a random sample with at most MAX_PER_CLASS of each class, in ascending order."""
    generator = np.random.default_rng(SEED)
    classes = (np.flatnonzero(y_true == label) for label in (0, 1))
    return np.sort(np.concatenate([generator.permutation(positions)[:MAX_PER_CLASS] for positions in classes]))
