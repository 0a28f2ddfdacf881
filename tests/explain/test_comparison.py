"""Every explanation method on a network that responds to one kind of lesion and to nothing else."""

import keras
import numpy as np
import pytest
from keras import layers

from pneumo.config import EXPLANATION_METHODS, Lots
from pneumo.explain.comparison import RANDOMIZATIONS, Comparison, ExplainedImages
from pneumo.explain.explainer import Explainer
from pneumo.explain.selection import KnownLesions
from pneumo.results.explanations import BASELINE, FAITHFULNESS, LOCALIZATION, beats

SIDE_PX, RADIOGRAPHS = 32, 6
LOTS = Lots(steps=30)


@pytest.fixture(scope="module")
def model():
    """The first channel responds to bright patches; the others respond to dark ones, and have no weight."""
    inputs = keras.Input((SIDE_PX, SIDE_PX, 1))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="features")(layers.Rescaling(1 / 255)(inputs))
    x = layers.GlobalAveragePooling2D()(x)
    logit = layers.Dense(1, name="logit")(x)
    model = keras.Model(inputs, layers.Activation("sigmoid", name="probability")(logit))
    kernels = np.zeros((3, 3, 1, 4), np.float32)
    kernels[..., 0], kernels[..., 1:] = 1 / 9, -1 / 9
    model.get_layer("features").set_weights([kernels, np.array([-0.5, 0.6, 0.5, 0.4], np.float32)])
    model.get_layer("logit").set_weights([np.array([[200], [0], [0], [0]], np.float32), np.array([-2], np.float32)])
    return model


@pytest.fixture(scope="module")
def known():
    random = np.random.default_rng(0)
    images = random.integers(0, 60, (RADIOGRAPHS, SIDE_PX, SIDE_PX, 1)).astype(np.uint8)
    lesions = np.zeros((RADIOGRAPHS, SIDE_PX, SIDE_PX), bool)
    for number in range(RADIOGRAPHS):
        top, left = random.integers(4, 20, 2)
        lesions[number, top : top + 7, left : left + 7] = True
    images[lesions] += 180
    lungs, markers = np.zeros_like(lesions), np.zeros_like(lesions)
    lungs[:, 4:28, 4:28], markers[:, :3, :3] = True, True
    return KnownLesions(images, lesions, lungs, markers)


@pytest.fixture(scope="module")
def scores(model, known):
    explained = ExplainedImages(known.images, ["PNEUMONIA"] * RADIOGRAPHS)
    comparison = Comparison(model, LOTS, explained, randomized_radiographs=4, lesions=known)
    return {method: comparison.score(method) for method in EXPLANATION_METHODS}


@pytest.mark.parametrize("method", ["grad-cam", "grad-cam++", "layer-cam", "hires-cam"])
def test_maps_of_the_lesion_beat_the_baseline_by_every_localization_metric(scores, method):
    for name, better in LOCALIZATION.items():
        assert beats(scores[method].localization[name], scores[BASELINE].localization[name], better), name
    assert scores[method].localization["pointing game"].mean == 1


def test_every_metric_is_computed_for_all_radiographs(scores):
    for method_scores in scores.values():
        assert set(method_scores.faithfulness) == set(FAITHFULNESS)
        assert set(method_scores.localization) == set(LOCALIZATION)
        assert {metric.images for metric in method_scores.faithfulness.values()} == {RADIOGRAPHS}
        assert method_scores.weights_randomized.images == method_scores.logit_randomized.images == 4 * RANDOMIZATIONS
        assert method_scores.milliseconds > 0
    assert [method for method, method_scores in scores.items() if method_scores.converged is not None] == ["lots"]


def test_without_known_lesions_there_is_no_localization(model, known):
    comparison = Comparison(model, LOTS, ExplainedImages(known.images, ["NORMAL"] * RADIOGRAPHS), randomized_radiographs=2)
    scores = comparison.score("grad-cam")
    assert scores.localization == {}
    # Only the bias is evidence of NORMAL.
    assert scores.empty == RADIOGRAPHS
    assert scores.faithfulness["coherency"].mean is None


def test_methods_are_in_the_requested_order_and_lots_maps_have_the_size_of_the_image(model, known):
    maps = Explainer(model, LOTS).maps(known.images[:2], "PNEUMONIA", ["lots", "grad-cam"])
    assert list(maps) == ["lots", "grad-cam"]
    assert {values.shape for values in maps.values()} == {(2, SIDE_PX, SIDE_PX)}
