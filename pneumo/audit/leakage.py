"""Leakage between parts of a cohort: shared patients, identical images, near-duplicates, and contradictory labels.

The index refuses a cohort with a patient or an image in two splits, or leaves those radiographs out. The audit checks again and
reports the counts.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pneumo.audit.traits import Pixels
from pneumo.results.audit import Group, Leakage, Pair

NEAR_DUPLICATE = 0.92
"""Correlation at or above which radiographs of different patients count as near-duplicates: docs/decisions/0012-audit.md."""
MOST_SIMILAR = 5
"""Number of pairs reported below that correlation."""
_COARSE_PX = 3
_BLOCK = 512


def find_leakage(table: pd.DataFrame, parts: pd.Series, left_out: pd.DataFrame, thumbnails: Pixels) -> Leakage:
    """Search a cohort for patients and images that its parts (of `partition`) or splits share.

    The thumbnails, (N, H, W), are in the order of the table; `left_out` is that of the cohort.
    """
    used = table[parts != "unused"]
    identical = _identical(table)
    pairs = _similar_pairs(table, thumbnails)
    near_duplicates = tuple(pair for pair in pairs if pair.correlation >= NEAR_DUPLICATE)
    return Leakage(
        patients=table["patient"].nunique(),
        patients_in_several_splits=int((table.groupby("patient")["split"].nunique() > 1).sum()),
        patients_in_several_parts=int((parts[used.index].groupby(used["patient"]).nunique() > 1).sum()),
        left_out={str(problem): int(count) for problem, count in left_out["problem"].value_counts().items()},
        identical=identical,
        identical_across_splits=sum(len(group.splits) > 1 for group in identical),
        identical_with_two_labels=sum(len(group.labels) > 1 for group in identical),
        near_duplicate_correlation=NEAR_DUPLICATE,
        near_duplicates=near_duplicates,
        most_similar=tuple(pairs[len(near_duplicates) : len(near_duplicates) + MOST_SIMILAR]),
    )


def _identical(table: pd.DataFrame) -> tuple[Group, ...]:
    repeated = table[table.duplicated("sha256", keep=False)]
    return tuple(
        Group(
            paths=tuple(radiographs["path"]),
            splits=tuple(sorted(radiographs["split"].unique())),
            labels=tuple(sorted(radiographs["label"].unique())),
            patients=radiographs["patient"].nunique(),
        )
        for _, radiographs in repeated.groupby("sha256", sort=False)
    )


def _similar_pairs(table: pd.DataFrame, thumbnails: Pixels) -> list[Pair]:
    """Near-duplicates and the next MOST_SIMILAR pairs, of different patients and not identical; highest correlation first."""
    fine = fine_structure(thumbnails)
    patient, image = pd.factorize(table["patient"])[0], pd.factorize(table["sha256"])[0]
    candidates: list[tuple[float, int, int]] = []
    for start in range(0, len(fine), _BLOCK):
        # Each pair once: every block is compared with itself and the rows after it.
        correlation = fine[start : start + _BLOCK] @ fine[start:].T
        rows, columns = np.s_[start : start + len(correlation), None], np.s_[None, start:]
        correlation[(patient[rows] == patient[columns]) | (image[rows] == image[columns])] = -1
        correlation[np.tril_indices(len(correlation))] = -1
        highest = np.partition(correlation.ravel(), -MOST_SIMILAR)[-MOST_SIMILAR] if correlation.size > MOST_SIMILAR else -1
        for row, column in np.argwhere((correlation >= min(NEAR_DUPLICATE, highest)) & (correlation > -1)):
            candidates.append((float(correlation[row, column]), start + int(row), start + int(column)))
    candidates.sort(key=lambda pair: (-pair[0], pair[1:]))
    count = sum(correlation >= NEAR_DUPLICATE for correlation, _, _ in candidates) + MOST_SIMILAR
    radiographs = table[["path", "split", "label"]].to_numpy(str)
    return [
        Pair(
            first=radiographs[first, 0],
            second=radiographs[second, 0],
            correlation=correlation,
            across_splits=bool(radiographs[first, 1] != radiographs[second, 1]),
            across_labels=bool(radiographs[first, 2] != radiographs[second, 2]),
        )
        for correlation, first, second in candidates[:count]
    ]


def fine_structure(thumbnails: Pixels) -> NDArray[np.floating]:
    """High-pass filtered thumbnails as unit vectors, (N, H · W): the product of two rows is their correlation.

    Coarse brightness is similar in all chests. The fine structure identifies patient and exposure, and changes little under
    compression, brightening or blur.
    """
    images = thumbnails.astype(np.float32)
    images -= gaussian_filter(images, (0, _COARSE_PX, _COARSE_PX))
    rows = images.reshape(len(images), -1)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows
