"""Pneumonia in the synthetic chest: lobar consolidation (bacterial) and a diffuse interstitial pattern (viral)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from pneumo.phantom.thorax import AIR_FOR_SOFT, SIDES, Chest, texture
from pneumo.phantom.xray import Array, Ellipsoid, Rays

Subtype = Literal["normal", "bacterial", "viral"]
LUNG_CM = 1.0
"""Aerated lung along a ray, above which its pixel belongs to the lung mask."""
OUTLINE = 0.7
"""Affected share of the air along a ray, above which its pixel belongs to the lesion mask."""


@dataclass(frozen=True)
class Lobe:
    """Position of the consolidation of a lobe, and the fissures that bound it sharply."""

    side: int
    centre: tuple[float, float, float]
    semi_axes: tuple[float, float, float]
    above_cm: float = np.inf
    """Level (y) of the lower fissure."""
    below_cm: float = -np.inf
    """Level (y) of the upper fissure."""


LOBES = (
    Lobe(SIDES["right"], (-4.6, -3.6, 0.0), (4.0, 3.4, 5.5), above_cm=-1.4),
    Lobe(SIDES["right"], (-4.0, 1.2, -3.0), (3.4, 2.8, 3.6), below_cm=-1.2),
    Lobe(SIDES["right"], (-5.0, 2.2, 2.5), (3.8, 3.6, 4.2)),
    Lobe(SIDES["left"], (5.0, -3.2, -1.0), (3.4, 4.0, 5.0)),
    Lobe(SIDES["left"], (5.2, 2.0, 2.5), (3.6, 3.8, 4.4)),
)


@dataclass(frozen=True)
class Pneumonia:
    """Disease of a child, the same on all of its radiographs."""

    subtype: Subtype
    severity: float
    """Largest share of the air that the disease displaces; 0 in a healthy child."""
    lobes: tuple[Lobe, ...] = ()
    size: float = 1.0
    """Relative extent; 1 is average."""
    sides: tuple[float, float] = (1.0, 1.0)
    """Viral: relative severity in the right and the left lung."""


def draw_pneumonia(subtype: Subtype, difficulty: float, rng: np.random.Generator) -> Pneumonia:
    """Random disease of a child: fainter and smaller with increasing `difficulty` (0..1)."""
    severity, size = rng.uniform(0.85, 1.0), rng.uniform(1.2, 1.5)
    affected = rng.choice(len(LOBES), size=rng.choice([1, 2], p=[0.6, 0.4]), replace=False)
    sides = (rng.uniform(0.85, 1.0), rng.uniform(0.85, 1.0))
    fainter, smaller = 1 - 0.7 * difficulty, 1 - 0.3 * difficulty
    if subtype == "bacterial":
        return Pneumonia(subtype, severity * fainter, tuple(LOBES[i] for i in affected), size * smaller)
    if subtype == "viral":
        return Pneumonia(subtype, severity * fainter, (), size * smaller, sides)
    return Pneumonia(subtype, 0.0)


def lesion(pneumonia: Pneumonia, chest: Chest, rays: Rays, lungs: dict[int, Array]) -> tuple[Array, NDArray[np.bool_]]:
    """Optical depth that the disease adds along each ray, and the lesion mask; (H, W) each, both inside `lungs` (`Chest.lungs`)."""
    air = np.sum(list(lungs.values()), axis=0)
    if pneumonia.subtype == "normal":
        return np.zeros_like(air), np.zeros(air.shape, bool)
    if pneumonia.subtype == "bacterial":
        share, pattern = _consolidated(pneumonia, chest, rays, lungs), 1.0 + 0.16 * texture(chest.patient.noise[2], rays, 0.3)
    else:
        share, pattern = _infiltrated(pneumonia, rays, lungs), _reticular(chest, rays)
    mask = (share > OUTLINE) & (air > LUNG_CM)
    return np.asarray(AIR_FOR_SOFT * pneumonia.severity * air * share * pattern, np.float32), mask


def _consolidated(pneumonia: Pneumonia, chest: Chest, rays: Rays, lungs: dict[int, Array]) -> Array:
    """Share of the air along each ray that lies in a consolidated lobe; a random warp makes its outline irregular."""
    warp = [0.55 * texture(noise, rays, 0.7) for noise in chest.patient.noise[:2]]
    warped = Rays(rays.origin + np.stack([*warp, np.zeros_like(warp[0])]), rays.direction)
    share = np.zeros_like(warp[0])
    for lobe in pneumonia.lobes:
        x, y, z = (pneumonia.size * semi_axis for semi_axis in lobe.semi_axes)
        inside = Ellipsoid(lobe.centre, (x, y, z)).span(warped).length
        level = rays.at(1, lobe.centre[2]) + 0.15 * warp[0]
        fissures = expit((lobe.above_cm - level) / 0.12) * expit((level - lobe.below_cm) / 0.12)
        air = lungs[lobe.side]
        share = np.maximum(share, fissures * np.minimum(inside / np.maximum(air, 1.0), 1) * (air > 0))
    return share


def _infiltrated(pneumonia: Pneumonia, rays: Rays, lungs: dict[int, Array]) -> Array:
    """Share of the air along each ray that is affected: highest around both hila, decreasing outwards."""
    share = np.zeros_like(rays.origin[0])
    for (side, air), strength in zip(lungs.items(), pneumonia.sides, strict=True):
        x, y = rays.at(0, 0.5) - side * 3.2, rays.at(1, 0.5) - 0.3
        around_hilum = np.exp(-((x / 3.6) ** 2 + (y / 5.0) ** 2) / (2 * pneumonia.size**2))
        share = np.maximum(share, strength * (0.55 + 0.45 * around_hilum) * (air > 0))
    return share


def _reticular(chest: Chest, rays: Rays) -> Array:
    """Reticular pattern: haze with patchy strands, which are the zero lines of smooth noise at two scales."""
    first, second, third = chest.patient.noise
    coarse, fine = (np.exp(-((texture(noise, rays, scale_cm) / 0.32) ** 2)) for noise, scale_cm in ((first, 0.38), (second, 0.23)))
    patches = 0.5 + expit(2 * texture(third, rays, 0.8))
    return np.asarray(0.95 + (0.3 * coarse + 0.3 * fine) * patches, np.float32)
