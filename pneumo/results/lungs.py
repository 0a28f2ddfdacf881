"""The record of a registered lung segmentation."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pneumo.evaluation.scores import Result
from pneumo.results.provenance import Provenance

LUNG_PHANTOMS = "lung phantoms"
"""Name of the data that a segmentation is trained on."""


class DiceScores(Result):
    """Dice coefficients on phantoms."""

    mean: float
    lowest: float
    phantoms: int

    @classmethod
    def of(cls, values: npt.NDArray[np.floating]) -> Self:
        """Summarize the coefficients of phantoms, (N,)."""
        return cls(mean=float(values.mean()), lowest=float(values.min()), phantoms=values.size)


class MaskCheck(Result):
    """How many masks on radiographs of a cohort look like two lungs, and why the others do not."""

    data_name: str
    data_fingerprint: str
    synthetic: bool
    images: int
    accepted: int
    rejected: dict[str, int]
    """Masks by the reason of their rejection."""

    @classmethod
    def of(cls, rejections: Sequence[str | None], *, data_name: str, data_fingerprint: str, synthetic: bool) -> Self:
        """Count the reasons, None where a mask is accepted, on radiographs of one cohort."""
        reasons = Counter(reason for reason in rejections if reason is not None)
        return cls(
            data_name=data_name,
            data_fingerprint=data_fingerprint,
            synthetic=synthetic,
            images=len(rejections),
            accepted=len(rejections) - reasons.total(),
            rejected=dict(reasons.most_common()),
        )

    @property
    def share(self) -> float:
        """Share of the masks that are accepted."""
        return self.accepted / self.images

    @property
    def sentence(self) -> str:
        """Numbers of accepted and rejected masks."""
        reasons = "".join(
            f"{', ' if number else ': '}{reason} {count}" for number, (reason, count) in enumerate(self.rejected.items())
        )
        return (
            f"{self.accepted} of {self.images} masks ({self.share:.0%}) on training radiographs of {self.data_name} are accepted; "
            f"rejected{reasons or ': none'}"
        )


class LungRecord(Provenance):
    """Record of a registered lung segmentation: how it was trained and measured. Its data are phantoms of its own."""

    image_size_px: int
    """Side of the square images; radiographs are squashed to it."""
    preprocessing: str
    settings: dict[str, Any]
    """The settings group `lungs`, as JSON values."""
    training_phantoms: int
    validation_phantoms: int
    dice: DiceScores
    """On held-out phantoms."""
    dice_augmented: DiceScores
    """On the same, changed as in training."""
    masks: MaskCheck
    """On radiographs of a cohort, whose true masks are not known."""
    history: dict[str, list[float]]
    """Metrics after each epoch."""
    parameters: int
    """Number of trainable weights."""
    training_seconds: float
    seed: int
    precision: str
    precision_reason: str
