from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from pneumo.radiographs.decode import decode, resize_squashed
from pneumo.radiographs.perturbation import FRAME_PX, PERTURBATIONS, aspect, blur, crop, definition, jpeg, noise

SIDE = FRAME_PX


@pytest.fixture(scope="module")
def images():
    y, x = np.mgrid[:SIDE, :SIDE]
    grain = np.random.default_rng(0).normal(0, 6, (3, SIDE, SIDE))
    return np.clip(120 + 60 * np.sin(x / 20) * np.cos(y / 15) + grain, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def disc():
    return (255 * (np.hypot(*np.mgrid[-SIDE / 2 + 0.5 : SIDE / 2, -SIDE / 2 + 0.5 : SIDE / 2]) < SIDE / 5)).astype(np.uint8)[None]


def extent(image, axis):
    """Length of the bright part along an axis, to a fraction of a pixel."""
    return image.max(axis=1 - axis).astype(float).sum() / 255


def error(images, changed):
    return np.abs(images.astype(float) - changed).mean()


def gradient_energy(images):
    return sum((np.diff(images.astype(float), axis=axis) ** 2).mean() for axis in (1, 2))


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_the_neutral_severity_leaves_images_unchanged(name, images):
    perturbation = PERTURBATIONS[name]
    assert perturbation.severities.count(perturbation.neutral) == 1
    np.testing.assert_array_equal(perturbation(images, perturbation.neutral), images)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_every_other_severity_changes_images_reproducibly_and_keeps_shape_and_type(name, images):
    perturbation = PERTURBATIONS[name]
    before = images.copy()
    for severity in perturbation.severities:
        changed = perturbation(images, severity)
        assert (changed.shape, changed.dtype) == (images.shape, np.uint8)
        np.testing.assert_array_equal(perturbation(images, severity), changed)
        assert (changed == images).all() == (severity == perturbation.neutral)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_the_error_increases_with_the_distance_from_the_neutral_severity(name, images):
    perturbation = PERTURBATIONS[name]
    neutral = perturbation.severities.index(perturbation.neutral)
    for side in (perturbation.severities[neutral:], perturbation.severities[neutral::-1]):
        errors = [error(images, perturbation(images, severity)) for severity in side]
        assert errors == sorted(errors)


def test_an_image_is_changed_independently_of_the_others_in_the_batch(images):
    for change, severity in ((jpeg, 20), (blur, 1), (crop, 10), (aspect, 1.2)):
        np.testing.assert_array_equal(change(images[1:2], severity)[0], change(images, severity)[1])


def test_blur_lowers_gradient_energy_and_keeps_the_mean(images):
    energies = [gradient_energy(PERTURBATIONS["blur"](images, severity)) for severity in PERTURBATIONS["blur"].severities]
    assert all(later < before for before, later in pairwise(energies))
    assert blur(images, 2).mean() == pytest.approx(images.mean(), abs=1)


def test_the_standard_deviation_of_a_blurred_point_is_the_stated_share_of_the_height():
    point = np.zeros((1, 201, 201), np.uint8)
    point[0, 95:106, 95:106] = 255  # wide enough that rounding to grey values does not cut its tails
    for percent in (2, 4):
        across = blur(point, percent)[0].astype(float).sum(axis=0)
        variance = np.average((np.arange(201) - 100) ** 2, weights=across)
        assert np.sqrt(variance - (11**2 - 1) / 12) == pytest.approx(percent / 100 * 201, rel=0.03)


def test_noise_has_the_stated_standard_deviation_and_a_pattern_for_each_seed():
    grey = np.full((2, 100, 100), 128, np.uint8)
    for percent in (2, 4, 8):
        assert noise(grey, percent).std() == pytest.approx(percent / 100 * 255, rel=0.05)
    assert (noise(grey, 4, seed=1) != noise(grey, 4, seed=2)).any()
    assert (noise(grey, 4)[0] != noise(grey, 4)[1]).any()


@pytest.mark.parametrize("ratio", [0.7, 0.85, 1.2, 1.4])
def test_aspect_stretches_a_circle_by_the_stated_ratio_and_keeps_its_area(disc, ratio):
    stretched = aspect(disc, ratio)[0]
    assert extent(stretched, axis=1) / extent(stretched, axis=0) == pytest.approx(ratio, rel=0.04)
    assert stretched.sum(dtype=float) == pytest.approx(disc.sum(dtype=float), rel=0.02)


def test_aspect_repeats_the_edge_beyond_the_image_instead_of_black():
    assert (aspect(np.full((1, SIDE, SIDE), 90, np.uint8), 1.4) == 90).all()


@pytest.mark.parametrize("percent", [10, 20])
def test_crop_cuts_the_stated_share_off_every_edge(percent):
    ramp = np.tile(np.linspace(0, 250, 126).astype(np.uint8), (126, 1))
    for radiograph, axis in ((ramp, 1), (ramp.T, 0)):
        row = crop(radiograph[None], percent)[0].mean(axis=1 - axis)
        assert row[0] == pytest.approx(250 * percent / 100, abs=4)
        assert row[-1] == pytest.approx(250 * (1 - percent / 100), abs=4)


def test_a_cropped_circle_is_enlarged_by_the_cropped_share(disc):
    cropped = crop(disc, 10)[0]
    for axis in (0, 1):
        assert extent(cropped, axis) == pytest.approx(extent(disc[0], axis) / 0.8, rel=0.05)


def test_the_definition_is_the_same_for_the_same_table_and_differs_for_another(monkeypatch):
    before = definition()
    assert definition() == before
    monkeypatch.setattr("pneumo.radiographs.perturbation._VERSION", 0)
    assert definition() != before


@pytest.mark.parametrize("size_px", [32, 48])
@pytest.mark.parametrize(("resize", "shape"), [("squash", (96, 60)), ("pad", (96, 60)), ("pad", (60, 96))])
def test_resizing_a_squashed_radiograph_is_close_to_decoding_its_file(tmp_path, images, resize, shape, size_px):
    file = tmp_path / "radiograph.png"
    Image.fromarray(images[0]).resize(shape, Image.Resampling.BICUBIC).save(file)
    resized = resize_squashed(decode(file, 96, "squash"), shape, size_px, resize).astype(float)
    direct = decode(file, size_px, resize)
    assert resized.shape == direct.shape
    np.testing.assert_array_equal(resized == 0, direct == 0)
    assert np.abs(resized - direct).mean() < 2


def test_resizing_to_the_same_size_changes_nothing(images):
    np.testing.assert_array_equal(resize_squashed(images[0], (SIDE, SIDE), SIDE, "squash"), images[0])
