import numpy as np
import pytest

from pneumo.phantom.lesions import LUNG_CM, draw_pneumonia, lesion
from pneumo.phantom.thorax import SIDES, Chest, draw_patient, draw_posture
from pneumo.phantom.xray import Rays


def diseased_child(seed, subtype, difficulty):
    """Lungs, added optical depth and lesion mask of a child; all but the disease is the same for the same seed."""
    rng = np.random.default_rng(seed)
    chest = Chest(draw_patient(rng), draw_posture(rng))
    rays = Rays.through((96, 120), 0.22, (0.0, -0.6), (0.0, 0.0, 0.0))
    lungs = chest.lungs(rays)
    return (lungs, *lesion(draw_pneumonia(subtype, difficulty, rng), chest, rays, lungs))


def share_in_worse_lung(seed, subtype):
    lungs, added, _ = diseased_child(seed, subtype, 0.3)
    in_side = [added[lungs[side] > 0].sum() for side in SIDES.values()]
    return max(in_side) / sum(in_side)


@pytest.mark.parametrize("subtype", ["bacterial", "viral"])
def test_a_lesion_adds_attenuation_and_stays_inside_the_lungs(subtype):
    for seed in range(6):
        lungs, added, mask = diseased_child(seed, subtype, 0.3)
        air = sum(lungs.values())
        assert (added[air == 0] == 0).all()
        assert added.min() >= 0
        assert mask.any()
        assert (air[mask] > LUNG_CM).all()


def test_the_lesion_mask_contains_most_of_the_added_attenuation():
    for subtype in ("bacterial", "viral"):
        _, added, mask = diseased_child(0, subtype, 0.3)
        assert added[mask].sum() > 0.8 * added.sum()


def test_a_healthy_child_has_no_lesion():
    _, added, mask = diseased_child(0, "normal", 0.0)
    assert not added.any()
    assert not mask.any()


def test_consolidation_is_mostly_in_one_lung_and_the_interstitial_pattern_in_both():
    bacterial = np.array([share_in_worse_lung(seed, "bacterial") for seed in range(20)])
    viral = np.array([share_in_worse_lung(seed, "viral") for seed in range(20)])
    assert (bacterial > 0.95).mean() > 0.5
    assert (viral < 0.75).all()


@pytest.mark.parametrize("subtype", ["bacterial", "viral"])
def test_difficulty_makes_lesions_fainter_and_no_larger(subtype):
    for seed in range(4):
        children = [diseased_child(seed, subtype, difficulty) for difficulty in (0.0, 0.5, 1.0)]
        contrasts = [added[mask].mean() for _, added, mask in children]
        areas = [mask.sum() for _, _, mask in children]
        assert contrasts[0] > contrasts[1] > contrasts[2] > 0
        assert areas[0] >= areas[1] >= areas[2] > 0
