"""Radiographs as other machines, hands and programs would have made them: one function a change, each at a few severities.

The changes are made to whole radiographs squashed to one common square, before a network's own size: else JPEG's blocks and the grain of
noise would mean something else to every network. Lengths are given in shares of the radiograph's side, and grey values in shares of the
grey range.
"""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

FRAME_PX = 224
"""Side of that square; a network that sees more has its own."""
_VERSION = 1  # To be raised when the same severity would give other pixels: what was measured is then measured again.

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Perturbation:
    """One way in which radiographs differ, and how far."""

    title: str
    unit: str
    """What the severities count."""
    written: str
    """How one is written."""
    severities: tuple[float, ...]
    """In the order of an axis."""
    neutral: float
    """The one that leaves radiographs as they are."""
    change: Callable[[Pixels, float], Pixels]

    def __call__(self, images: Pixels, severity: float) -> Pixels:
        """Change images (N, H, W) to one severity; the neutral one gives the very same pixels."""
        return images if severity == self.neutral else self.change(images, severity)


def jpeg(images: Pixels, quality: float) -> Pixels:
    """Save as JPEG and read again, at libjpeg's quality of 1 to 95."""
    return np.stack([_saved(image, int(quality)) for image in images])


def blur(images: Pixels, sigma_percent: float) -> Pixels:
    """Blur by a Gaussian whose standard deviation is a share of the height: a moving child, a coarse screen, a poor scan."""
    sigma_px = sigma_percent / 100 * images.shape[1]
    return _grey(gaussian_filter(images.astype(np.float32), (0, sigma_px, sigma_px), mode="nearest"))


def crop(images: Pixels, edge_percent: float) -> Pixels:
    """Cut a share of the side off each of the four edges: narrower shutters."""
    kept = 1 - 2 * edge_percent / 100
    return np.stack([_window(image, kept, kept) for image in images])


def aspect(images: Pixels, ratio: float) -> Pixels:
    """Stretch the width against the height, the area being kept: a radiograph of another shape, made square.

    What lies beyond the radiograph is its last row or column, and not black: black is what networks trained with black borders know.
    """
    return np.stack([_window(image, ratio**-0.5, ratio**0.5) for image in images])


def noise(images: Pixels, sd_percent: float, seed: int = 0) -> Pixels:
    """Add Gaussian noise, each pixel its own, whose standard deviation is a share of the grey range: a smaller dose.

    A seed gives every severity the same pattern, stronger or weaker, so that severities differ by nothing else.
    """
    pattern = np.random.default_rng(seed).standard_normal(images.shape, np.float32)
    return _grey(images + pattern * np.float32(sd_percent / 100 * 255))


PERTURBATIONS = {
    "jpeg": Perturbation("JPEG quality", "quality that it is saved with, of 100", "{:g}", (100, 75, 40, 20, 10), 100, jpeg),
    "blur": Perturbation(
        "Gaussian blur", "standard deviation, share of the radiograph's height", "{:g} %", (0, 0.25, 0.5, 1, 2), 0, blur
    ),
    "crop": Perturbation("Crop", "cut off each edge, share of the side", "{:g} %", (0, 5, 10, 15, 20), 0, crop),
    "aspect": Perturbation(
        "Aspect ratio", "width to height, times the radiograph's own", "× {:g}", (0.7, 0.85, 1, 1.2, 1.4), 1, aspect
    ),
    "noise": Perturbation("Noise", "standard deviation, share of the grey range", "{:g} %", (0, 2, 4, 8, 16), 0, noise),
}


def definition() -> str:
    """Identify what is done to radiographs: another one makes other radiographs of them."""
    table = [(name, each.severities, each.neutral) for name, each in PERTURBATIONS.items()]
    return hashlib.sha256(repr((_VERSION, FRAME_PX, table)).encode()).hexdigest()[:12]


def _saved(image: Pixels, quality: int) -> Pixels:
    with io.BytesIO() as stream:
        Image.fromarray(image).save(stream, "JPEG", quality=quality)
        with Image.open(stream) as radiograph:
            return np.asarray(radiograph)


def _window(image: Pixels, width_share: float, height_share: float) -> Pixels:
    """Look at the middle of a radiograph through a window of these shares of its sides, and fill the frame with that."""
    height, width = image.shape
    rows, columns = (int(np.ceil(max(0, share - 1) / 2 * side)) for share, side in ((height_share, height), (width_share, width)))
    padded = Image.fromarray(np.pad(image, ((rows, rows), (columns, columns)), mode="edge"))
    left, top = (padded.width - width_share * width) / 2, (padded.height - height_share * height) / 2
    box = (left, top, padded.width - left, padded.height - top)
    return np.asarray(padded.resize((width, height), Image.Resampling.BILINEAR, box))


def _grey(values: NDArray[np.float32]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
