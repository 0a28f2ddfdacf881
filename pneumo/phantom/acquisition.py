"""Acquisition of a synthetic radiograph: framing, exposure, collimation and side marker, with ground-truth masks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.special import expit

from pneumo.phantom.lesions import LUNG_CM, Pneumonia, lesion
from pneumo.phantom.thorax import AIR_FOR_SOFT, BONE, SOFT_TISSUE, Chest
from pneumo.phantom.xray import Array, Exposure, Rays, detect, to_grey

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SyntheticRadiograph:
    """A radiograph, and the masks of lungs, lesion and side marker; all (H, W)."""

    grey: NDArray[np.uint8]
    lung: Mask
    lesion: Mask
    marker: Mask


@dataclass(frozen=True)
class AcquisitionSettings:
    """Framing and marker: ranges from which each radiograph draws uniformly, and standard deviations of normal draws."""

    aspect_ratio: tuple[float, float] = (1.15, 1.5)
    """Width over height."""
    field_cm: tuple[float, float] = (14.5, 16.5)
    """Height of the field in a child of average size."""
    shift_cm: float = 0.4
    """Standard deviation of the field's centre along each axis."""
    pose_degrees: tuple[float, float, float] = (3.0, 4.0, 2.5)
    """Standard deviations of the patient's rotation about the transverse, the long and the sagittal axis."""
    marker_grey: tuple[float, float] = (200, 255)
    """Grey value of the side marker."""
    marker_size: tuple[float, float] = (0.045, 0.085)
    """Size of its letter as a share of the radiograph's height."""


def take_radiograph(
    chest: Chest, pneumonia: Pneumonia, height_px: int, rng: np.random.Generator, acquisition: AcquisitionSettings
) -> SyntheticRadiograph:
    """Simulate one exposure; framing, dose, contrast, collimation and marker are drawn independently of the disease."""
    width_px = round(height_px * rng.uniform(*acquisition.aspect_ratio))
    pixel_cm = rng.uniform(*acquisition.field_cm) / chest.patient.scale / height_px
    centre = (rng.normal(0, acquisition.shift_cm), rng.normal(-0.6, acquisition.shift_cm))
    rays = Rays.through((height_px, width_px), pixel_cm, centre, tuple(rng.normal(0, acquisition.pose_degrees)))
    exposure = Exposure(
        photons=10 ** rng.uniform(3.3, 4.3),
        scatter=rng.uniform(0.3, 0.5),
        blur_cm=rng.uniform(0.02, 0.05),
        mediastinum=rng.uniform(0.77, 0.83),
        latitude=rng.uniform(2.0, 2.4),
    )
    # A separate random stream: the number of noise draws depends on the lesion, and the marker must not.
    noise = rng.spawn(1)[0]
    lungs = chest.lungs(rays)
    added, diseased = lesion(pneumonia, chest, rays, lungs)
    depth = _optical_depth(chest, rays, pixel_cm, lungs) + added
    grey = to_grey(detect(depth, pixel_cm, exposure, noise), exposure) * _collimation(depth.shape, rng)
    marker = _marker(depth.shape, acquisition, rng)
    aerated = np.sum(list(lungs.values()), axis=0) > LUNG_CM
    return SyntheticRadiograph(np.rint(np.maximum(grey, marker) * 255).astype(np.uint8), aerated, diseased, marker > 0)


def _optical_depth(chest: Chest, rays: Rays, pixel_cm: float, lungs: dict[int, Array]) -> Array:
    """Optical depth of the healthy chest, (H, W): soft tissue minus air plus bone and blood."""
    aerated = np.sum(list(lungs.values()), axis=0)
    skeleton = chest.ribs(rays) + chest.spine(rays) + chest.shoulder_girdle(rays)
    # The airways' air is halved: tissue that overlaps them is not modelled, and full air would look like a hole.
    return np.maximum(
        SOFT_TISSUE * (chest.soft_tissue(rays) - 0.5 * chest.airways(rays))
        - AIR_FOR_SOFT * aerated
        + AIR_FOR_SOFT * chest.vessels(rays, pixel_cm) * np.minimum(aerated / 2, 1)
        + BONE * chest.patient.bone * skeleton,
        0,
    )


def _collimation(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Collimated field: 1 inside, 0 beyond its soft edges, some of which lie outside the radiograph."""
    left, right, top, bottom = rng.uniform(-0.06, 0.04, 4)
    y, x = (np.linspace(0, 1, length, dtype=np.float32) for length in shape)
    row = expit((y - top) / 0.003) * expit((1 - bottom - y) / 0.003)
    column = expit((x - left) / 0.003) * expit((1 - right - x) / 0.003)
    return row[:, None] * column


def _marker(shape: tuple[int, ...], acquisition: AcquisitionSettings, rng: np.random.Generator) -> Array:
    """Grey values of the side marker, the letter R or L near that side's edge; 0 elsewhere."""
    height, width = shape
    letter = rng.choice(["R", "L"], p=[0.8, 0.2])
    across, down, size = rng.uniform(0.04, 0.12), rng.uniform(0.06, 0.6), rng.uniform(*acquisition.marker_size)
    image = Image.new("L", (width, height))
    place = ((across if letter == "R" else 1 - across) * width, down * height)
    font, fill = ImageFont.load_default(size * height), round(rng.uniform(*acquisition.marker_grey))
    ImageDraw.Draw(image).text(place, letter, fill=fill, font=font, anchor="mm")
    return np.asarray(image, np.float32) / 255
