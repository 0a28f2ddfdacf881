import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from pneumo.radiographs.blackout import black_out, dilated, resize_squashed_mask

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


def test_a_mask_is_resized_as_the_radiograph_is(masks):
    np.testing.assert_array_equal(resize_squashed_mask(masks[0], (80, 60), 40, "squash"), masks[0])
    padded = resize_squashed_mask(masks[0], (80, 40), 40, "pad")
    assert not padded[:10].any()
    assert not padded[30:].any()
    rows, columns = np.nonzero(padded)
    assert (rows.min(), rows.max()) == (15, 20)
    assert (columns.min(), columns.max()) == (5, 34)
