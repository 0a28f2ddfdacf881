"""Detection of what is no upright frontal chest radiograph, as a model applies it: numpy alone, whatever else is installed.

The score is a linear function of histograms of grey-level gradients (Dalal & Triggs 2005), fitted by `pneumo.evaluation.refusal`.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from pneumo.evaluation.stored_arrays import StoredArrays

GRADIENT_SIZE_PX = 48
"""Side of the reduced radiograph that gradients are taken of: the smallest that networks see. At 64 px, mildly
changed radiographs were refused twice as often."""
CELLS = 8
"""Cells along each side, of 6 × 6 pixels."""
DIRECTIONS = 8
"""Directions of gradients, around the full circle: an inverted radiograph has the opposite ones."""
_NEIGHBOURHOOD = 3
# Of the radiograph's mean gradient, and in grey levels a pixel: what is nearly flat must not be amplified to a pattern.
_FLAT_SHARE, _FLAT_LEVELS = 0.1, 0.25
_BATCH = 128

Floats = npt.NDArray[np.floating]
Pixels = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FrontalDetector(StoredArrays):
    """A logistic regression of what is no upright frontal chest radiograph, on gradient histograms."""

    DESCRIPTION: ClassVar[str] = "detector of frontal chest radiographs"

    weights: npt.NDArray[np.float32]
    """(G + 1,), of the gradient histogram, and the intercept."""
    threshold: float
    """A radiograph with a larger score is refused."""

    def __post_init__(self) -> None:
        """Take the threshold as a number, also from a stored array."""
        object.__setattr__(self, "threshold", float(self.threshold))

    def scores(self, pixels: Pixels) -> Scores:
        """How unlike an upright frontal chest radiograph each radiograph is, (N,): a logit.

        Args:
            pixels: (N, S, S), as the network sees them; S is any size.
        """
        return np.asarray(gradient_histograms(pixels) @ self.weights[:-1] + self.weights[-1], np.float64)

    def refuses(self, pixels: Pixels) -> npt.NDArray[np.bool_]:
        """Whether each radiograph, (N, S, S), is refused, (N,)."""
        return self.scores(pixels) > self.threshold


def gradient_histograms(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Histograms of the directions of grey-level gradients in 8 × 8 cells, (N, 512), of radiographs (N, S, S), S any size.

    Each cell is divided by the mean gradient around it, which removes exposure and contrast, and its square root is taken. These
    are histograms of oriented gradients (Dalal & Triggs, CVPR 2005), with signed directions and coarser cells.
    """
    batches = [_gradient_histograms(pixels[start : start + _BATCH]) for start in range(0, len(pixels), _BATCH)]
    return np.concatenate([np.zeros((0, CELLS**2 * DIRECTIONS), np.float32), *batches])


def _gradient_histograms(pixels: Pixels) -> npt.NDArray[np.float32]:
    reduced = _reduced(pixels, GRADIENT_SIZE_PX)
    right, down = np.zeros_like(reduced), np.zeros_like(reduced)
    right[:, :, 1:-1] = reduced[:, :, 2:] - reduced[:, :, :-2]
    down[:, 1:-1] = reduced[:, 2:] - reduced[:, :-2]
    magnitude = np.hypot(right, down)
    direction = np.arctan2(down, right) * (DIRECTIONS / (2 * np.pi))
    cells = np.stack([_cell_means(magnitude * _share(direction, number)) for number in range(DIRECTIONS)], axis=-1)
    energy = cells.sum(axis=-1)
    around = _mean_around(energy) + _FLAT_SHARE * energy.mean(axis=(1, 2), keepdims=True) + _FLAT_LEVELS
    return np.sqrt(cells / around[..., None]).reshape(len(pixels), -1).astype(np.float32)


def _share(direction: Floats, number: int) -> Floats:
    """Share of a gradient that counts for one direction: linear between two neighbouring ones."""
    apart = np.abs((direction - number + DIRECTIONS / 2) % DIRECTIONS - DIRECTIONS / 2)
    return np.maximum(0, 1 - apart)


def _cell_means(values: Floats) -> Floats:
    """Means over cells, (N, CELLS, CELLS), of (N, P, P)."""
    side = values.shape[1] // CELLS
    return values.reshape(len(values), CELLS, side, CELLS, side).mean(axis=(2, 4))


def _mean_around(energy: Floats) -> Floats:
    """Mean over each cell and the 8 around it, (N, CELLS, CELLS); beyond the border the nearest cell counts again."""
    padded = np.pad(energy, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, (_NEIGHBOURHOOD, _NEIGHBOURHOOD), axis=(1, 2)).mean(axis=(3, 4))


def _reduced(pixels: Pixels, size_px: int) -> npt.NDArray[np.float32]:
    """Radiographs (N, S, S) averaged over areas to (N, size_px, size_px), in grey levels."""
    source = pixels.shape[1]
    edges, start = np.linspace(0, source, size_px + 1), np.arange(source)
    overlap = np.minimum(edges[1:, None], start + 1) - np.maximum(edges[:-1, None], start)
    averaging = (np.clip(overlap, 0, None) * (size_px / source)).astype(np.float32)
    return averaging @ pixels.astype(np.float32) @ averaging.T
