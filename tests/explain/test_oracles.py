"""Comparison with pytorch-grad-cam and xplique on the same weights; see make_fixtures.py."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from pneumo.evaluation.heatmap_metrics import area_under_curves, drops, increases
from pneumo.explain.activations import ActivationModel
from pneumo.explain.cam import METHODS, class_activation_maps, grad_cam
from pneumo.explain.faithfulness import blurred, class_scores, masked_by, replacement_curves

FIXTURES = Path(__file__).parent / "fixtures"


def network(fixture):
    inputs = keras.Input((10, 10, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    for number in (1, 2):
        x = layers.Conv2D(2 + number, 3, activation="relu", name=f"convolution_{number}")(x)
    logit = layers.Dense(1, use_bias=False, name="logit")(layers.Flatten()(x))
    model = keras.Model(inputs, layers.Activation("sigmoid", name="probability")(logit))
    model.set_weights([fixture[name] for name in ("kernel_1", "bias_1", "kernel_2", "bias_2", "dense")])
    return ActivationModel(model)


@pytest.mark.parametrize("target", ["PNEUMONIA", "NORMAL"])
def test_maps_are_those_of_pytorch_grad_cam(target):
    fixture = np.load(FIXTURES / "maps.npz")
    names = [name for name in METHODS if f"{target} {name}" in fixture and name != "random-cam"]
    assert len(names) == 4
    ours = class_activation_maps(network(fixture), fixture["images"], target, names)
    for name in names:
        np.testing.assert_allclose(ours[name], fixture[f"{target} {name}"], rtol=1e-4, atol=1e-5, err_msg=name)


def test_random_cam_is_that_of_pytorch_grad_cam_for_the_weights_it_drew():
    fixture = np.load(FIXTURES / "maps.npz")
    activations = fixture["activations"].transpose(0, 2, 3, 1)
    assert METHODS["random-cam"].combine is grad_cam
    ours = grad_cam(activations, fixture["random_weights"][:, None, None, :].astype(np.float32))
    np.testing.assert_allclose(ours, fixture["NORMAL random-cam"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("target", ["PNEUMONIA", "NORMAL"])
def test_metrics_are_those_of_xplique(target):
    fixture = np.load(FIXTURES / "measures.npz")
    explained, images, maps = network(fixture), fixture["images"], fixture["maps"]
    before = class_scores(explained, images, target)
    after = class_scores(explained, masked_by(images, maps), target)
    ours = {
        "average drop": drops(before, after),
        "average increase": increases(before, after),
        "insertion": area_under_curves(replacement_curves(explained, blurred(images), images, maps, target, steps=20)),
        "deletion": area_under_curves(replacement_curves(explained, images, blurred(images), maps, target, steps=20)),
    }
    for name, values in ours.items():
        np.testing.assert_allclose(values, fixture[f"{target} {name}"], rtol=1e-4, atol=1e-6, err_msg=name)
