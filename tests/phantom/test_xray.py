import numpy as np
import pytest

from pneumo.phantom.xray import Ellipsoid, Exposure, Rays, detect, to_grey

FRONTAL = (0.0, 0.0, 0.0)
EXPOSURE = Exposure(photons=1e5, scatter=0.0, blur_cm=0.0, mediastinum=0.8, latitude=2.0)


def frontal_rays(pixel_cm=0.05, pose_degrees=FRONTAL):
    return Rays.through((241, 241), pixel_cm, (0.0, 0.0), pose_degrees)


def test_chords_of_a_sphere_match_the_closed_form():
    rays = frontal_rays()
    chords = Ellipsoid((0.5, -0.25, 7.0), (4, 4, 4)).span(rays).length
    squared_distance = (rays.origin[0] - 0.5) ** 2 + (rays.origin[1] + 0.25) ** 2
    np.testing.assert_allclose(chords, 2 * np.sqrt(np.maximum(16 - squared_distance, 0)), atol=5e-3)


@pytest.mark.parametrize("degrees", [0, 30, 75, 90])
def test_the_central_chord_of_a_tilted_ellipsoid_matches_the_closed_form(degrees):
    chords = Ellipsoid((0, 0, 1.0), (2, 3, 5), (degrees, 0, 0)).span(frontal_rays()).length
    along_y, along_z = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    assert chords[120, 120] == pytest.approx(2 / np.hypot(along_y / 3, along_z / 5), rel=1e-4)


@pytest.mark.parametrize("pose_degrees", [FRONTAL, (10.0, -25.0, 40.0)])
def test_the_projection_preserves_the_ellipsoids_volume_in_any_pose(pose_degrees):
    chords = Ellipsoid((0.3, 0.6, -0.5), (2, 3, 4), (20, 30, 40)).span(frontal_rays(pose_degrees=pose_degrees)).length
    assert chords.sum() * 0.05**2 == pytest.approx(4 / 3 * np.pi * 2 * 3 * 4, rel=1e-3)


def test_the_intersection_of_two_ellipsoids_is_never_longer_than_either():
    rays = frontal_rays()
    first, second = Ellipsoid((0, 0, 0), (4, 4, 4)).span(rays), Ellipsoid((2, 0, 1), (3, 4, 2)).span(rays)
    shared = first.within(second).length
    assert shared.max() > 0
    assert (shared <= np.minimum(first.length, second.length) + 1e-5).all()


def test_the_detector_follows_the_beer_lambert_law():
    depth = np.full((64, 64), 1.5, np.float32)
    transmitted = detect(depth, 0.1, EXPOSURE, np.random.default_rng(0))
    assert transmitted.mean() == pytest.approx(np.exp(-1.5), rel=1e-3)


def test_a_lower_dose_is_noisier():
    depth = np.full((64, 64), 1.5, np.float32)
    noise = [
        detect(depth, 0.1, Exposure(photons, 0.0, 0.0, 0.8, 2.0), np.random.default_rng(0)).std() for photons in (1e3, 1e4, 1e5)
    ]
    assert noise[0] > noise[1] > noise[2]


def test_grey_values_increase_with_attenuation():
    depth = np.tile(np.linspace(0, 4, 64, dtype=np.float32), (64, 1))
    grey = to_grey(np.exp(-depth), EXPOSURE)
    assert (np.diff(grey[0]) > 0).all()
    assert grey.min() >= 0
    assert grey.max() <= 1
