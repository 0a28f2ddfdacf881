"""Every setting: typed, bounded and documented where it is declared.

The string below a field is its documentation: `pneumo STAGE --help` prints it. Values come, from weakest to strongest, from the
defaults here, from the YAML file given with `--config`, from the environment (`PNEUMO_DATA`, `PNEUMO_BASELINE__FIT__EPOCHS`) and
from the command line (`--baseline.fit.epochs 3`).
"""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError("one of them is named twice")
    return values


def _increasing(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] >= bounds[1]:
        raise ValueError("the lower bound comes first, and below the upper one")
    return bounds


Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(gt=0)]
Seed = Annotated[int, Field(ge=0)]
Problem = Literal["unreadable", "shared_patient", "shared_image"]
Resize = Literal["squash", "pad"]
ThresholdRule = Literal["acquisition", "youden", "half"]
Architecture = Literal["ResNet50", "InceptionV3", "VGG16", "DenseNet121", "ConvNeXtTiny"]
ExplanationMethod = Literal["random-cam", "grad-cam", "grad-cam++", "smooth-grad-cam++", "layer-cam", "hires-cam", "lots"]
EXPLANATION_METHODS: tuple[ExplanationMethod, ...] = get_args(ExplanationMethod)
Range = Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], Annotated[float, Field(gt=0, lt=1)]], AfterValidator(_increasing)]


class Settings(BaseModel):
    """A group of settings; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)


class Phantom(Settings):
    """The synthetic cohort that stands in where no data is given."""

    patients: Annotated[int, Field(ge=40)] = 1000
    """Patients in all, divided into train, val and test; each has one to three radiographs."""
    size_px: Annotated[int, Field(ge=64, le=2048)] = 192
    """Height of a radiograph in pixels; the width follows from the collimation."""
    difficulty: Annotated[float, Field(ge=0, le=1)] = 0.1
    """0: dense, large lesions; 1: faint, small ones."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of every random draw."""
    shortcut: Literal["none", "marker", "aspect"] = "none"
    """What gives PNEUMONIA away in train and nowhere else: none, as in a sound cohort; a bright side marker; or wide films. For
    trying whether `pneumo audit` finds it."""


class Cohort(Settings):
    """Which radiographs there are, and which may be used for what."""

    validation: Literal["grouped", "shipped"] = "grouped"
    """grouped: cut from train by patient, stratified; shipped: the val folder (16 images), only to repeat the reference systems."""
    validation_fraction: Annotated[float, Field(ge=0.02, le=0.5)] = 0.15
    """Share of the train patients that becomes the grouped validation set."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the grouped validation set and of folds."""
    leave_out: tuple[Problem, ...] = ()
    """Problems whose radiographs are left out, and counted, instead of stopping the stage."""
    directory: Path = Path("data")
    """Where the phantom cohort, cohort tables and pixel caches are written; never the folder that the radiographs came from."""
    phantom: Phantom = Phantom()


class Audit(Settings):
    """What `pneumo audit` looks at besides the cohort."""

    originals: Path | None = None
    """Folder, in any layout, of some of the cohort's radiographs as they were before somebody resized them, known by file name: for
    what resized copies no longer show, such as shape and compression."""


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
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the weights, of the order of the images, of augmentation and of dropout."""


# What scanning, cropping and saving may do to a film, beyond what a flip or a turn does: the label does not depend on it.
OTHER_ACQUISITION = Augmentation(
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
    threshold_rule: ThresholdRule = "acquisition"
    """How the operating threshold is locked on validation. acquisition: by calibration, with both classes weighing the same, on the
    films as they are and under randomised acquisition; youden: the largest sensitivity + specificity on the films as they are;
    half: 0.5. All three are reported."""
    acquisition: Augmentation = OTHER_ACQUISITION
    """How validation films are changed for the rule of that name, and for the temperature."""
    acquisition_views: Annotated[int, Field(ge=1, le=100)] = 3
    """Changed views of each validation film."""
    augmentation: Augmentation = Augmentation()
    fit: Fit = Fit()


class Recipe(Training):
    """One plain network."""

    network: Cnn = Cnn()


class Robust(Training):
    """A residual network, trained from scratch so that it cannot tell how a film was made; several seeds and their ensemble."""

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
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=20), AfterValidator(_different)] = (0, 1, 2)
    """One network is trained from each, in place of `fit.seed`; their ensemble is the mean of their logits."""


class Backbone(Settings):
    """A network of keras.applications under a new head."""

    architecture: Architecture = "ResNet50"
    """The backbone; its own preprocessing goes into the model."""
    weights: Literal["imagenet", "none"] | Path = "imagenet"
    """imagenet: fetched by Keras where there is a network, or the file put where it says; none: random; or a file of weights."""
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


class Hpo(Settings):
    """Bayesian search of learning rate and dropout, by cross-validation within the training set."""

    recipe: Recipe = Recipe(network=Cnn(convolution_dropout=0.25))
    """What is common to all fits; learning rate and dropout rates are the search's."""
    learning_rate: Range = (1e-5, 1e-2)
    """Bounds of the learning rate, drawn log-uniformly."""
    dense_dropout: Range = (0.05, 0.4)
    """Bounds of the dropout rate after the dense layer, drawn uniformly."""
    convolution_dropout: Range = (0.1, 0.4)
    """Bounds of the dropout rate after each block, drawn uniformly."""
    points: Annotated[int, Field(ge=1, le=1000)] = 10
    """Settings that are tried."""
    initial_points: Annotated[int, Field(ge=1, le=1000)] = 5
    """The first of them, drawn at random, before a Gaussian process proposes the next."""
    points_at_once: Annotated[int, Field(ge=1, le=100)] = 1
    """Settings proposed together: more keep more than `folds` workers busy, but each knows less of the others' scores."""
    folds: Annotated[int, Field(ge=2, le=20)] = 3
    """Folds that each setting is tried on, grouped by patient and stratified."""
    scoring: Literal["accuracy", "balanced_accuracy", "roc_auc", "neg_log_loss"] = "accuracy"
    """What is maximised, by its name in scikit-learn, averaged over the folds."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the search's own draws and of the folds."""
    backend: Literal["serial", "processes", "dask"] = "serial"
    """Where fits run: one after another, on local processes, or on a Dask cluster."""
    workers: Positive = 2
    """Local processes that fit at the same time."""
    dask_address: str | None = None
    """Address of the Dask scheduler, such as tcp://10.0.0.1:8786."""


class HeadSearch(Settings):
    """Bayesian search of the `resnet50` recipe's head, layer by layer, on the features of its frozen backbone."""

    learning_rate: Range = (1e-5, 1e-3)
    """Bounds of the learning rate, drawn log-uniformly."""
    dropout: tuple[Fraction, Fraction] = (0, 0.6)
    """Bounds of the dropout rate, drawn uniformly."""
    units: tuple[Positive, Positive] = (16, 512)
    """Bounds of the first dense layer's units, drawn log-uniformly; layer i, counted from 0, has that many · 2⁻ⁱ."""
    batch_sizes: tuple[Positive, ...] = (16, 32, 64)
    """Batch sizes to choose from."""
    losses: tuple[Literal["binary_crossentropy", "kl_divergence"], ...] = ("binary_crossentropy", "kl_divergence")
    """Losses to choose from; the divergence is that of both classes' probabilities."""
    points: Annotated[int, Field(ge=1, le=1000)] = 35
    """Settings tried for each number of layers."""
    epochs: Positive = 30
    """Passes over the cached features, at most."""
    layers: Annotated[int, Field(ge=1, le=6)] = 4
    """Layers, at most: one is added at a time until validation accuracy no longer improves."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the search's own draws."""


class Crossval(Settings):
    """Cross-validation of one recipe within the train split."""

    recipe: Literal["baseline", "weighted", "resnet50"] = "baseline"
    """The recipe that every fold trains."""
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    """Folds, grouped by patient and stratified."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the folds."""


class Ablate(Settings):
    """Three plain networks, each trained with and without augmentation, compared on validation."""

    recipe: Recipe = Recipe(fit=Fit(epochs=30, optimizer="adam", early_stopping_patience=5))
    """What is common to all six; the networks and the absence of augmentation are the ablation's."""


class Registry(Settings):
    """Where finished models are kept."""

    directory: Path = Path("models")
    """Folder of the embedded registry, and of trainings under way."""
    tracking_uri: str | None = None
    """An MLflow tracking server, in place of the embedded registry."""


class Lots(Settings):
    """LOTS, the method of explanation that changes the film until the network sees nothing in it."""

    tolerance: Annotated[float, Field(gt=0)] = 0.1
    """Distance of features at which a film has arrived."""
    step_grey: Annotated[float, Field(gt=0, le=255)] = 1
    """What the pixel that changes most changes by in a step, in grey values of 0..255."""
    steps: Positive = 20
    """Steps taken at most. The study that made maps of LOTS took 500: after some twenty, maps of films lost the lesion again."""


class Gradcam(Settings):
    """Heatmaps of each model's mistakes on the test split."""

    method: ExplanationMethod = "grad-cam"
    """How they are drawn."""
    cases: Annotated[int, Field(ge=1, le=50)] = 5
    """False positives, and false negatives, shown for each model: the most confident first."""
    layer: str | None = None
    """Name of the convolutional layer to explain; none: the last before the features are pooled or flattened for good."""


class Explain(Settings):
    """Heatmaps of any films, by several methods side by side."""

    model: str = "champion"
    """The model that is asked: a version, a recipe (its newest version) or champion."""
    methods: Annotated[tuple[ExplanationMethod, ...], Field(min_length=1), AfterValidator(_different)] = EXPLANATION_METHODS
    """The methods shown, in this order."""
    target: Literal["predicted", "NORMAL", "PNEUMONIA"] = "predicted"
    """The class that is explained; LOTS explains none."""


class Heatmaps(Settings):
    """What every method of explanation is worth, for each recipe's newest model."""

    methods: Annotated[tuple[ExplanationMethod, ...], Field(min_length=1), AfterValidator(_different)] = EXPLANATION_METHODS
    """The methods compared. What they have to beat is random-cam."""
    films: Positive = 64
    """Test films that methods are measured on: those the model is wrong about, then those nearest to its threshold."""
    cases: Annotated[int, Field(ge=1, le=10)] = 3
    """False positives, and false negatives, shown by all methods: the most confident first."""
    lesions: Positive = 48
    """Phantom test films with a lesion, found by the model, that maps are held against, at most."""
    randomised: Positive = 8
    """Of the films, those explained again after the model's weights were shuffled, at most; they are shuffled three times."""


class Robustness(Settings):
    """Scores of the registered models on validation films that are made worse, or otherwise."""

    films: Annotated[int, Field(ge=20)] = 200
    """Validation films that each model is shown at every severity, at most: drawn by patient, half of each class if possible."""


class Bench(Settings):
    """What `make bench` measures on."""

    films: Annotated[int, Field(ge=64)] = 640
    """Training films of the cohort that an epoch passes over, at most."""
    rounds: Annotated[int, Field(ge=1, le=20)] = 3
    """Times that the things compared are run in turn, each in a fresh process."""
    originals: Path | None = None
    """Folder of full-size JPEGs to decode, in any layout; none: phantom films rendered at 1024 px."""


class Report(Settings):
    """Where the report is written."""

    directory: Path = Path("reports")
    """Folder of the page, its figures, the heatmaps and the benchmark's results."""


class Reproduce(Settings):
    """The small fixed study that `make reproduce` runs twice."""

    patients: Annotated[int, Field(ge=40)] = 240
    """Patients of each cohort that take part, drawn at random from every part and class alike."""
    recipe: Recipe = Recipe(
        image_size_px=64,
        network=Cnn(filters=(8, 16), dense_units=32),
        # Every augmentation takes part, so that none can change unnoticed.
        augmentation=Augmentation(aspect_log_range=0.1, contrast_fraction=0.1, brightness_fraction=0.05, gamma_log_range=0.1),
        fit=Fit(epochs=3, optimizer="adam", class_weights="balanced", precision="float32", deterministic=True),
    )
    phantom: Phantom = Phantom(patients=240, size_px=128)
    """The phantom cohort of this study, whatever `cohort.phantom` says."""
    expectations: Path = Path("configs/expectations")
    """Folder of the committed expectations, one JSON file a cohort."""
    update: bool = False
    """Write the expectations from this run, after a change that is meant, in place of comparing with them."""


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


class Config(BaseSettings):
    """Everything that `pneumo` can be told."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=True,
        env_prefix="PNEUMO_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        # `--weighted.fit.epochs 3` changes that one value and keeps the recipe's others.
        nested_model_default_partial_update=True,
    )

    data: Path | None = None
    """Folder or zip of radiographs, as train|val|test / NORMAL|PNEUMONIA / files; none: the synthetic phantom cohort."""
    cohort: Cohort = Cohort()
    audit: Audit = Audit()
    baseline: Recipe = BASELINE
    weighted: Recipe = WEIGHTED
    robust: Robust = Robust()
    resnet50: Transfer = Transfer()
    hpo: Hpo = Hpo()
    head_search: HeadSearch = HeadSearch()
    crossval: Crossval = Crossval()
    ablate: Ablate = Ablate()
    registry: Registry = Registry()
    gradcam: Gradcam = Gradcam()
    explain: Explain = Explain()
    heatmaps: Heatmaps = Heatmaps()
    lots: Lots = Lots()
    robustness: Robustness = Robustness()
    report: Report = Report()
    bench: Bench = Bench()
    reproduce: Reproduce = Reproduce()
