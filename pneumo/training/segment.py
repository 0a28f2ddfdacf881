"""Lung masks of radiographs by a trained segmentation, and whether each of them counts."""

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from pneumo.evaluation.lung_masks import LUNG, cleaned, rejection

BATCH_SIZE = 32


@dataclass(frozen=True, eq=False)
class LungMasks:
    """Lung masks of radiographs, and why those that do not count are rejected."""

    masks: NDArray[np.bool_]
    """(N, H, H), at the size of the segmentation."""
    rejections: tuple[str | None, ...]
    """(N,); None where the mask is accepted."""

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Which masks are accepted, (N,)."""
        return np.array([reason is None for reason in self.rejections], dtype=bool)


def segment(model: keras.Model, pixels: NDArray[np.uint8]) -> LungMasks:
    """Segment the lungs of radiographs and check each mask.

    Args:
        model: from (N, H, H, 1), grey values in 0..255, to the probability of lung, (N, H, H, 1).
        pixels: (N, H, H), radiographs squashed to the model's size.
    """
    masks = [cleaned(probability >= LUNG) for probability in lung_probabilities(model, pixels[..., None])]
    return LungMasks(np.stack(masks), tuple(map(rejection, masks)))


def lung_probabilities(model: keras.Model, images: NDArray[np.generic]) -> NDArray[np.float32]:
    """Probability of lung at each pixel, (N, H, W), of images (N, H, W, 1) in 0..255."""
    return model.predict(images.astype(np.float32), batch_size=BATCH_SIZE, verbose=0)[..., 0]
