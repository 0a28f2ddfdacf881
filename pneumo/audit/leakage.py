"""What of one part may be known from another: shared patients, identical and almost identical images; and labels that contradict.

A cohort with a patient or an image in two splits is refused when it is indexed, or goes on without those radiographs. A reader is
to see all the same that it was looked for, and how much was found.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.ndimage import gaussian_filter

from pneumo.audit.traits import Pixels

ALIKE = 0.92
"""Correlation from which two radiographs of different patients count as almost identical: see docs/decisions/0012-audit.md."""
SHOWN = 5
_BAND_PX = 3
_BLOCK = 512

Array = NDArray[np.floating]


class _Found(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Group(_Found):
    """Radiographs whose pixels are identical."""

    paths: tuple[str, ...]
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    patients: int


class Pair(_Found):
    """Two radiographs of different patients that look alike."""

    first: str
    second: str
    correlation: float
    across_splits: bool
    across_labels: bool


class Leakage(_Found):
    """What was found on the radiographs that the cohort's index let pass."""

    patients: int
    patients_in_several_splits: int
    patients_in_several_parts: int
    """Of training, validation and test."""
    left_out: dict[str, int]
    """Radiographs left out before, by problem."""
    identical: tuple[Group, ...]
    identical_across_splits: int
    """Groups, as the next."""
    identical_with_two_labels: int
    alike_from: float
    """Correlation from which two radiographs of different patients count as almost identical."""
    almost_identical: tuple[Pair, ...]
    most_alike: tuple[Pair, ...]
    """The next ones below it, to be looked at."""


def find_leakage(table: pd.DataFrame, parts: pd.Series, left_out: pd.DataFrame, thumbnails: Pixels) -> Leakage:
    """Look for what the parts share.

    Args:
        table: the cohort's.
        parts: what each radiograph is for.
        left_out: column problem, as the cohort has it.
        thumbnails: (N, H, W), in the order of the table.
    """
    used = table[parts != "unused"]
    identical = _identical(table)
    pairs = _alike(table, thumbnails)
    above = tuple(pair for pair in pairs if pair.correlation >= ALIKE)
    return Leakage(
        patients=table["patient"].nunique(),
        patients_in_several_splits=int((table.groupby("patient")["split"].nunique() > 1).sum()),
        patients_in_several_parts=int((parts[used.index].groupby(used["patient"]).nunique() > 1).sum()),
        left_out={str(problem): int(count) for problem, count in left_out["problem"].value_counts().items()},
        identical=identical,
        identical_across_splits=sum(len(group.splits) > 1 for group in identical),
        identical_with_two_labels=sum(len(group.labels) > 1 for group in identical),
        alike_from=ALIKE,
        almost_identical=above,
        most_alike=tuple(pairs[len(above) : len(above) + SHOWN]),
    )


def _identical(table: pd.DataFrame) -> tuple[Group, ...]:
    several = table[table.duplicated("sha256", keep=False)]
    return tuple(
        Group(
            paths=tuple(radiographs["path"]),
            splits=tuple(sorted(radiographs["split"].unique())),
            labels=tuple(sorted(radiographs["label"].unique())),
            patients=radiographs["patient"].nunique(),
        )
        for _, radiographs in several.groupby("sha256", sort=False)
    )


def _alike(table: pd.DataFrame, thumbnails: Pixels) -> list[Pair]:
    """List every pair from ALIKE on, and some below it: of different patients, not identical; the most alike first."""
    fine = fine_structure(thumbnails)
    patient, image = pd.factorize(table["patient"])[0], pd.factorize(table["sha256"])[0]
    found: list[tuple[float, int, int]] = []
    for start in range(0, len(fine), _BLOCK):
        # Each pair once: a block with itself and with what follows it.
        alike = fine[start : start + _BLOCK] @ fine[start:].T
        rows, others = np.s_[start : start + len(alike), None], np.s_[None, start:]
        alike[(patient[rows] == patient[others]) | (image[rows] == image[others])] = -1
        alike[np.tril_indices(len(alike))] = -1
        highest = np.partition(alike.ravel(), -SHOWN)[-SHOWN] if alike.size > SHOWN else -1
        for row, other in np.argwhere((alike >= min(ALIKE, highest)) & (alike > -1)):
            found.append((float(alike[row, other]), start + int(row), start + int(other)))
    found.sort(key=lambda pair: (-pair[0], pair[1:]))
    enough = max(sum(correlation >= ALIKE for correlation, _, _ in found) + SHOWN, SHOWN)
    radiographs = table[["path", "split", "label"]].to_numpy(str)
    return [
        Pair(
            first=radiographs[one, 0],
            second=radiographs[other, 0],
            correlation=correlation,
            across_splits=bool(radiographs[one, 1] != radiographs[other, 1]),
            across_labels=bool(radiographs[one, 2] != radiographs[other, 2]),
        )
        for correlation, one, other in found[:enough]
    ]


def fine_structure(thumbnails: Pixels) -> Array:
    """Reduce radiographs to what tells one from another, so that a product of two rows is their correlation; (N, H · W).

    All chests are light and dark in the same places. Without the coarse part, what is left is the person and the moment; it changes
    little when a radiograph is compressed, brightened or blurred.
    """
    radiographs = thumbnails.astype(np.float32)
    radiographs -= gaussian_filter(radiographs, (0, _BAND_PX, _BAND_PX))
    rows = radiographs.reshape(len(radiographs), -1)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows
