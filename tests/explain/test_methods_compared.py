"""A network that sees one kind of lesion, and nothing else, measured by every method."""

import keras
import numpy as np
import pytest
from keras import layers

from pneumo.config import EXPLANATION_METHODS, Lots
from pneumo.explain.comparison import RANDOMIZATIONS, Comparison, ExplainedImages, KnownLesions
from pneumo.explain.explainer import Explainer
from pneumo.results.explanations import BASELINE, FAITHFULNESS, TRUTH, beats

SIDE_PX, FILMS = 32, 6
LOTS = Lots(steps=30)


@pytest.fixture(scope="module")
def model():
    """Its one working channel answers to bright patches; the others answer to darkness, and count for nothing."""
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
    images = random.integers(0, 60, (FILMS, SIDE_PX, SIDE_PX, 1)).astype(np.uint8)
    lesions = np.zeros((FILMS, SIDE_PX, SIDE_PX), bool)
    for number in range(FILMS):
        top, left = random.integers(4, 20, 2)
        lesions[number, top : top + 7, left : left + 7] = True
    images[lesions] += 180
    lungs, markers = np.zeros_like(lesions), np.zeros_like(lesions)
    lungs[:, 4:28, 4:28], markers[:, :3, :3] = True, True
    return KnownLesions(images, lesions, lungs, markers)


@pytest.fixture(scope="module")
def score(model, known):
    comparison = Comparison(
        model, LOTS, ExplainedImages(known.images, ["PNEUMONIA"] * FILMS), randomized_radiographs=4, known=known
    )
    return {method: comparison.score(method) for method in EXPLANATION_METHODS}


@pytest.mark.parametrize("method", ["grad-cam", "grad-cam++", "layer-cam", "hires-cam"])
def test_what_marks_the_lesion_beats_chance_by_every_measure_of_the_truth(worth, method):
    for name, better in TRUTH.items():
        assert beats(worth[method].truth[name], worth[BASELINE].truth[name], better), name
    assert worth[method].truth["pointing game"].mean == 1


def test_every_measure_is_there_and_counted(worth):
    for each in worth.values():
        assert set(each.faithfulness) == set(FAITHFULNESS)
        assert set(each.truth) == set(TRUTH)
        assert {measure.images for measure in each.faithfulness.values()} == {FILMS}
        assert each.weights_randomized.images == each.logit_randomized.images == 4 * RANDOMIZATIONS
        assert each.milliseconds > 0
    assert {method for method, each in worth.items() if each.arrived is not None} == {"lots"}


def test_without_known_lesions_there_is_nothing_to_hold_maps_against(model, known):
    comparison = Comparison(model, LOTS, ExplainedImages(known.images, ["NORMAL"] * FILMS), randomized_radiographs=2)
    found = comparison.score("grad-cam")
    assert found.truth == {}
    # Nothing but the bias argues for NORMAL.
    assert found.empty == FILMS
    assert found.faithfulness["coherency"].mean is None


def test_methods_come_in_the_order_asked_for_and_lots_maps_are_of_the_radiograph(model, known):
    maps = Explainer(model, LOTS).maps(known.images[:2], "PNEUMONIA", ["lots", "grad-cam"])
    assert list(maps) == ["lots", "grad-cam"]
    assert {each.shape for each in maps.values()} == {(2, SIDE_PX, SIDE_PX)}
