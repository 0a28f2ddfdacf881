"""Recipes: how a network is built, augmented and fitted."""

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pneumo.config.augmentation import Augmentation
from pneumo.config.basics import Fraction, Positive, Seed, Settings, different

Resize = Literal["squash", "pad"]
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
    """cosine: linear warm-up over three epochs, then cosine decay to zero."""
    label_smoothing: Fraction = 0
    """Label smoothing of the binary cross-entropy."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: the loss of each class is weighted by N / (2 · its count), N being the number of training images."""
    early_stopping_patience: Positive | None = None
    """Epochs without a lower validation loss before training stops and the weights of the best epoch are restored; none: no early
    stopping."""
    plateau_patience: Positive | None = None
    """Epochs without a lower validation loss before the learning rate is reduced; none: it is not reduced."""
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Factor by which it is then reduced."""
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"
    """auto: mixed bfloat16 where the processor or GPU supports it, float32 elsewhere; the choice and its reason are recorded."""
    deterministic: bool = False
    """Use only deterministic operations, which give the same bits in every run: slower, for reproduction."""
    seed: Seed = 0
    """Seed of the initial weights, the order of the images, augmentation and dropout."""


class Recipe(Settings):
    """Settings that every recipe has: image size, augmentation, network and fit."""

    image_size_px: Annotated[int, Field(ge=16, le=1024)] = 150
    """Side of the square that images are resized to, in pixels."""
    resize: Resize = "squash"
    """squash: resize to the square regardless of the aspect ratio, as all reference systems do; pad: keep the aspect ratio, pad
    with black."""
    augmentation: Augmentation = Augmentation()
    network: Network
    fit: Fit = Fit()


class CnnRecipe(Recipe):
    """A plain CNN."""

    network: Cnn = Cnn()


class ResidualRecipe(Recipe):
    """A residual network trained from scratch with augmentation that imitates acquisition shift; several seeds and their
    ensemble.
    """

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
    """One network is trained from each of these seeds, which replace `fit.seed`; the ensemble averages their logits."""


class Backbone(Network):
    """A backbone of keras.applications with a new head."""

    architecture: Architecture = "ResNet50"
    """The backbone; its preprocessing is part of the model."""
    weights: Literal["imagenet", "none"] | Path = "imagenet"
    """imagenet: from Keras' cache, downloaded if missing; none: random; or the path of a weights file."""
    head_units: tuple[Positive, ...] = (128,)
    """Units of the dense layers between the pooled features and the logit, in order."""
    head_dropout: Fraction = 0.3
    """Dropout rate after each of them."""
    unfrozen_fraction: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Fraction of the backbone's layers, from the top, that the second phase trains; batch normalization stays frozen."""

    @property
    def preprocessing(self) -> str:
        """What the model does to grey values in 0..255 itself."""
        return f"copied to three channels and preprocessed for {self.architecture}"


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
    views: Annotated[int, Field(ge=1, le=64)] = 2
    """Augmented views of each training image whose features are computed; the head is trained on one view an epoch, in turn. Each
    costs one pass of the backbone over the training set."""
    feature_cache_gib: Annotated[float, Field(gt=0)] = 4
    """Disk space for cached features of all backbones together, in GiB; the least recently used are deleted first."""


BASELINE = CnnRecipe()
WEIGHTED = CnnRecipe(
    network=Cnn(filters=(32, 64)),
    fit=Fit(epochs=30, optimizer="adam", class_weights="balanced", early_stopping_patience=3, plateau_patience=2),
)
