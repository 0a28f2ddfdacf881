import numpy as np
import pytest

from pneumo.evaluation.lung_masks import cleaned, dice, rejection

SIDE = 64


def box(*boxes):
    """A mask with filled boxes: top, bottom, left, right."""
    mask = np.zeros((SIDE, SIDE), bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def lungs(*ellipses):
    """A mask with filled ellipses: centre's row and column, and both semi-axes."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    inside = [((rows - row) / height) ** 2 + ((columns - column) / width) ** 2 <= 1 for row, column, height, width in ellipses]
    return np.any(inside, axis=0)


RIGHT, LEFT = (10, 50, 8, 26), (12, 50, 36, 54)
LUNGS = lungs((30, 17, 20, 9), (31, 45, 19, 9))


def test_dice_is_twice_the_overlap_over_the_sum_of_both_areas():
    first, second = box((0, 10, 0, 10)), box((0, 10, 5, 20))
    values = dice(np.stack([first, first, first, box()]), np.stack([second, first, box(), box()]))
    np.testing.assert_allclose(values, [2 * 50 / (100 + 150), 1, 0, 1])


def test_dice_equals_that_of_random_masks_counted_pixel_by_pixel():
    rng = np.random.default_rng(0)
    masks, references = rng.random((2, 5, 9, 7)) < 0.4
    expected = [2 * sum(a & b) / (sum(a) + sum(b)) for a, b in zip(masks.reshape(5, -1), references.reshape(5, -1), strict=True)]
    np.testing.assert_allclose(dice(masks, references), expected)


def test_cleaning_removes_small_parts_narrow_appendages_and_holes():
    dirty = LUNGS | box((54, 62, 2, 10), (4, 14, 16, 18), (30, 33, 50, 62))
    dirty[20:24, 12:16] = False
    assert dice(cleaned(dirty)[None], LUNGS[None]) > 0.97
    assert not cleaned(box()).any()


def test_two_lungs_side_by_side_are_accepted():
    assert rejection(LUNGS) is None


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (box(), "no lung"),
        (box(RIGHT), "one part"),
        (box(RIGHT, LEFT, (56, 62, 8, 40)), "more than two parts"),
        (box((1, 63, 1, 40), (1, 63, 44, 62)), "a lung too large"),
        (box(RIGHT, (12, 24, 36, 54)), "lungs of too different size"),
        (box((10, 50, 8, 14), (10, 16, 8, 28), (44, 50, 8, 28), LEFT), "a lung of irregular outline"),
        (box((4, 28, 10, 40), (34, 58, 10, 40)), "lungs not side by side"),
        (box((2, 20, 8, 26), (22, 44, 36, 54)), "lungs not side by side"),
        (box((10, 64, 8, 26), LEFT), "contact with the edge"),
        (box((10, 50, 0, 26), LEFT), "contact with the edge"),
    ],
)
def test_what_does_not_look_like_two_lungs_is_rejected_with_the_reason(mask, reason):
    assert rejection(mask) == reason
