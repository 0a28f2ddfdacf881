"""Random changes to images: augmentation where a network is trained, an acquisition shift where it is validated."""

from typing import Annotated, Literal

from pydantic import Field

from pneumo.config.basics import Fraction, Settings


class Augmentation(Settings):
    """Random changes to images, drawn anew for each image and epoch. All zero: none."""

    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 20
    """Rotation, uniform in ± this many degrees."""
    shift_fraction: Fraction = 0.2
    """Shift along each axis, uniform in ± this fraction of the side."""
    shear_degrees: Annotated[float, Field(ge=0, lt=90)] = 0.2
    """Shear, uniform in ± this many degrees. Keras reads `shear_range=0.2` as degrees, and so do the reference systems."""
    zoom_fraction: Fraction = 0.2
    """Zoom, uniform in 1 ± this fraction, drawn for each axis independently, as `ImageDataGenerator` does."""
    aspect_log_range: Annotated[float, Field(ge=0, le=1)] = 0
    """Additional anisotropic scaling: natural logarithm of the change of the aspect ratio, uniform in ± this."""
    horizontal_flip: bool = True
    """Mirror left and right with probability 0.5."""
    fill: Literal["nearest", "reflect", "constant"] = "nearest"
    """Pixels from beyond the edge of the image: the nearest pixel, the mirror image, or black."""
    contrast_fraction: Fraction = 0
    """Contrast about the image's mean, uniform in 1 ± this fraction."""
    brightness_fraction: Fraction = 0
    """Brightness, uniform in ± this fraction of the grey range."""
    gamma_log_range: Annotated[float, Field(ge=0, le=1)] = 0
    """Gamma: natural logarithm, uniform in ± this."""
    sharpness_fraction: Annotated[float, Field(ge=0, le=1)] = 0
    """Sharpness, uniform in ± this: -1 applies a Gaussian blur of 1 px, 1 adds the same amount of unsharp masking."""


# Changes that scanning, cropping and saving make without affecting the label; no flips or rotations.
ACQUISITION_SHIFT = Augmentation(
    rotation_degrees=0,
    shift_fraction=0,
    shear_degrees=0,
    zoom_fraction=0.2,
    horizontal_flip=False,
    aspect_log_range=0.4,
    fill="constant",
    contrast_fraction=0.3,
    brightness_fraction=0.15,
    gamma_log_range=0.3,
    sharpness_fraction=1,
)
NO_AUGMENTATION = Augmentation(rotation_degrees=0, shift_fraction=0, shear_degrees=0, zoom_fraction=0, horizontal_flip=False)
