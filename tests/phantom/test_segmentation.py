import numpy as np

from pneumo.evaluation.lung_masks import cleaned, rejection
from pneumo.phantom.segmentation import draw_phantom, lung_phantoms


def test_lungs_have_various_sizes_and_are_darker_than_the_chest():
    images, masks = (np.stack(arrays) for arrays in zip(*(draw_phantom(48, 3, number) for number in range(12)), strict=True))
    assert images.shape == masks.shape == (12, 48, 48)
    shares = masks.mean(axis=(1, 2))
    assert shares.min() > 0.08
    assert shares.max() - shares.min() > 0.1
    assert np.mean([image[mask].mean() < image[20:40, 20:28].mean() for image, mask in zip(images, masks, strict=True)]) > 0.7
    # Framing alone cuts lungs off.
    assert {rejection(cleaned(mask)) for mask in masks} <= {None, "contact with the edge"}


def test_phantoms_are_cached_and_a_larger_number_adds_children(tmp_path):
    few, more = lung_phantoms(tmp_path, 2, 32, 5), lung_phantoms(tmp_path, 3, 32, 5)
    np.testing.assert_array_equal(few.images, more.images[:2])
    np.testing.assert_array_equal(few.masks, more.masks[:2])
    written = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.npz")}
    again = lung_phantoms(tmp_path, 2, 32, 5)
    np.testing.assert_array_equal(few.images, again.images)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.npz")} == written
    assert not np.array_equal(few.images, lung_phantoms(tmp_path, 2, 32, 6).images)
