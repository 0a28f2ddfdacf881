import keras
import numpy as np
import pytest
from keras import layers

from pneumo.explain import faithfulness
from pneumo.explain.activations import ActivationModel
from pneumo.explain.cam import class_activation_maps, resize_maps

SIDE_PX = 20
LESION = np.s_[4:9, 11:17]


def lesion_network(gain=1.0, bias=-2.0):
    """A network whose logit rises with the grey values in one rectangle, and depends on nothing else."""
    inputs = keras.Input((SIDE_PX, SIDE_PX, 1))
    x = layers.Conv2D(1, 1, activation="relu", use_bias=False, name="features")(layers.Rescaling(1 / 255)(inputs))
    logit = layers.Dense(1, name="logit")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Activation("sigmoid", name="probability")(logit))
    weights = np.zeros((SIDE_PX, SIDE_PX))
    weights[LESION] = gain * 0.2
    model.get_layer("features").set_weights([np.ones((1, 1, 1, 1))])
    model.get_layer("logit").set_weights([weights.reshape(-1, 1), np.array([bias])])
    return ActivationModel(model)


@pytest.fixture
def radiographs():
    radiographs = np.random.default_rng(0).integers(0, 60, (3, SIDE_PX, SIDE_PX, 1)).astype(np.uint8)
    radiographs[:, *LESION] += 180
    return radiographs


def lesion_map(images):
    maps = np.zeros(images.shape[:3], np.float32)
    maps[:, *LESION] = 1
    return maps


def background_map(images):
    return 1 - lesion_map(images)


def measure(explained, radiographs, target, explain):
    return faithfulness.measure(explained, radiographs, target, explain(radiographs), explain)


def test_the_map_of_the_evidence_is_more_faithful_by_every_metric(radiographs):
    explained = lesion_network()
    good, bad = (measure(explained, radiographs, "PNEUMONIA", explain) for explain in (lesion_map, background_map))
    assert (good["average drop"] == 0).all()
    assert (bad["average drop"] > 0.5).all()
    np.testing.assert_allclose(good["coherency"], 1)
    assert (good["insertion"] > bad["insertion"] + 0.2).all()
    assert (good["deletion"] < bad["deletion"] - 0.2).all()
    assert (good["average increase"] == 0).all()


def test_scores_and_metrics_are_those_of_each_images_class(radiographs):
    explained, classes = lesion_network(), ["PNEUMONIA", "NORMAL", "PNEUMONIA"]
    scores = faithfulness.class_scores(explained, radiographs, classes)
    np.testing.assert_allclose(scores[1], 1 - faithfulness.class_scores(explained, radiographs, "PNEUMONIA")[1])
    mixed = measure(explained, radiographs, classes, background_map)
    for name, expected in measure(explained, radiographs, "NORMAL", background_map).items():
        assert mixed[name][1] == pytest.approx(expected[1]), name
    # Without the lesion, the score of NORMAL rises.
    np.testing.assert_array_equal(mixed["average increase"], [0, 1, 0])


def test_curves_run_from_the_blurred_copy_to_the_image_and_back(radiographs):
    explained, maps, blurred = lesion_network(), lesion_map(radiographs), faithfulness.blurred(radiographs)
    whole, without = (faithfulness.class_scores(explained, images, "PNEUMONIA") for images in (radiographs, blurred))
    insertion = faithfulness.replacement_curves(explained, blurred, radiographs, maps, "PNEUMONIA", steps=10)
    deletion = faithfulness.replacement_curves(explained, radiographs, blurred, maps, "PNEUMONIA", steps=10)
    assert insertion.shape == deletion.shape == (3, 11)
    np.testing.assert_allclose(insertion[:, [0, -1]], np.stack([without, whole], axis=1), rtol=1e-5)
    np.testing.assert_allclose(deletion[:, [0, -1]], np.stack([whole, without], axis=1), rtol=1e-5)
    # The rectangle is 30 of 400 pixels, hence whole after one step of ten.
    np.testing.assert_allclose(insertion[:, 1:], whole[:, None].repeat(10, axis=1), rtol=1e-5)


def test_pixels_of_an_empty_map_are_replaced_row_by_row(radiographs):
    explained, empty = lesion_network(), np.zeros(radiographs.shape[:3], np.float32)
    rows = -np.arange(SIDE_PX, dtype=np.float32)[:, None] * np.ones((len(radiographs), SIDE_PX, SIDE_PX), np.float32)
    images = radiographs, faithfulness.blurred(radiographs)
    curves = [faithfulness.replacement_curves(explained, *images, maps, "PNEUMONIA", steps=20) for maps in (empty, rows)]
    np.testing.assert_allclose(*curves, rtol=1e-5)


def test_an_empty_map_is_scored_as_a_black_image_and_has_no_coherency(radiographs):
    explained = lesion_network()
    values = measure(explained, radiographs, "PNEUMONIA", lambda images: np.zeros(images.shape[:3], np.float32))
    whole = faithfulness.class_scores(explained, radiographs, "PNEUMONIA")
    black = faithfulness.class_scores(explained, np.zeros_like(radiographs), "PNEUMONIA")
    np.testing.assert_allclose(values["average drop"], (whole - black) / whole, rtol=1e-5)
    assert np.isnan(values["coherency"]).all()
    assert np.isfinite(values["insertion"]).all()


@pytest.mark.parametrize("bias", [-1000.0, 1000.0])
def test_saturated_networks_are_measured_without_division_by_zero(radiographs, bias):
    with np.errstate(all="raise", under="ignore"):
        values = measure(lesion_network(bias=bias), radiographs, "PNEUMONIA", lesion_map)
    for name, metric in values.items():
        assert np.isfinite(metric).all(), name


def test_constant_radiographs_are_measured(radiographs):
    explained = lesion_network()
    values = measure(explained, np.full_like(radiographs, 128), "PNEUMONIA", lesion_map)
    assert (values["average drop"] == 0).all()
    np.testing.assert_allclose(values["insertion"], values["deletion"], rtol=1e-5)


def test_a_coarse_map_is_resized_to_the_radiograph(radiographs):
    explained = lesion_network()

    def coarse(images):
        return lesion_map(images)[:, ::4, ::4]

    def fine(images):
        return resize_maps(coarse(images), SIDE_PX, SIDE_PX)

    coarsely, finely = (measure(explained, radiographs, "PNEUMONIA", explain) for explain in (coarse, fine))
    for name in ("average drop", "insertion", "deletion"):
        np.testing.assert_array_equal(coarsely[name], finely[name])


def test_maps_of_a_cam_method_can_be_measured(radiographs):
    explained = lesion_network()

    def explain(images):
        return class_activation_maps(explained, images, "PNEUMONIA", ["hires-cam"])["hires-cam"]

    values = measure(explained, radiographs, "PNEUMONIA", explain)
    assert (values["average drop"] < 0.05).all()
    assert (values["coherency"] > 0.95).all()
