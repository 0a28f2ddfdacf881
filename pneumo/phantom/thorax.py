"""Anatomy of a synthetic child's chest: organs as ellipsoids, bones as bands, and the path length of rays through them.

Dimensions are those of a child of three years at `scale` 1; see `xray` for the axes. The origin is the centre of the chest.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.special import expit

from pneumo.phantom.xray import Array, Ellipsoid, Rays, Span, bone, tube

SOFT_TISSUE, LUNG, BONE = 0.19, 0.045, 0.6
"""Linear attenuation coefficients per centimetre at about 60 keV; that of bone is added to that of soft tissue."""
AIR_FOR_SOFT = SOFT_TISSUE - LUNG
SIDES = {"right": -1, "left": 1}
TEXTURE_CM = 0.1
"""Grid spacing of the random textures."""
TEXTURE_SHAPE = (320, 320)


@dataclass(frozen=True)
class Patient:
    """Anatomy that is the same on all radiographs of a child."""

    scale: float
    breadth: float
    """Relative width of the chest; 1 is average."""
    heart: float
    """Relative size of the heart; 1 is average."""
    thymus: float
    """Relative size of the thymus; 0: none."""
    fat_cm: float
    rib_spacing_cm: float
    rib_slope: float
    """Descent of the ribs from back to front, per centimetre of depth."""
    gas: tuple[float, float, float]
    """Stomach bubble: x, y and radius."""
    bone: float
    """Relative mineralisation; 1 is average."""
    vessels: Array
    """Points along the pulmonary vessels, (N, 4): x, y, z and radius."""
    noise: Array
    """White noise for textures, (3, *TEXTURE_SHAPE)."""


@dataclass(frozen=True)
class Posture:
    """Position of the body, which differs between radiographs of a child."""

    inspiration_cm: float
    """Displacement of the diaphragm below its average level."""
    shoulder_cm: float
    """Displacement of the shoulders above their average level."""
    arm_degrees: float
    """Abduction of the arms."""


def draw_patient(rng: np.random.Generator) -> Patient:
    """Random anatomy of a child of one to five years."""
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
    """Random posture: inspiration, shoulders and arms."""
    return Posture(rng.normal(0, 0.5), rng.normal(0, 0.4), rng.uniform(15, 80))


def _vessel_tree(side: int, rng: np.random.Generator) -> Array:
    """Points along the vessels of one lung, (N, 4): they branch from the hilum outwards, narrower and shorter at each branching."""
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
    """Smooth random field of unit variance and feature size `scale_cm`, fixed to the body; (H, W)."""
    smooth = gaussian_filter(noise, scale_cm / TEXTURE_CM, mode="wrap")
    row, column = (rays.origin[axis] / TEXTURE_CM + noise.shape[0] / 2 for axis in (1, 0))
    return np.asarray(map_coordinates(smooth / smooth.std(), [row, column], order=1, mode="grid-wrap"), np.float32)


@dataclass(frozen=True)
class Chest:
    """Chest of a child in one posture. Path lengths are in centimetres along each ray, (H, W)."""

    patient: Patient
    posture: Posture

    @property
    def cage(self) -> Ellipsoid:
        """Interior of the rib cage."""
        return Ellipsoid((0, 4.5, 0), (8.9 * self.patient.breadth, 13.6, 5.8))

    @property
    def domes(self) -> tuple[Ellipsoid, Ellipsoid]:
        """Both domes of the diaphragm with the organs below; the right one is higher, over the liver."""
        depth = self.posture.inspiration_cm
        return (
            Ellipsoid((-3.4, 12.0 + depth, 0.3), (7.4, 8.2, 8.0)),
            Ellipsoid((3.7, 12.5 + depth, 0.3), (7.4, 8.2, 8.0)),
        )

    @property
    def mediastinum(self) -> tuple[Ellipsoid, ...]:
        """Ventricles, right atrium, great vessels, aortic and pulmonary knuckle, prevertebral tissue, and thymus."""
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
        """Path length in aerated lung, by side: the interior of the rib cage without the organs that overlap it."""
        cage = self.cage.span(rays)
        organs = [organ.span(rays) for organ in (*self.domes, *self.mediastinum)]
        aerated = {}
        for side in SIDES.values():
            span = cage.within(Ellipsoid((side * 4.7, 3.5, 0.2), (4.9, 12.4, 6.4)).span(rays))
            overlap = np.sum([span.within(organ).length for organ in organs], axis=0)
            aerated[side] = np.maximum(span.length - overlap, 0)
        return aerated

    def soft_tissue(self, rays: Rays) -> Array:
        """Path length in the body, lungs counted as soft tissue: trunk, neck, shoulders and arms."""
        fat, lift = self.patient.fat_cm, self.posture.shoulder_cm
        parts = [
            Ellipsoid((0, 6.5, 0), (9.6 * self.patient.breadth + fat, 22, 6.9 + fat)),
            Ellipsoid((0, -14, 1.5), (3.1, 8, 3.2)),
            Ellipsoid((0, -17.5 - lift, 0), (5.2, 5.6, 6.5)),
        ]
        for side in SIDES.values():
            shoulder = Ellipsoid((side * 6.0, -7.0 - lift, 1.0), (5.6, 3.4, 3.4), (0, 0, side * 18))
            parts += [shoulder, self._arm(side, 2.2 + 0.5 * fat)]
        # The L4 norm is close to the maximum of the parts, without its visible edge where two of them meet.
        return np.sqrt(np.sqrt(np.sum([np.square(np.square(part.span(rays).length)) for part in parts], axis=0)))

    def _arm(self, side: int, radius_cm: float) -> Ellipsoid:
        angle = np.radians(self.posture.arm_degrees)
        x, y = side * (9.6 + 6 * np.sin(angle)), -6.3 - self.posture.shoulder_cm + 6 * np.cos(angle)
        return Ellipsoid((x, y, 1.0), (radius_cm, 7.5, radius_cm), (0, 0, -side * self.posture.arm_degrees))

    def airways(self, rays: Rays) -> Array:
        """Path length in the air of trachea, main bronchi and stomach, which `soft_tissue` counts as soft tissue."""
        x, y, radius = self.patient.gas
        parts = (
            Ellipsoid((-0.1, -8.5, 0.6), (0.55, 6.3, 0.55)),
            Ellipsoid((-1.2, -1.5, 0.8), (0.42, 1.9, 0.42), (0, 0, 38)),
            Ellipsoid((1.3, -1.4, 0.8), (0.38, 2.1, 0.38), (0, 0, -50)),
            Ellipsoid((x, y, -1), (1.5 * radius, radius, 1.2 * radius), (0, 0, 15)),
        )
        return np.sum([part.span(rays).length for part in parts], axis=0)

    def ribs(self, rays: Rays) -> Array:
        """Path length in the ribs: a shell around the rib cage, cut by tilted planes into twelve bands that rays cross twice.

        At the sides the rays are tangential to the shell, so the chest wall is bright as on a radiograph.
        """
        spacing, slope = self.patient.rib_spacing_cm, self.patient.rib_slope
        outer, inner = self.cage.grown(0.55).span(rays), self.cage.grown(0.1).span(rays)
        behind, front = Span(np.maximum(inner.far, outer.middle), outer.far), Span(outer.near, np.minimum(inner.near, outer.middle))
        total = np.zeros_like(outer.near)
        for wall, half_width, medial_cm, share in ((behind, 0.36, 1.4, 1.0), (front, 0.42, 4.6, 0.7)):
            x, y, z = (rays.at(axis, wall.middle) for axis in range(3))
            across = y + slope * z + 9.3
            band = bone(np.mod(across, spacing) - spacing / 2, half_width, cortex=0.35) / (2 * half_width)
            # In front the ribs end in cartilage, which is invisible; behind they meet the spine.
            bony = expit((np.abs(x) - medial_cm) / 0.25)
            numbered = (across > 0) & (across < 12 * spacing)
            total += share * np.minimum(wall.length, 1.6) * band * bony * numbered
        return total

    def spine(self, rays: Rays) -> Array:
        """Path length in the bone of the vertebral column: bodies between discs, pedicles, spinous and transverse processes."""
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
        """Path length in the bone of clavicles, scapulae and humeri."""
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
        """Path length in the blood of the pulmonary vessels: each point's volume over a pixel's area, blurred to its width."""
        x, y, z, radius = self.patient.vessels.T
        height, width = rays.origin.shape[1:]
        # The inverse of `Rays.through`, a rigid rotation: two unit vectors of the image plane give column and row.
        corner = rays.origin[:, 0, 0]
        axes = (rays.origin[:, 0, 1] - corner) / pixel_cm, (rays.origin[:, 1, 0] - corner) / pixel_cm
        relative = np.stack([x, y, z], axis=1) - corner
        column, row = (np.rint(relative @ axis / pixel_cm).astype(int) for axis in axes)
        visible = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        total = np.zeros((height, width), np.float32)
        for low, high in ((0.0, 0.05), (0.05, 0.1), (0.1, 0.16), (0.16, 1.0)):
            selected = visible & (radius >= low) & (radius < high)
            if selected.any():
                volume = np.pi * radius[selected] ** 2 * 0.11
                pixels = row[selected] * width + column[selected]
                image = np.bincount(pixels, volume / pixel_cm**2, height * width).reshape(height, width)
                total += gaussian_filter(image, max(0.6 * radius[selected].mean() / pixel_cm, 0.6)).astype(np.float32)
        return total
