import numpy as np
import pytest

from pneumo.phantom.lesions import LUNG_CM, draw_pneumonia, lesion
from pneumo.phantom.thorax import SIDES, Chest, draw_patient, draw_posture
from pneumo.phantom.xray import Rays


def diseased_child(seed, subtype, difficulty):
    """One child's lungs, added optical depth and outline; all but the disease is the same for the same seed."""
    rng = np.random.default_rng(seed)
    chest = Chest(draw_patient(rng), draw_posture(rng))
    rays = Rays.through((96, 120), 0.22, (0.0, -0.6), (0.0, 0.0, 0.0))
    lungs = chest.lungs(rays)
    return (lungs, *lesion(draw_pneumonia(subtype, difficulty, rng), chest, rays, lungs))


def share_in_fuller_side(seed, subtype):
    lungs, added, _ = diseased_child(seed, subtype, 0.3)
    in_side = [added[lungs[side] > 0].sum() for side in SIDES.values()]
    return max(in_side) / sum(in_side)


@pytest.mark.parametrize("subtype", ["bacterial", "viral"])
def test_a_lesion_whitens_and_stays_inside_the_lungs(subtype):
    for seed in range(6):
        lungs, added, outlined = diseased_child(seed, subtype, 0.3)
        air = sum(lungs.values())
        assert (added[air == 0] == 0).all()
        assert added.min() >= 0
        assert outlined.any()
        assert (air[outlined] > LUNG_CM).all()


def test_the_outline_holds_what_is_whitened_most():
    for subtype in ("bacterial", "viral"):
        _, added, outlined = diseased_child(0, subtype, 0.3)
        assert added[outlined].sum() > 0.8 * added.sum()


def test_a_healthy_child_has_no_lesion():
    _, added, outlined = diseased_child(0, "normal", 0.0)
    assert not added.any()
    assert not outlined.any()


def test_consolidation_mostly_keeps_to_one_lung_and_the_interstitial_pattern_takes_both():
    bacterial = np.array([share_in_fuller_side(seed, "bacterial") for seed in range(20)])
    viral = np.array([share_in_fuller_side(seed, "viral") for seed in range(20)])
    assert (bacterial > 0.95).mean() > 0.5
    assert (viral < 0.75).all()


@pytest.mark.parametrize("subtype", ["bacterial", "viral"])
def test_difficulty_makes_lesions_fainter_and_no_larger(subtype):
    for seed in range(4):
        found = [diseased_child(seed, subtype, difficulty) for difficulty in (0.0, 0.5, 1.0)]
        contrasts = [added[outlined].mean() for _, added, outlined in found]
        areas = [outlined.sum() for _, _, outlined in found]
        assert contrasts[0] > contrasts[1] > contrasts[2] > 0
        assert areas[0] >= areas[1] >= areas[2] > 0
