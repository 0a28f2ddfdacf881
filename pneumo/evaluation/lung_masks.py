"""Lung masks on arrays: Dice coefficient, removal of small parts, and checks of the anatomy.

A segmentation that was trained on phantoms may fail on a radiograph of a patient, where no true mask is known. So a mask counts
only if it looks like two lungs.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, binary_opening, find_objects, label
from scipy.spatial import ConvexHull

Mask = NDArray[np.bool_]

LUNG = 0.5
"""Probability from which a pixel is lung."""
SMALLEST_SHARE, LARGEST_SHARE = 0.03, 0.35
"""Share of the image's area that one lung has."""
MOST_UNEQUAL = 3.0
"""Area of the larger lung relative to that of the smaller one."""
LEAST_SOLIDITY = 0.8
"""Area of a lung relative to that of its convex hull: less, and something else is attached to it."""
OPENING_SHARE = 0.04
"""Radius of the morphological opening, as a share of the side."""
LEAST_OVERLAP = 0.5
"""Rows that both lungs have, as a share of the rows of the shorter one."""
_LUNGS = 2


def dice(masks: Mask, references: Mask) -> NDArray[np.float64]:
    """Dice coefficient (Dice 1945) of each mask with its reference, 2 |A ∩ B| / (|A| + |B|), (N,); 1 where both are empty.

    Args:
        masks: (N, H, W), as `references`.
    """
    overlap = (masks & references).sum(axis=(1, 2), dtype=np.int64)
    total = masks.sum(axis=(1, 2), dtype=np.int64) + references.sum(axis=(1, 2), dtype=np.int64)
    return np.divide(2 * overlap, total, out=np.ones(len(masks)), where=total > 0)


def cleaned(mask: Mask) -> Mask:
    """The mask (H, W) without narrow appendages, without parts that are smaller than the smallest lung, and without holes."""
    radius = round(OPENING_SHARE * len(mask))
    disc = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius
    parts, _ = label(binary_opening(mask, disc))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(binary_fill_holes((sizes >= SMALLEST_SHARE * mask.size)[parts]), bool)


def rejection(mask: Mask) -> str | None:
    """Why a cleaned mask (H, W) does not look like two lungs; None where it does.

    Two parts of plausible and similar areas and without deep notches, side by side, none of which touches the edge of the image.
    """
    parts, number = label(mask)
    if number != _LUNGS:
        return "no lung" if number == 0 else "one part" if number == 1 else "more than two parts"
    areas = np.bincount(parts.ravel())[1:]
    (first_rows, first_columns), (second_rows, second_columns) = find_objects(parts)
    common_rows = min(first_rows.stop, second_rows.stop) - max(first_rows.start, second_rows.start)
    shorter = min(first_rows.stop - first_rows.start, second_rows.stop - second_rows.start)
    failed = {
        "a lung too large": areas.max() > LARGEST_SHARE * mask.size,
        "lungs of too different size": areas.max() > MOST_UNEQUAL * areas.min(),
        "lungs not side by side": common_rows < LEAST_OVERLAP * shorter or not _apart(first_columns, second_columns),
        "a lung of irregular outline": min(_solidity(parts == number) for number in (1, 2)) < LEAST_SOLIDITY,
        "contact with the edge": mask[[0, -1]].any() or mask[:, [0, -1]].any(),
    }
    return next((reason for reason, applies in failed.items() if applies), None)


def _solidity(part: Mask) -> float:
    """Area of a part of a mask relative to that of the convex hull of its pixels."""
    corners = np.argwhere(part)[:, None] + np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    return float(part.sum() / ConvexHull(corners.reshape(-1, 2)).volume)


def _apart(first: slice, second: slice) -> bool:
    """Whether neither of two ranges holds the middle of the other."""
    middles = ((first.start + first.stop) / 2, (second.start + second.stop) / 2)
    return not (second.start <= middles[0] < second.stop or first.start <= middles[1] < first.stop)
