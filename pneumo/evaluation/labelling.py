"""Drawing of radiographs that a site labels: whole patients, in the proportion of the classes."""

import numpy as np
import numpy.typing as npt

from pneumo.evaluation.scores import Labels

Rows = npt.NDArray[np.intp]
_LARGEST_SHARE = 0.2


def draw_labelled(y_true: Labels, patient: npt.NDArray[np.str_], count: int, seed: int | list[int]) -> Rows:
    """Draw patients until they have so many radiographs, as nearly as whole patients allow and never more.

    A patient counts as PNEUMONIA where any radiograph shows it. Each class is drawn in its proportion, and no patient takes more
    than a fifth of its places, so that there are patients for cross-validation.

    Args:
        y_true: (N,), 1 where PNEUMONIA.
        patient: (N,).
        count: number of radiographs, at most N.

    Returns:
        Rows of the drawn radiographs, ascending.
    """
    patients, index, sizes = np.unique(patient, return_inverse=True, return_counts=True)
    positive = np.bincount(index, weights=y_true) > 0
    order = np.random.default_rng(seed).permutation(patients.size)
    target = round(count * sizes[positive].sum() / sizes.sum())
    drawn = np.zeros(patients.size, bool)
    for members, places in ((positive, target), (~positive, count - target)):
        _fill(drawn, order[(members & (sizes <= max(1, places * _LARGEST_SHARE)))[order]], sizes, places)
    # What large patients left over.
    _fill(drawn, order[~drawn[order]], sizes, count - int(sizes[drawn].sum()))
    return np.flatnonzero(drawn[index])


def _fill(drawn: npt.NDArray[np.bool_], candidates: Rows, sizes: npt.NDArray[np.intp], places: int) -> None:
    """Mark each of the candidates, in their order, whose radiographs fit into the places that are left."""
    for candidate in candidates:
        if sizes[candidate] <= places:
            drawn[candidate] = True
            places -= int(sizes[candidate])
