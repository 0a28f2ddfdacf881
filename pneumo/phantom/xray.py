"""X-ray projection in closed form: parallel rays through ellipsoids, detector response, and conversion to grey values.

Lengths are in centimetres. Body axes: x towards the patient's left, y towards the feet, z towards the back. Rays run along z of the
image plane, from the tube to the detector behind the patient, so the patient's left is on the right of the image.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.spatial.transform import Rotation
from scipy.special import expit, logit

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Span:
    """Section of each ray between two depths, (H, W) each; empty where `far` is not beyond `near`."""

    near: Array
    far: Array

    @property
    def length(self) -> Array:
        """Length of the section; zero where it is empty."""
        return np.maximum(self.far - self.near, 0)

    @property
    def middle(self) -> Array:
        """Depth of the midpoint."""
        return (self.near + self.far) / 2

    def within(self, other: Self) -> "Span":
        """Intersection of both sections."""
        return Span(np.maximum(self.near, other.near), np.minimum(self.far, other.far))


@dataclass(frozen=True)
class Rays:
    """Parallel rays, one per pixel, in body coordinates: `origin` (3, H, W) plus depth times the unit vector `direction` (3,)."""

    origin: Array
    direction: Array

    @classmethod
    def through(cls, shape: tuple[int, int], pixel_cm: float, centre: tuple[float, float], pose_degrees: tuple[float, ...]) -> Self:
        """Rays onto a detector of `shape` pixels centred at `centre` (x, y), through a patient rotated about x, y and z."""
        height, width = shape
        x = (np.arange(width) - (width - 1) / 2) * pixel_cm + centre[0]
        y = (np.arange(height) - (height - 1) / 2) * pixel_cm + centre[1]
        grid = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 0.0))
        rotation = Rotation.from_euler("xyz", pose_degrees, degrees=True).as_matrix()
        return cls(np.tensordot(rotation.T, grid, 1).astype(np.float32), rotation[2].astype(np.float32))

    def at(self, axis: int, depth: Array | float) -> Array:
        """Body coordinate `axis` (0, 1, 2) of the point at `depth` on each ray, (H, W)."""
        return self.origin[axis] + depth * self.direction[axis]


@dataclass(frozen=True)
class Ellipsoid:
    """Ellipsoid in body coordinates, rotated by `tilt_degrees` about its own x, y and z axes."""

    centre: tuple[float, float, float]
    semi_axes: tuple[float, float, float]
    tilt_degrees: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def span(self, rays: Rays) -> Span:
        """Section of each ray inside the ellipsoid: the two roots of |unit-sphere coordinates|² = 1.

        A ray that misses has an empty span at its closest approach.
        """
        rotation = Rotation.from_euler("xyz", self.tilt_degrees, degrees=True).as_matrix()
        to_sphere = (rotation / self.semi_axes).T.astype(np.float32)
        x, y, z = np.tensordot(to_sphere, rays.origin, 1) - (to_sphere @ np.asarray(self.centre, np.float32))[:, None, None]
        step = to_sphere @ rays.direction
        a = step @ step
        closest = -(step[0] * x + step[1] * y + step[2] * z) / a
        half = np.sqrt(np.maximum(closest * closest - (x * x + y * y + z * z - 1) / a, 0))
        return Span(closest - half, closest + half)

    def grown(self, margin_cm: float) -> "Ellipsoid":
        """The ellipsoid with every semi-axis longer by `margin_cm`."""
        x, y, z = self.semi_axes
        return Ellipsoid(self.centre, (x + margin_cm, y + margin_cm, z + margin_cm), self.tilt_degrees)


def tube(distance: Array, radius_cm: float | Array) -> Array:
    """Length of each ray inside a cylinder parallel to the image plane, whose axis is at `distance` from the ray."""
    return 2 * np.sqrt(np.maximum(radius_cm**2 - distance**2, 0))


def bone(distance: Array, radius_cm: float | Array, *, cortex: float = 0.3) -> Array:
    """As `tube`, of a bone whose cortex is this share of its radius; the marrow attenuates half as much."""
    return tube(distance, radius_cm) - 0.5 * tube(distance, radius_cm * (1 - cortex))


@dataclass(frozen=True)
class Exposure:
    """Exposure parameters of one radiograph."""

    photons: float
    """Photons per pixel in the unattenuated beam, which determine the quantum noise."""
    scatter: float
    """Scattered radiation behind the patient as a share of the primary."""
    blur_cm: float
    """Standard deviation of the detector's point spread function."""
    mediastinum: float
    """Grey value of the mediastinum, 0..1."""
    latitude: float
    """Approximate range of optical depth from black to white."""


def detect(optical_depth: Array, pixel_cm: float, exposure: Exposure, rng: np.random.Generator) -> Array:
    """Detected photons as a share of the unattenuated beam, (H, W): Beer-Lambert law, scatter, quantum noise, blur."""
    primary = np.exp(-optical_depth)
    scattered = primary
    for _ in range(3):  # three box filters approximate a Gaussian at a cost independent of its width
        scattered = uniform_filter(scattered, size=max(round(4.0 / pixel_cm), 1), mode="nearest")
    behind_patient = 1 - np.exp(-optical_depth)
    expected = primary + exposure.scatter * scattered * behind_patient
    counted = rng.poisson(expected * exposure.photons) / exposure.photons
    return gaussian_filter(counted.astype(np.float32), exposure.blur_cm / pixel_cm)


def to_grey(transmitted: Array, exposure: Exposure) -> Array:
    """Grey values in 0..1, bone white and lung dark: the logarithm of the signal through a sigmoid characteristic curve.

    As in digital systems, the curve is centred by the image itself, on the brightest parts of its middle (mediastinum and upper
    abdomen): a low dose shows as noise, and a diseased lung becomes whiter instead of making everything else darker.
    """
    depth = -np.log(np.maximum(transmitted, 1e-4))
    height, width = depth.shape
    middle = depth[height // 4 : -height // 4, width // 4 : -width // 4]
    return np.asarray(expit(4 * (depth - np.percentile(middle, 85)) / exposure.latitude + logit(exposure.mediastinum)), np.float32)
