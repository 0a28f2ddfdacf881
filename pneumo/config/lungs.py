"""Settings of lung segmentation, and of the blackout controls that use it."""

from typing import Annotated

from pydantic import Field, model_validator

from pneumo.config.augmentation import Augmentation
from pneumo.config.basics import Fraction, Positive, Seed, Settings
from pneumo.config.explanations import ExplanationMethod
from pneumo.config.recipes import Fit, Network

LARGEST_MARGIN = 0.2


class UNet(Network):
    """A U-Net (Ronneberger et al. 2015): levels of two convolutions each, down to the coarsest and up again."""

    filters: Annotated[tuple[Positive, ...], Field(min_length=2, max_length=6)] = (16, 32, 64, 96)
    """Filters of each level; each has half the side of the previous."""

    @property
    def preprocessing(self) -> str:
        """What the model does to grey values in 0..255 itself."""
        return "rescaled to -1..1"


class LungAugmentation(Augmentation):
    """Augmentation of images with masks: the affine changes apply to both, all others to the image alone."""

    blur_fraction: Annotated[float, Field(ge=0, le=1)] = 0
    """Blur: the image is replaced by its copy blurred by a Gaussian of 2 px in a proportion uniform in 0 to this."""
    noise_fraction: Fraction = 0
    """Independent Gaussian noise, its standard deviation uniform in 0 to this fraction of the grey range."""
    gradient_fraction: Fraction = 0
    """Brightness gradient across the image in a random direction: change from the centre to a corner, uniform in 0 to this fraction
    of the grey range."""
    border_fraction: Annotated[float, Field(ge=0, lt=0.5)] = 0
    """Black border at each side, its width uniform in 0 to this fraction of the side; lungs below it leave the mask as well."""


# Strong: phantoms differ from radiographs of patients in contrast, sharpness, noise and framing.
LUNG_AUGMENTATION = LungAugmentation(
    rotation_degrees=12,
    shift_fraction=0.08,
    shear_degrees=5,
    zoom_fraction=0.2,
    aspect_log_range=0.3,
    horizontal_flip=True,
    fill="constant",
    contrast_fraction=0.5,
    brightness_fraction=0.2,
    gamma_log_range=0.7,
    sharpness_fraction=1,
    blur_fraction=1,
    noise_fraction=0.04,
    gradient_fraction=0.25,
    border_fraction=0.08,
)


class Lungs(Settings):
    """Lung segmentation: a U-Net trained on phantoms, whose lungs are known."""

    image_size_px: Annotated[int, Field(ge=32, le=512)] = 96
    """Side of the square that images are resized to, in pixels; a multiple of 2 for each level of the network but the first."""
    phantoms: Annotated[int, Field(ge=20)] = 500
    """Number of phantoms for training, each a child of its own; one in ten is for the learning curves of validation."""
    held_out: Annotated[int, Field(ge=2)] = 100
    """Number of other phantoms, on which the Dice coefficient is measured."""
    phantom_seed: Seed = 1
    """Random seed of the phantoms."""
    augmentation: LungAugmentation = LUNG_AUGMENTATION
    network: UNet = UNet()
    fit: Fit = Fit(epochs=12, batch_size=16, optimizer="adamw", schedule="cosine", warm_up_epochs=1)
    radiographs: Annotated[int, Field(ge=1)] = 500
    """Largest number of radiographs of the cohort's train split whose masks are checked, drawn at random; 60 of them are drawn into
    a contact sheet."""

    @model_validator(mode="after")
    def _divisible(self) -> "Lungs":
        factor = 2 ** (len(self.network.filters) - 1)
        if self.image_size_px % factor:
            raise ValueError(
                f"image_size_px must be a multiple of {factor} for {len(self.network.filters)} levels of network.filters"
            )
        if self.fit.class_weights != "none":
            raise ValueError("fit.class_weights must be none: the loss is a mean over pixels, which have no class of radiographs")
        return self


class Blackout(Settings):
    """Blackout controls: scores of registered models on validation radiographs without their lungs, or with nothing else."""

    radiographs: Annotated[int, Field(ge=20)] = 400
    """Largest number of validation radiographs, among those with an accepted mask: sampled by patient, half of each class if
    possible."""
    margin: Annotated[float, Field(ge=0, le=LARGEST_MARGIN)] = 0.03
    """Distance by which masks are dilated before anything is blacked out, as a fraction of the image's side."""
    method: ExplanationMethod = "grad-cam"
    """Explanation method of the heatmaps whose energy inside the lungs is measured."""
