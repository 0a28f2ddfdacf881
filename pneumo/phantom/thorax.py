"""The anatomy of a synthetic child: ellipsoids and bony bands, and the optical depth that rays gather in them.

Dimensions are those of a child of three years at `scale` 1; see `xray` for the axes. The origin lies in mid-chest.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.special import expit

from pneumo.phantom.xray import Array, Ellipsoid, Rays, Span, bone, tube

SOFT_TISSUE, LUNG, BONE = 0.19, 0.045, 0.6
"""Linear attenuation per centimetre, at about 60 keV; bone's is what it adds to the soft tissue in its place."""
AIR_FOR_SOFT = SOFT_TISSUE - LUNG
SIDES = {"right": -1, "left": 1}
TEXTURE_CM = 0.1
"""Grid of the random textures."""
TEXTURE_SHAPE = (320, 320)


@dataclass(frozen=True)
class Patient:
    """What stays the same on every radiograph of one child."""

    scale: float
    breadth: float
    """Width of the chest for its height."""
    heart: float
    """Size of the heart, 1 being ordinary."""
    thymus: float
    """Size of the thymus; 0: none."""
    fat_cm: float
    rib_spacing_cm: float
    rib_slope: float
    """How far a rib falls from back to front, per centimetre of depth."""
    gas: tuple[float, float, float]
    """Stomach bubble: x, y and radius."""
    bone: float
    """Mineralisation, 1 being ordinary."""
    vessels: Array
    """Points along the pulmonary vessels: (N, 4), x, y, z and radius."""
    noise: Array
    """Three fields of white noise, (3, *TEXTURE_SHAPE), for textures."""


@dataclass(frozen=True)
class Posture:
    """What differs between two radiographs of one child."""

    inspiration_cm: float
    """How much lower than ordinary the diaphragm stands."""
    shoulder_cm: float
    """How much higher than ordinary the shoulders stand."""
    arm_degrees: float
    """How far the arms are raised from the side."""


def draw_patient(rng: np.random.Generator) -> Patient:
    """A child of one to five years."""
    return Patient(
        scale=rng.uniform(0.88, 1.1),
        breadth=rng.uniform(0.93, 1.08),
        heart=rng.uniform(0.88, 1.1),
        thymus=max(rng.normal(0.2, 0.5), 0),
        fat_cm=rng.uniform(0.5, 1.6),
        rib_spacing_cm=rng.uniform(1.5, 1.75),
        rib_slope=rng.uniform(0.3, 0.55),
        gas=(rng.uniform(3.5, 5.5), rng.uniform(7.5, 9.5), max(rng.uniform(-0.8, 2.0), 0.3)),
        bone=rng.uniform(0.8, 1.2),
        vessels=np.concatenate([_vessel_tree(side, rng) for side in SIDES.values()]),
        noise=rng.standard_normal((3, *TEXTURE_SHAPE), dtype=np.float32),
    )


def draw_posture(rng: np.random.Generator) -> Posture:
    """One breath and one way of being held."""
    return Posture(rng.normal(0, 0.5), rng.normal(0, 0.4), rng.uniform(15, 80))


def _vessel_tree(side: int, rng: np.random.Generator) -> Array:
    """Arteries and veins of one lung, forking from the hilum outwards; every fork narrows and shortens."""
    directions = rng.normal(0, 1, (18, 3)) * (0.9, 1.0, 0.7) + (side * 0.8, 0.25, 0)
    tips = np.tile((side * 2.6, -0.6, 0.5), (len(directions), 1)) + rng.normal(0, 0.4, directions.shape)
    length, radius, points = 1.7, 0.25, []
    for _ in range(6):
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        lengths = length * rng.uniform(0.6, 1.3, (len(directions), 1))
        steps = np.linspace(0, 1, 14)[:, None, None]
        bend = rng.normal(0, 0.12, directions.shape) * np.sin(np.pi * steps)
        path = tips + steps * lengths * directions + bend * lengths
        radii = np.broadcast_to(radius * (1 - 0.25 * steps), (*path.shape[:2], 1))
        points.append(np.concatenate([path, radii], axis=-1).reshape(-1, 4))
        tips = np.repeat(path[-1], 2, axis=0)
        directions = np.repeat(directions, 2, axis=0) + rng.normal(0, 0.42, (2 * len(directions), 3))
        length, radius = length * 0.85, radius * 0.78
    return np.concatenate(points).astype(np.float32)


def texture(noise: Array, rays: Rays, scale_cm: float) -> Array:
    """Smooth random field of unit variance, features of about `scale_cm`, fixed to the body."""
    smooth = gaussian_filter(noise, scale_cm / TEXTURE_CM, mode="wrap")
    row, column = (rays.origin[axis] / TEXTURE_CM + noise.shape[0] / 2 for axis in (1, 0))
    return np.asarray(map_coordinates(smooth / smooth.std(), [row, column], order=1, mode="grid-wrap"), np.float32)


@dataclass(frozen=True)
class Chest:
    """The organs of one child in one posture, as ellipsoids."""

    patient: Patient
    posture: Posture

    @property
    def cage(self) -> Ellipsoid:
        """Inside of the rib cage."""
        return Ellipsoid((0, 4.5, 0), (8.9 * self.patient.breadth, 13.6, 5.8))

    @property
    def domes(self) -> tuple[Ellipsoid, Ellipsoid]:
        """The diaphragm's halves with what lies below; the right one stands higher, over the liver."""
        depth = self.posture.inspiration_cm
        return (
            Ellipsoid((-3.4, 12.0 + depth, 0.3), (7.4, 8.2, 8.0)),
            Ellipsoid((3.7, 12.5 + depth, 0.3), (7.4, 8.2, 8.0)),
        )

    @property
    def mediastinum(self) -> tuple[Ellipsoid, ...]:
        """Ventricles, right atrium, great vessels, aortic and pulmonary knuckle, spine's bed, and thymus."""
        size, thymus, drop = self.patient.heart, self.patient.thymus, 0.5 * self.posture.inspiration_cm
        return (
            Ellipsoid((2.0, 2.1 + drop, -0.9), (5.0 * size, 3.7 * size, 4.7 * size), (0, 0, 48)),
            Ellipsoid((-0.7, 2.2 + drop, -0.6), (2.2 * size, 5.2 * size, 4.0 * size), (0, 0, 4)),
            Ellipsoid((0.2, -3.0, -0.3), (2.1, 8.0, 3.6)),
            Ellipsoid((1.5, -2.2, 0.0), (1.7, 3.0, 3.4), (0, 0, -16)),
            Ellipsoid((0, 2.0, 5.0), (1.7, 16.0, 2.4)),
            Ellipsoid((0.4, -3.8, -3.4), (1e-3 + 2.9 * thymus, 3.0, 1e-3 + 1.8 * thymus)),
        )

    def lungs(self, rays: Rays) -> dict[int, Array]:
        """Centimetres of air-filled lung along each ray, by side: the cage's inside without the organs that cut into it."""
        cage = self.cage.span(rays)
        organs = [organ.span(rays) for organ in (*self.domes, *self.mediastinum)]
        aerated = {}
        for side in SIDES.values():
            span = cage.within(Ellipsoid((side * 4.7, 3.5, 0.2), (4.9, 12.4, 6.4)).span(rays))
            cut = np.sum([span.within(organ).length for organ in organs], axis=0)
            aerated[side] = np.maximum(span.length - cut, 0)
        return aerated

    def soft_tissue(self, rays: Rays) -> Array:
        """Centimetres of body along each ray, lungs counted as full: trunk, neck, shoulders and arms."""
        fat, lift = self.patient.fat_cm, self.posture.shoulder_cm
        parts = [
            Ellipsoid((0, 6.5, 0), (9.6 * self.patient.breadth + fat, 22, 6.9 + fat)).span(rays).length,
            Ellipsoid((0, -14, 1.5), (3.1, 8, 3.2)).span(rays).length,
            Ellipsoid((0, -17.5 - lift, 0), (5.2, 5.6, 6.5)).span(rays).length,
        ]
        for side in SIDES.values():
            parts.append(Ellipsoid((side * 6.0, -7.0 - lift, 1.0), (5.6, 3.4, 3.4), (0, 0, side * 18)).span(rays).length)
            parts.append(self._arm(side, 2.2 + 0.5 * fat).span(rays).length)
        # A fourth-power mean keeps the thicker part, without the crease that a maximum would leave where two meet.
        return np.sqrt(np.sqrt(np.sum([np.square(part * part) for part in parts], axis=0)))

    def _arm(self, side: int, radius_cm: float) -> Ellipsoid:
        angle = np.radians(self.posture.arm_degrees)
        x, y = side * (9.6 + 6 * np.sin(angle)), -6.3 - self.posture.shoulder_cm + 6 * np.cos(angle)
        return Ellipsoid((x, y, 1.0), (radius_cm, 7.5, radius_cm), (0, 0, -side * self.posture.arm_degrees))

    def airways(self, rays: Rays) -> Array:
        """Centimetres of air in trachea, main bronchi and stomach, which the soft tissue counted as full."""
        x, y, radius = self.patient.gas
        return np.sum(
            [
                Ellipsoid((-0.1, -8.5, 0.6), (0.55, 6.3, 0.55)).span(rays).length,
                Ellipsoid((-1.2, -1.5, 0.8), (0.42, 1.9, 0.42), (0, 0, 38)).span(rays).length,
                Ellipsoid((1.3, -1.4, 0.8), (0.38, 2.1, 0.38), (0, 0, -50)).span(rays).length,
                Ellipsoid((x, y, -1), (1.5 * radius, radius, 1.2 * radius), (0, 0, 15)).span(rays).length,
            ],
            axis=0,
        )

    def ribs(self, rays: Rays) -> Array:
        """Centimetres of rib: a shell around the cage, cut by tilted planes into twelve bands, crossed behind and in front.

        At the sides the rays graze the shell, so the chest wall shows bright as on a radiograph.
        """
        spacing, slope = self.patient.rib_spacing_cm, self.patient.rib_slope
        outer, inner = self.cage.grown(0.55).span(rays), self.cage.grown(0.1).span(rays)
        behind, front = Span(np.maximum(inner.far, outer.middle), outer.far), Span(outer.near, np.minimum(inner.near, outer.middle))
        total = np.zeros_like(outer.near)
        for wall, half_width, medial_cm, share in ((behind, 0.36, 1.4, 1.0), (front, 0.42, 4.6, 0.7)):
            x, y, z = (rays.at(axis, wall.middle) for axis in range(3))
            across = y + slope * z + 9.3
            band = bone(np.mod(across, spacing) - spacing / 2, half_width, cortex=0.35) / (2 * half_width)
            # In front the ribs end in cartilage, which casts no shadow; behind they meet the spine.
            bony = expit((np.abs(x) - medial_cm) / 0.25)
            numbered = (across > 0) & (across < 12 * spacing)
            total += share * np.minimum(wall.length, 1.6) * band * bony * numbered
        return total

    def spine(self, rays: Rays) -> Array:
        """Centimetres of bone in the vertebral column: bodies between discs, pedicles and spinous processes."""
        spacing = 0.93 * self.patient.rib_spacing_cm
        x, y = rays.at(0, 4.2), rays.at(1, 4.2)
        along = np.mod(y + 0.4, spacing) - spacing / 2
        width = 1.05 + 0.02 * y
        endplate = np.abs(along) / (0.42 * spacing)
        body = tube(x, width) * (0.55 + 0.45 * expit((1 - endplate) / 0.08))
        rim = 0.35 * np.exp(-(((endplate - 0.93) / 0.1) ** 2)) * (np.abs(x) < width)
        pedicles = 0.5 * np.exp(-((((np.abs(x) - 0.62 * width) / 0.2) ** 2 + ((along + 0.15) / 0.27) ** 2) ** 2))
        process = 0.45 * np.exp(-((x / 0.17) ** 2) - ((along - 0.35) / 0.33) ** 2)
        transverse = 0.35 * np.exp(-(((along + 0.1) / 0.2) ** 2)) * expit((1.7 - np.abs(x)) / 0.15) * (np.abs(x) > width)
        return 0.45 * body + rim + pedicles + process + transverse

    def shoulder_girdle(self, rays: Rays) -> Array:
        """Centimetres of bone in clavicles, scapulae and humeri."""
        total = np.zeros_like(rays.origin[0])
        lift = self.posture.shoulder_cm
        for side in SIDES.values():
            x, y = side * rays.at(0, -4.0), rays.at(1, -4.0)
            bow = np.sin(np.clip((x - 1.0) / 8.4, 0, 1) * np.pi * 1.15)
            curve = -7.3 - 0.9 * lift * np.clip(x / 8, 0, 1) - bow - 0.12 * (x - 1)
            radius = 0.4 + 0.16 * np.exp(-((x - 1.2) ** 2)) + 0.08 * np.exp(-((x - 9) ** 2))
            ends = expit((x - 0.9) / 0.1) * expit((9.2 - x) / 0.12)
            total += bone(y - curve, radius, cortex=0.4) * ends
            blade = Ellipsoid((side * 8.3, -3.6 - lift, 5), (1.7, 4.2, 0.5), (0, 0, side * 14)).span(rays).length
            shaft = self._arm(side, 0.75).span(rays).length
            head = Ellipsoid((side * 10.4, -7.0 - lift, 1), (1.1, 1.1, 1.0)).span(rays).length
            total += 0.3 * blade + 0.6 * np.maximum(shaft, head)
        return total

    def vessels(self, rays: Rays, pixel_cm: float) -> Array:
        """Centimetres of blood in the lungs' vessels: each point's volume over a pixel's area, spread over its width."""
        x, y, z, radius = self.patient.vessels.T
        height, width = rays.origin.shape[1:]
        # The inverse of `Rays.through`: body to radiograph is one rigid turn, so two radiograph vectors give row and column.
        corner = rays.origin[:, 0, 0]
        radiograph_x, radiograph_y = (rays.origin[:, 0, 1] - corner) / pixel_cm, (rays.origin[:, 1, 0] - corner) / pixel_cm
        relative = np.stack([x, y, z], axis=1) - corner
        column, row = (np.rint(relative @ axis / pixel_cm).astype(int) for axis in (radiograph_x, radiograph_y))
        seen = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        total = np.zeros((height, width), np.float32)
        for low, high in ((0.0, 0.05), (0.05, 0.1), (0.1, 0.16), (0.16, 1.0)):
            chosen = seen & (radius >= low) & (radius < high)
            if chosen.any():
                volume = np.pi * radius[chosen] ** 2 * 0.11
                places = row[chosen] * width + column[chosen]
                image = np.bincount(places, volume / pixel_cm**2, height * width).reshape(height, width)
                total += gaussian_filter(image, max(0.6 * radius[chosen].mean() / pixel_cm, 0.6)).astype(np.float32)
        return total
