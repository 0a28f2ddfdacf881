"""Perturbations of radiographs at several severities: JPEG compression, Gaussian blur, crop, aspect ratio and noise.

They are applied to radiographs squashed to one common square, before these are resized to a network's input size, at which JPEG
blocks and noise would differ in scale from network to network. Lengths are shares of the image's side, grey values shares of the
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
"""Side of that square in pixels, or the network's input size where that is larger."""
_VERSION = 1  # Increment it when the same severity gives other pixels: curves are then measured again.

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Perturbation:
    """A kind of perturbation and its severities."""

    title: str
    unit: str
    """Of the severities."""
    severity_format: str
    """Format string of a severity."""
    severities: tuple[float, ...]
    """In the order of a plot's axis."""
    neutral: float
    """The severity that leaves images unchanged."""
    change: Callable[[Pixels, float], Pixels]

    def __call__(self, images: Pixels, severity: float) -> Pixels:
        """Perturb images, (N, H, W), at one severity; the neutral one returns identical pixels."""
        return images if severity == self.neutral else self.change(images, severity)


def jpeg(images: Pixels, quality: float) -> Pixels:
    """Save as JPEG at libjpeg's quality, 1 to 95, and read again."""
    return np.stack([_jpeg_round_trip(image, int(quality)) for image in images])


def blur(images: Pixels, sigma_percent: float) -> Pixels:
    """Blur by a Gaussian whose standard deviation is a share of the height: patient motion, a coarse detector, a poor scan."""
    sigma_px = sigma_percent / 100 * images.shape[1]
    return _grey(gaussian_filter(images.astype(np.float32), (0, sigma_px, sigma_px), mode="nearest"))


def crop(images: Pixels, edge_percent: float) -> Pixels:
    """Cut a share of the side off each of the four edges: tighter collimation."""
    share = 1 - 2 * edge_percent / 100
    return np.stack([_window(image, share, share) for image in images])


def aspect(images: Pixels, ratio: float) -> Pixels:
    """Stretch the width relative to the height at constant area: a radiograph of another aspect ratio, squashed to a square.

    Beyond the edge the last row or column is repeated. Black would favour networks that were trained with black borders.
    """
    return np.stack([_window(image, ratio**-0.5, ratio**0.5) for image in images])


def noise(images: Pixels, sd_percent: float, seed: int = 0) -> Pixels:
    """Add independent Gaussian noise whose standard deviation is a share of the grey range: a lower dose.

    With one seed, all severities scale the same noise pattern, so that they differ in nothing else.
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
    """Hash of everything that decides the perturbed pixels: curves measured with another one are not comparable."""
    table = [(name, perturbation.severities, perturbation.neutral) for name, perturbation in PERTURBATIONS.items()]
    return hashlib.sha256(repr((_VERSION, FRAME_PX, table)).encode()).hexdigest()[:12]


def _jpeg_round_trip(image: Pixels, quality: int) -> Pixels:
    with io.BytesIO() as stream:
        Image.fromarray(image).save(stream, "JPEG", quality=quality)
        with Image.open(stream) as radiograph:
            return np.asarray(radiograph)


def _window(image: Pixels, width_share: float, height_share: float) -> Pixels:
    """Resize a central window, of these shares of the image's sides, to the size of the whole image."""
    height, width = image.shape
    rows, columns = (int(np.ceil(max(0, share - 1) / 2 * side)) for share, side in ((height_share, height), (width_share, width)))
    padded = Image.fromarray(np.pad(image, ((rows, rows), (columns, columns)), mode="edge"))
    left, top = (padded.width - width_share * width) / 2, (padded.height - height_share * height) / 2
    box = (left, top, padded.width - left, padded.height - top)
    return np.asarray(padded.resize((width, height), Image.Resampling.BILINEAR, box))


def _grey(values: NDArray[np.float32]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
