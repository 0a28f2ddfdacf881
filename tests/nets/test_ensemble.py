import keras
import numpy as np
import pytest

from pneumo.config import Backbone, Cnn, ResidualCnn
from pneumo.explain.lots import deep_features
from pneumo.nets import backbone, cnn, ensemble, residual
from pneumo.nets.outputs import compiled
from pneumo.nets.test_time import SHIFT_FRACTION, with_views

SIZE_PX = 48


def plain(seed=0, size_px=SIZE_PX):
    return cnn.build(Cnn(filters=(4, 8), dense_units=8), size_px, seed)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0, 255, (5, SIZE_PX, SIZE_PX, 1)).astype(np.float32)


def logits(model, images):
    return keras.Model(model.inputs[0], model.get_layer("logit").output).predict(images, verbose=0)[:, 0]


def features(model, images):
    return keras.Model(model.inputs[0], model.get_layer("logit").input).predict(images, verbose=0)


def reloaded(model, folder):
    file = folder / "model.keras"
    model.save(file)
    return keras.saving.load_model(file, safe_mode=True)


def resized(images, size_px):
    return keras.layers.Resizing(size_px, size_px, interpolation="bilinear")(images).numpy()


def test_the_logit_of_an_ensemble_is_the_mean_of_its_members_whatever_their_size(images, tmp_path):
    small, other = residual.build(ResidualCnn(filters=(4,), blocks=1), 32, 1), plain(2)
    whole = reloaded(ensemble.build([plain(0), small, other]), tmp_path)
    expected = np.stack([logits(plain(0), images), logits(small, resized(images, 32)), logits(other, images)])
    assert whole.inputs[0].shape == (None, SIZE_PX, SIZE_PX, 1)
    np.testing.assert_allclose(logits(whole, images), expected.mean(axis=0), atol=1e-5)
    for model in (whole, ensemble.build([plain(0), small, other])):
        outputs = compiled(model)(images)
        np.testing.assert_allclose(outputs["spread"][:, 0], expected.std(axis=0), atol=1e-5)
        np.testing.assert_allclose(outputs["probability"][:, 0], 1 / (1 + np.exp(-expected.mean(axis=0))), atol=1e-5)
    assert [member.get_layer("logit").output.shape for member in ensemble.members(whole)] == [(None, 1)] * 3


def test_networks_of_an_ensemble_in_a_member_of_another_size_take_the_images_of_the_whole(images, tmp_path):
    small = [plain(seed, 32) for seed in (1, 2)]
    whole = reloaded(ensemble.build([ensemble.build(small), plain(0)]), tmp_path)
    of_small = np.mean([logits(network, resized(images, 32)) for network in small], axis=0)
    np.testing.assert_allclose(logits(whole, images), (of_small + logits(plain(0), images)) / 2, atol=1e-5)
    assert [network.inputs[0].shape[1] for network in ensemble.members(whole)] == [SIZE_PX] * 3
    expected = np.concatenate([features(network, resized(images, 32)) for network in small] + [features(plain(0), images)], axis=1)
    np.testing.assert_allclose(deep_features(whole).predict(images, verbose=0), expected, atol=1e-4)


@pytest.mark.parametrize("views", ["mirror", "shifts"])
def test_a_member_of_another_size_keeps_its_views(images, views, tmp_path):
    whole = reloaded(ensemble.build([with_views(plain(1, 32), views), plain(0)]), tmp_path)
    to_logit = keras.Model(whole.inputs[0], whole.get_layer("logit").output)
    mirrored = to_logit.predict(images[:, :, ::-1], verbose=0)[:, 0] - logits(plain(0), images[:, :, ::-1]) / 2
    # The mean over an image and its mirror image, and over their shifts, is that over the mirror image and its own.
    np.testing.assert_allclose(mirrored, logits(whole, images) - logits(plain(0), images) / 2, atol=1e-4)
    assert [network.inputs[0].shape[1] for network in ensemble.members(whole)] == [SIZE_PX] * 2


def test_a_backbone_nested_in_a_member_of_another_size_keeps_its_logit(tmp_path):
    images = np.random.default_rng(1).uniform(0, 255, (2, 96, 96, 1)).astype(np.float32)
    network = backbone.build(Backbone(architecture="Xception", weights="none", head_units=()), 80)
    whole = reloaded(ensemble.build([network, plain(size_px=96)]), tmp_path)
    expected = (logits(network, resized(images, 80)) + logits(plain(size_px=96), images)) / 2
    np.testing.assert_allclose(logits(whole, images), expected, atol=1e-4)


def shifted(images, rows, columns):
    """The images moved by whole pixels, with black where nothing is known."""
    moved = np.zeros_like(images)
    height, width = images.shape[1:3]
    moved[:, max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)] = images[
        :, max(-rows, 0) : height + min(-rows, 0), max(-columns, 0) : width + min(-columns, 0)
    ]
    return moved


def test_the_logit_of_views_is_the_mean_over_the_image_its_mirror_image_and_shifts(images, tmp_path):
    network = plain()
    distance = round(SHIFT_FRACTION * SIZE_PX)
    shifts = [(0, 0), (distance, 0), (-distance, 0), (0, distance), (0, -distance)]
    both = [logits(network, view) for image in (shifted(images, *shift) for shift in shifts) for view in (image, image[:, :, ::-1])]
    mirrored, all_views = (reloaded(with_views(network, views), tmp_path) for views in ("mirror", "shifts"))
    np.testing.assert_allclose(logits(mirrored, images), np.mean(both[:2], axis=0), atol=1e-5)
    np.testing.assert_allclose(logits(all_views, images), np.mean(both, axis=0), atol=1e-5)
    assert with_views(network, "none") is network


def test_a_network_that_averages_mirror_images_scores_an_image_and_its_mirror_image_alike(images):
    model = with_views(plain(), "mirror")
    one, other = (model.predict(view, verbose=0) for view in (images, images[:, :, ::-1]))
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("views", ["none", "mirror", "shifts"])
def test_the_features_are_those_of_the_image_itself(images, views):
    model = with_views(plain(), views)
    outputs = compiled(model)(images)
    np.testing.assert_allclose(outputs["features"], features(plain(), images), atol=1e-5)
    np.testing.assert_allclose(outputs["probability"], model.predict(images, verbose=0), atol=1e-6)
    assert "spread" not in outputs


def test_the_spread_of_an_ensemble_is_over_its_members_not_over_their_views(images):
    first, second = (with_views(plain(seed), "mirror") for seed in (0, 1))
    outputs = compiled(ensemble.build([first, second]))(images)
    each = np.stack([logits(first, images), logits(second, images)])
    np.testing.assert_allclose(outputs["spread"][:, 0], each.std(axis=0), atol=1e-5)
    np.testing.assert_allclose(outputs["features"], np.hstack([features(plain(seed), images) for seed in (0, 1)]), atol=1e-5)


def test_an_ensemble_of_ensembles_has_all_their_members(images):
    inner = ensemble.build([plain(0), plain(1)])
    whole = ensemble.build([inner, plain(2)])
    assert len(ensemble.members(whole)) == 3
    assert compiled(whole)(images)["features"].shape == (5, 24)
