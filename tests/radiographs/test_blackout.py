import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from pneumo.radiographs.blackout import black_out, dilated

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(1, 256, (3, 40, 40), dtype=np.uint8)


@pytest.fixture
def masks():
    masks = np.zeros(IMAGES.shape, bool)
    masks[:, 10:20, 5:15] = True
    masks[:, 12:22, 25:35] = True
    return masks


def test_masks_are_dilated_by_the_distance_in_every_direction(masks):
    around = dilated(masks, 0.05)
    disc = np.hypot(*np.mgrid[-2:3, -2:3]) <= 2
    np.testing.assert_array_equal(around, np.stack([binary_dilation(mask, disc) for mask in masks]))
    np.testing.assert_array_equal(dilated(masks, 0), masks)
    assert not dilated(np.zeros_like(masks), 0.1).any()


@pytest.mark.parametrize("fill", ["black", "mean"])
def test_only_pixels_of_the_removed_region_change(masks, fill):
    without_lungs, lungs_alone = (black_out(IMAGES, masks, removed, fill) for removed in ("lungs", "surroundings"))
    np.testing.assert_array_equal(without_lungs[~masks], IMAGES[~masks])
    np.testing.assert_array_equal(lungs_alone[masks], IMAGES[masks])
    assert without_lungs.dtype == lungs_alone.dtype == np.uint8
    for image, without, alone, mask in zip(IMAGES, without_lungs, lungs_alone, masks, strict=True):
        assert (without[mask] == (0 if fill == "black" else round(image[~mask].mean()))).all()
        assert (alone[~mask] == (0 if fill == "black" else round(image[mask].mean()))).all()


def test_the_fill_tells_nothing_of_the_removed_region(masks):
    brighter = np.where(masks, 255, IMAGES).astype(np.uint8)
    for fill in ("black", "mean"):
        np.testing.assert_array_equal(black_out(brighter, masks, "lungs", fill), black_out(IMAGES, masks, "lungs", fill))
