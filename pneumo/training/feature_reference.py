"""Features before the logit of a trained network, the reference of its training radiographs, and scores of any radiographs."""

from collections.abc import Callable

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from rich.console import Console
from rich.progress import track

from pneumo.evaluation.feature_distance import FeatureReference, fit_reference
from pneumo.nets.ensemble import members
from pneumo.radiographs.batches import evaluation_batches
from pneumo.training.dataset import Dataset
from pneumo.training.predict import part_batches

MAX_PER_CLASS = 1000
"""Training radiographs of each class that the reference is fitted to, at most."""
SEED = 0
BATCH_SIZE = 32


def with_features(model: keras.Model) -> keras.Model:
    """Return a model of the same network with two outputs: the probability (N, 1), and the input of the logit layer (N, D).

    Of an ensemble, the features are those of its members, concatenated.
    """
    networks = members(model)
    if len(networks) == 1:
        return keras.Model(model.inputs[0], [model.outputs[0], model.get_layer("logit").input])
    images = keras.Input(model.inputs[0].shape[1:])
    pairs = [keras.Model(member.inputs[0], [member.outputs[0], member.get_layer("logit").input])(images) for member in networks]
    logits, features = zip(*pairs, strict=True)
    probability = model.get_layer("probability")(model.get_layer("logit")(list(logits)))
    return keras.Model(images, [probability, keras.layers.Concatenate(dtype="float32")(list(features))])


def feature_reference(model: keras.Model, dataset: Dataset, batch_size: int) -> FeatureReference | None:
    """Return the reference of a network's features on training radiographs, and the distances of all validation radiographs.

    At most MAX_PER_CLASS training radiographs of each class are drawn: one pass over them and over validation is a fraction of an
    epoch, which also computes gradients.
    """
    rows, y_true = dataset.rows("training"), dataset.y_true("training")
    drawn = _sample(y_true)
    training = evaluation_batches(dataset.pixels, rows[drawn], y_true[drawn], batch_size=batch_size)
    compute = _compiled(model)
    features = [
        np.concatenate([compute(images)[1] for images, *_ in batches])
        for batches in (training, part_batches(dataset, "validation", batch_size))
    ]
    return fit_reference(features[0], y_true[drawn], features[1])


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
    compute, scores = _compiled(model), []
    batches = evaluation_batches(pixels, rows, np.zeros(len(rows), np.int64), batch_size=BATCH_SIZE)
    steps = -(-len(rows) // BATCH_SIZE)
    for images, *_ in track(batches, "Scoring", steps, console=console, transient=True, disable=not console.is_terminal):
        probability, features = compute(images)
        distance = np.nan if reference is None else reference.distances(features)
        scores.append(pd.DataFrame({"y_score": probability[:, 0].astype(float), "distance": distance}))
    return pd.concat(scores, ignore_index=True)


def _compiled(model: keras.Model) -> Callable[[tf.Tensor], tuple[np.ndarray, np.ndarray]]:
    """Return a function from images (b, H, W, 1) to their probabilities (b, 1) and features (b, D), float32.

    One graph for batches of any size. Concrete, because TensorFlow takes the functions of several models for retracing of one.
    """
    network = with_features(model)
    signature = [tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32)]
    infer = tf.function(lambda images: network(images, training=False), input_signature=signature).get_concrete_function()

    def compute(images: tf.Tensor) -> tuple[np.ndarray, np.ndarray]:
        probability, features = infer(images)
        return probability.numpy(), tf.cast(features, tf.float32).numpy()

    return compute


def _sample(y_true: np.ndarray) -> np.ndarray:
    """Positions of a random sample with at most MAX_PER_CLASS of each class, in ascending order."""
    generator = np.random.default_rng(SEED)
    classes = (np.flatnonzero(y_true == label) for label in (0, 1))
    return np.sort(np.concatenate([generator.permutation(positions)[:MAX_PER_CLASS] for positions in classes]))
