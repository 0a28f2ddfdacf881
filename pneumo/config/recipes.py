"""Recipes: how a network is built, augmented and fitted."""

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pneumo.config.augmentation import Augmentation
from pneumo.config.basics import Fraction, Positive, Seed, Settings, different

Resize = Literal["squash", "pad"]
Targets = Literal["labels", "subtypes"]
TestTimeViews = Literal["none", "mirror", "shifts"]
Architecture = Literal["ResNet50", "InceptionV3", "Xception", "VGG16", "DenseNet121", "ConvNeXtTiny"]


class Network(Settings):
    """Architecture of a network."""

    @property
    @abstractmethod
    def preprocessing(self) -> str:
        """What the model does to grey values in 0..255 itself."""


class Cnn(Network):
    """A plain convolutional network: blocks of convolution and max-pooling, then one dense layer."""

    filters: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=6)] = (32, 64, 128, 256)
    """Filters of each block's 3 × 3 convolution."""
    convolution_dropout: Fraction = 0
    """Dropout rate after each block."""
    dense_units: Positive = 128
    """Units of the dense layer."""
    dense_dropout: Fraction = 0.5
    """Dropout rate after the dense layer."""

    @property
    def preprocessing(self) -> str:
        """What the model does to grey values in 0..255 itself."""
        return "rescaled to 0..1"


class ResidualCnn(Network):
    """A residual network: a stem that halves the side twice, then stages of blocks, each at half the side of the previous."""

    filters: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=6)] = (32, 64, 128, 256)
    """Filters of each stage; the stem has those of the first."""
    blocks: Positive = 2
    """Residual blocks of each stage."""
    dropout: Fraction = 0.2
    """Dropout rate of the pooled features."""

    @property
    def preprocessing(self) -> str:
        """What the model does to grey values in 0..255 itself."""
        return "rescaled to -1..1"


class Fit(Settings):
    """How a network is trained."""

    epochs: Positive = 12
    """Passes over the training set, at most."""
    batch_size: Positive = 32
    """Images per training step."""
    optimizer: Literal["rmsprop", "adam", "adamw"] = "rmsprop"
    """Keras optimizer; adamw has decoupled weight decay of 1e-3."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-3
    """Initial learning rate; with the cosine schedule, the highest."""
    schedule: Literal["constant", "cosine"] = "constant"
    """cosine: linear warm-up, then cosine decay to zero, step by step."""
    warm_up_epochs: Annotated[float, Field(ge=0)] = 3
    """Epochs of warm-up of the cosine schedule; need not be a whole number."""
    label_smoothing: Fraction = 0
    """Label smoothing of the cross-entropy."""
    ema_momentum: Fraction = 0
    """Momentum of the exponential moving average of the weights over training steps, which is validated and becomes the model; 0:
    the weights of the last step."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: the loss of each class is weighted by N / (2 · its count), N being the number of training images."""
    early_stopping_patience: Positive | None = None
    """Epochs without a lower validation loss before training stops and the weights of the best epoch are restored; none: no early
    stopping."""
    plateau_patience: Positive | None = None
    """Epochs without a lower validation loss before the learning rate is reduced; none: it is not reduced."""
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Factor by which the learning rate is reduced on a plateau."""
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"
    """auto: mixed bfloat16 where the processor or GPU supports it, float32 elsewhere; the choice and its reason are recorded."""
    deterministic: bool = False
    """Use only deterministic operations, which give the same bits in every run: slower, for reproduction."""
    seed: Seed = 0
    """Seed of the initial weights, the order of the images, augmentation and dropout."""

    @model_validator(mode="after")
    def _one_schedule(self) -> "Fit":
        if self.schedule == "cosine" and self.plateau_patience is not None:
            raise ValueError("the cosine schedule and plateau_patience both set the learning rate: choose one")
        return self


class Recipe(Settings):
    """Settings that every recipe has: image size, augmentation, network and fit."""

    image_size_px: Annotated[int, Field(ge=16, le=1024)] = 150
    """Side of the square that images are resized to, in pixels."""
    resize: Resize = "squash"
    """squash: resize to the square regardless of the aspect ratio, as all reference systems do; pad: keep the aspect ratio, pad
    with black."""
    augmentation: Augmentation = Augmentation()
    network: Network
    targets: Targets = "labels"
    """labels: NORMAL or PNEUMONIA; subtypes: also whether a pneumonia is bacterial or viral, where the cohort says so. The model's
    probability is that of PNEUMONIA in both."""
    fit: Fit = Fit()
    test_time_views: TestTimeViews = "none"
    """Views of a radiograph whose logits the model averages. mirror: itself and its mirror image; shifts: both, also shifted by 3 %
    of the side to the left, right, top and bottom."""


# Imitates acquisition shift, so that aspect ratio, brightness, contrast and sharpness do not give the label away.
SHIFTING_AUGMENTATION = Augmentation(
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
Seeds = Annotated[tuple[Seed, ...], Field(min_length=1, max_length=20), AfterValidator(different)]


class CnnRecipe(Recipe):
    """A plain CNN."""

    network: Cnn = Cnn()


class ResidualRecipe(Recipe):
    """A residual network trained from scratch with augmentation that imitates acquisition shift; several seeds and their
    ensemble.
    """

    image_size_px: Annotated[int, Field(ge=32, le=1024)] = 128
    """Side of the square that images are resized to, in pixels."""
    augmentation: Augmentation = SHIFTING_AUGMENTATION
    network: ResidualCnn = ResidualCnn()
    fit: Fit = Fit(epochs=24, optimizer="adamw", schedule="cosine", label_smoothing=0.1)
    seeds: Seeds = (0, 1, 2)
    """One network is trained from each of these seeds, which replace `fit.seed`; the ensemble averages their logits."""


class Backbone(Network):
    """A backbone of keras.applications with a new head."""

    architecture: Architecture = "ResNet50"
    """The backbone; its preprocessing is part of the model."""
    weights: Literal["imagenet", "none"] | Path = "imagenet"
    """imagenet: from Keras' cache, downloaded if missing; none: random; or the path of a weights file."""
    head_units: tuple[Positive, ...] = (128,)
    """Units of the dense layers between the pooled features and the logit, in order; none: the logit alone."""
    head_dropout: Fraction = 0.3
    """Dropout rate after each dense layer of the head, or of the pooled features where there is none."""
    unfrozen_fraction: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Fraction of the backbone's layers, from the top, that the second phase trains; batch normalization stays frozen."""

    @property
    def preprocessing(self) -> str:
        """What the model does to grey values in 0..255 itself."""
        return f"copied to three channels and preprocessed for {self.architecture}"


class Average(Network):
    """The mean of the logits of registered models."""

    @property
    def preprocessing(self) -> str:
        """What the model does to grey values in 0..255 itself."""
        return "resized and preprocessed for each member"


class EnsembleRecipe(Recipe):
    """Several registered models, whose logits are averaged; nothing is trained."""

    network: Average = Average()


class TransferRecipe(Recipe):
    """Two-phase transfer learning: a head on features of the frozen backbone, then fine-tuning of the upper layers with it."""

    image_size_px: Annotated[int, Field(ge=32, le=1024)] = 224
    """Side of the square that images are resized to, in pixels."""
    network: Backbone = Backbone()
    fit: Fit = Fit(epochs=10, optimizer="adam", class_weights="balanced", early_stopping_patience=5)
    """First phase: training of the head alone."""
    fine_tuning_epochs: Positive = 10
    """Second phase: maximum number of epochs."""
    fine_tuning_rate_factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Second phase: its learning rate, as a multiple of the first phase's."""
    backbone_rate_factor: Annotated[float, Field(gt=0, le=1)] = 1
    """Second phase: the backbone's learning rate, as a multiple of the head's."""
    views: Annotated[int, Field(ge=1, le=64)] = 2
    """Augmented views of each training image whose features are computed; the head is trained on one view an epoch, in turn. Each
    view costs one pass of the backbone over the training set."""
    feature_cache_gib: Annotated[float, Field(gt=0)] = 4
    """Disk space for cached features of all backbones together, in GiB; the least recently used are deleted first."""

    @model_validator(mode="after")
    def _one_rate_on_a_plateau(self) -> "TransferRecipe":
        if self.backbone_rate_factor != 1 and self.fit.plateau_patience is not None:
            raise ValueError("with a backbone_rate_factor other than 1, fit.plateau_patience must be none")
        return self


class SeededTransferRecipe(TransferRecipe):
    """Transfer learning with augmentation that imitates acquisition shift and targets of three classes; several seeds and their
    ensemble.
    """

    image_size_px: Annotated[int, Field(ge=32, le=1024)] = 160
    """Side of the square that images are resized to, in pixels."""
    augmentation: Augmentation = SHIFTING_AUGMENTATION
    network: Backbone = Backbone(architecture="Xception", head_units=())
    targets: Targets = "subtypes"
    """labels: NORMAL or PNEUMONIA; subtypes: also whether a pneumonia is bacterial or viral, where the cohort says so. The model's
    probability is that of PNEUMONIA in both."""
    fit: Fit = Fit(
        epochs=10,
        optimizer="adamw",
        schedule="cosine",
        warm_up_epochs=0.7,
        label_smoothing=0.05,
        class_weights="balanced",
        ema_momentum=0.99,
    )
    fine_tuning_epochs: Positive = 5
    """Second phase: maximum number of epochs."""
    fine_tuning_rate_factor: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Second phase: its learning rate, as a multiple of the first phase's."""
    seeds: Seeds = (0, 1, 2)
    """One network is trained from each of these seeds, which replace `fit.seed`; the ensemble averages their logits."""


BASELINE = CnnRecipe()
WEIGHTED = CnnRecipe(
    network=Cnn(filters=(32, 64)),
    fit=Fit(epochs=30, optimizer="adam", class_weights="balanced", early_stopping_patience=3, plateau_patience=2),
)
