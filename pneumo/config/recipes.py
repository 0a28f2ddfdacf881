"""How networks are built and trained."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pneumo.config.basics import Fraction, Positive, Seed, Settings, different

Resize = Literal["squash", "pad"]
ThresholdRule = Literal["calibration", "youden", "half"]
Architecture = Literal["ResNet50", "InceptionV3", "VGG16", "DenseNet121", "ConvNeXtTiny"]


class Augmentation(Settings):
    """Random changes to training images, drawn anew for each image and epoch. All zero: none."""

    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 20
    """Rotation, uniform in ± this many degrees."""
    shift_fraction: Fraction = 0.2
    """Shift along each axis, uniform in ± this fraction of the side."""
    shear_degrees: Annotated[float, Field(ge=0, lt=90)] = 0.2
    """Shear, uniform in ± this many degrees. Keras reads `shear_range=0.2` as degrees, and so do the reference systems."""
    zoom_fraction: Fraction = 0.2
    """Zoom, uniform in 1 ± this fraction, drawn for each axis on its own as `ImageDataGenerator` does."""
    aspect_log_range: Annotated[float, Field(ge=0, le=1)] = 0
    """Further stretch of width against height: natural logarithm of the ratio, uniform in ± this."""
    horizontal_flip: bool = True
    """Mirror left and right, one time in two."""
    fill: Literal["nearest", "reflect", "constant"] = "nearest"
    """What lies beyond the edge of the image: the nearest pixel, its mirror image, or black."""
    contrast_fraction: Fraction = 0
    """Contrast about the image's mean, uniform in 1 ± this fraction."""
    brightness_fraction: Fraction = 0
    """Brightness, uniform in ± this fraction of the grey range."""
    gamma_log_range: Annotated[float, Field(ge=0, le=1)] = 0
    """Gamma: natural logarithm, uniform in ± this."""
    sharpness_fraction: Annotated[float, Field(ge=0, le=1)] = 0
    """Sharpness, uniform in ± this: at -1 the image is blurred by a Gaussian of 1 px, at 1 what that blur takes away is added."""


class Cnn(Settings):
    """A plain convolutional network: blocks of convolution and max-pooling, then one dense layer."""

    filters: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=6)] = (32, 64, 128, 256)
    """Filters of each block's 3 × 3 convolution."""
    convolution_dropout: Fraction = 0
    """Dropout rate after each block."""
    dense_units: Positive = 128
    """Units of the dense layer."""
    dense_dropout: Fraction = 0.5
    """Dropout rate after the dense layer."""


class ResidualCnn(Settings):
    """A residual network: a stem that halves the side twice, then stages of blocks, each stage at half the side of the last."""

    filters: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=6)] = (32, 64, 128, 256)
    """Filters of each stage; the stem has those of the first."""
    blocks: Positive = 2
    """Residual blocks of each stage."""
    dropout: Fraction = 0.2
    """Dropout rate of the pooled features."""


class Fit(Settings):
    """How a network is trained."""

    epochs: Positive = 12
    """Passes over the training set, at most."""
    batch_size: Positive = 32
    """Images a step."""
    optimizer: Literal["rmsprop", "adam", "adamw"] = "rmsprop"
    """Keras optimizer; adamw also takes a thousandth of the learning rate off every weight at each step."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-3
    """Initial learning rate, or with the cosine schedule the highest."""
    schedule: Literal["constant", "cosine"] = "constant"
    """cosine: the learning rate rises over three epochs, then falls to zero along half a cosine."""
    label_smoothing: Fraction = 0
    """How far the targets are moved from 0 and 1 towards one half, so that the network does not strive to be certain."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: each class weighs N / (2 · its count) in the loss, N counting all training images."""
    early_stopping_patience: Positive | None = None
    """Epochs without a lower validation loss before training stops and the best epoch's weights return; none: never."""
    plateau_patience: Positive | None = None
    """Epochs without a lower validation loss before the learning rate falls; none: never."""
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """What the learning rate is then multiplied by."""
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"
    """auto: mixed bfloat16 where the processor computes in it, float32 elsewhere; the choice and its reason are recorded."""
    deterministic: bool = False
    """Use only operations that give the same bits in every run: slower, for reproduction."""
    seed: Seed = 0
    """Seed of the weights, of the order of the images, of augmentation and of dropout."""


# What scanning, cropping and saving may do to a radiograph, beyond what a flip or a turn does: the label does not depend on it.


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


class Training(Settings):
    """What every recipe has, from the size of its images to the rule of its threshold."""

    image_size_px: Annotated[int, Field(ge=16, le=1024)] = 150
    """Side of the square that images are resized to, in pixels."""
    resize: Resize = "squash"
    """squash: to a square, whatever the aspect ratio, as all reference systems do; pad: keep it, black beside."""
    threshold_rule: ThresholdRule = "calibration"
    """How the operating threshold is locked on validation. calibration: logistic regression, with both classes weighing the same, on the
    radiographs as they are and under acquisition shift; youden: the largest sensitivity + specificity on the radiographs as they are;
    half: 0.5. All three are reported."""
    acquisition: Augmentation = ACQUISITION_SHIFT
    """How validation radiographs are changed for the rule of that name, and for the temperature."""
    acquisition_views: Annotated[int, Field(ge=1, le=100)] = 3
    """Changed views of each validation radiograph."""
    augmentation: Augmentation = Augmentation()
    fit: Fit = Fit()


class Recipe(Training):
    """One plain network."""

    network: Cnn = Cnn()


class Robust(Training):
    """A residual network, trained from scratch under acquisition shift; several seeds and their ensemble."""

    image_size_px: Annotated[int, Field(ge=32, le=1024)] = 128
    """Side of the square that images are resized to, in pixels."""
    augmentation: Augmentation = Augmentation(
        rotation_degrees=10,
        shift_fraction=0.1,
        shear_degrees=0,
        zoom_fraction=0.3,
        aspect_log_range=0.3,
        fill="constant",
        contrast_fraction=0.3,
        brightness_fraction=0.15,
        gamma_log_range=0.3,
        sharpness_fraction=1,
    )
    network: ResidualCnn = ResidualCnn()
    fit: Fit = Fit(epochs=24, optimizer="adamw", schedule="cosine", label_smoothing=0.1)
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=20), AfterValidator(different)] = (0, 1, 2)
    """One network is trained from each, in place of `fit.seed`; their ensemble is the mean of their logits."""


class Backbone(Settings):
    """A network of keras.applications under a new head."""

    architecture: Architecture = "ResNet50"
    """The backbone; its own preprocessing goes into the model."""
    weights: Literal["imagenet", "none"] | Path = "imagenet"
    """imagenet: fetched into Keras' cache where there is a network, or put there by hand; none: random; or a file of weights."""
    head_units: tuple[Positive, ...] = (128,)
    """Units of the dense layers between the pooled features and the logit, in order."""
    head_dropout: Fraction = 0.3
    """Dropout rate after each of them."""
    unfrozen_fraction: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the backbone's layers, from the top, that the second phase trains; batch normalisation keeps its statistics."""


class Transfer(Training):
    """A backbone whose head is trained first, on features of the frozen backbone, and whose upper layers are then fine-tuned."""

    image_size_px: Annotated[int, Field(ge=32, le=1024)] = 224
    """Side of the square that images are resized to, in pixels."""
    network: Backbone = Backbone()
    fit: Fit = Fit(epochs=10, optimizer="adam", class_weights="balanced", early_stopping_patience=5)
    """First phase: the head alone."""
    fine_tuning_epochs: Positive = 10
    """Second phase: passes over the training set, at most."""
    fine_tuning_rate_factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Second phase: its learning rate, in parts of the first phase's."""
    views: Annotated[int, Field(ge=1, le=64)] = 2
    """Augmented views of each training image whose features the head learns from, in turn, an epoch each; each costs one pass of
    the backbone over the training set."""
    feature_cache_gib: Annotated[float, Field(gt=0)] = 4
    """Room for cached features on the disk, all backbones together, in GiB; those unused for longest go first."""


BASELINE = Recipe()


WEIGHTED = Recipe(
    network=Cnn(filters=(32, 64)),
    fit=Fit(
        epochs=30,
        optimizer="adam",
        class_weights="balanced",
        early_stopping_patience=3,
        plateau_patience=2,
    ),
)
