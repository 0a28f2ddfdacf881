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
"""A ray that passes at least this much aerated lung shows lung."""
OUTLINE = 0.7
"""Share of the air affected, of its worst, from which a reader would draw the lesion's outline."""


@dataclass(frozen=True)
class Lobe:
    """Where one lobe's consolidation lies, and the level of the fissure that ends it sharply."""

    side: int
    centre: tuple[float, float, float]
    semi_axes: tuple[float, float, float]
    above_cm: float = np.inf
    """Nothing lies below this level (y)."""
    below_cm: float = -np.inf
    """Nothing lies above this level (y)."""


LOBES = (
    Lobe(SIDES["right"], (-4.6, -3.6, 0.0), (4.0, 3.4, 5.5), above_cm=-1.4),
    Lobe(SIDES["right"], (-4.0, 1.2, -3.0), (3.4, 2.8, 3.6), below_cm=-1.2),
    Lobe(SIDES["right"], (-5.0, 2.2, 2.5), (3.8, 3.6, 4.2)),
    Lobe(SIDES["left"], (5.0, -3.2, -1.0), (3.4, 4.0, 5.0)),
    Lobe(SIDES["left"], (5.2, 2.0, 2.5), (3.6, 3.8, 4.4)),
)


@dataclass(frozen=True)
class Pneumonia:
    """One child's disease, the same on every radiograph."""

    subtype: Subtype
    severity: float
    """Share of the air that the disease displaces where it is worst; 0 in a healthy child."""
    lobes: tuple[Lobe, ...] = ()
    size: float = 1.0
    """Extent, 1 being ordinary."""
    sides: tuple[float, float] = (1.0, 1.0)
    """Viral: how strongly the right and the left lung are affected."""


def draw_pneumonia(subtype: Subtype, difficulty: float, rng: np.random.Generator) -> Pneumonia:
    """A child's disease: the higher `difficulty` (0..1), the fainter and the smaller."""
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
    """Optical depth that the disease adds along each ray, and where a reader would outline it; both inside `lungs`."""
    air = np.sum(list(lungs.values()), axis=0)
    if pneumonia.subtype == "normal":
        return np.zeros_like(air), np.zeros(air.shape, bool)
    if pneumonia.subtype == "bacterial":
        share, pattern = _consolidated(pneumonia, chest, rays, lungs), 1.0 + 0.16 * texture(chest.patient.noise[2], rays, 0.3)
    else:
        share, pattern = _infiltrated(pneumonia, rays, lungs), _reticular(chest, rays)
    outlined = (share > OUTLINE) & (air > LUNG_CM)
    return np.asarray(AIR_FOR_SOFT * pneumonia.severity * air * share * pattern, np.float32), outlined


def _consolidated(pneumonia: Pneumonia, chest: Chest, rays: Rays, lungs: dict[int, Array]) -> Array:
    """Share of each ray's air that lies in a consolidated lobe; its outline is frayed by a random warp."""
    warp = [0.55 * texture(noise, rays, 0.7) for noise in chest.patient.noise[:2]]
    frayed = Rays(rays.origin + np.stack([*warp, np.zeros_like(warp[0])]), rays.direction)
    share = np.zeros_like(warp[0])
    for lobe in pneumonia.lobes:
        x, y, z = (pneumonia.size * semi_axis for semi_axis in lobe.semi_axes)
        inside = Ellipsoid(lobe.centre, (x, y, z)).span(frayed).length
        level = rays.at(1, lobe.centre[2]) + 0.15 * warp[0]
        fissures = expit((lobe.above_cm - level) / 0.12) * expit((level - lobe.below_cm) / 0.12)
        air = lungs[lobe.side]
        share = np.maximum(share, fissures * np.minimum(inside / np.maximum(air, 1.0), 1) * (air > 0))
    return share


def _infiltrated(pneumonia: Pneumonia, rays: Rays, lungs: dict[int, Array]) -> Array:
    """How strongly each ray's lung is affected: most about both hila, fading outwards."""
    share = np.zeros_like(rays.origin[0])
    for (side, air), strength in zip(lungs.items(), pneumonia.sides, strict=True):
        x, y = rays.at(0, 0.5) - side * 3.2, rays.at(1, 0.5) - 0.3
        around_hilum = np.exp(-((x / 3.6) ** 2 + (y / 5.0) ** 2) / (2 * pneumonia.size**2))
        share = np.maximum(share, strength * (0.55 + 0.45 * around_hilum) * (air > 0))
    return share


def _reticular(chest: Chest, rays: Rays) -> Array:
    """Haze with a patchy net of strands: the zero lines of smooth noise, at two scales."""
    first, second, third = chest.patient.noise
    coarse, fine = (np.exp(-((texture(noise, rays, scale_cm) / 0.32) ** 2)) for noise, scale_cm in ((first, 0.38), (second, 0.23)))
    patches = 0.5 + expit(2 * texture(third, rays, 0.8))
    return np.asarray(0.95 + (0.3 * coarse + 0.3 * fine) * patches, np.float32)
