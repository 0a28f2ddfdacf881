"""Heatmaps."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from pneumo.config.basics import Positive, Settings, different

ExplanationMethod = Literal["random-cam", "grad-cam", "grad-cam++", "smooth-grad-cam++", "layer-cam", "hires-cam", "lots"]
EXPLANATION_METHODS: tuple[ExplanationMethod, ...] = get_args(ExplanationMethod)


class Lots(Settings):
    """LOTS, the method of explanation that changes the radiograph until the network sees nothing in it."""

    tolerance: Annotated[float, Field(gt=0)] = 0.1
    """Distance of features at which a radiograph has arrived."""
    step_grey: Annotated[float, Field(gt=0, le=255)] = 1
    """What the pixel that changes most changes by in a step, in grey values of 0..255."""
    steps: Positive = 20
    """Steps taken at most. The study that made maps of LOTS took 500: after some twenty, maps of radiographs lost the lesion again."""


class Gradcam(Settings):
    """Heatmaps of each model's mistakes on the test split."""

    method: ExplanationMethod = "grad-cam"
    """How they are drawn."""
    cases: Annotated[int, Field(ge=1, le=50)] = 5
    """False positives, and false negatives, shown for each model: the most confident first."""
    layer: str | None = None
    """Name of the convolutional layer to explain; none: the last before the features are pooled or flattened for good."""


class Explain(Settings):
    """Heatmaps of any radiographs, by several methods side by side."""

    model: str = "champion"
    """The model that is asked: a version, a recipe (its newest version) or champion."""
    methods: Annotated[tuple[ExplanationMethod, ...], Field(min_length=1), AfterValidator(different)] = EXPLANATION_METHODS
    """The methods shown, in this order."""
    target: Literal["predicted", "NORMAL", "PNEUMONIA"] = "predicted"
    """The class that is explained; LOTS explains none."""


class Heatmaps(Settings):
    """What every method of explanation is worth, for each recipe's newest model."""

    methods: Annotated[tuple[ExplanationMethod, ...], Field(min_length=1), AfterValidator(different)] = EXPLANATION_METHODS
    """The methods compared. What they have to beat is random-cam."""
    radiographs: Positive = 64
    """Test radiographs that methods are measured on: those the model is wrong about, then those nearest to its threshold."""
    cases: Annotated[int, Field(ge=1, le=10)] = 3
    """False positives, and false negatives, shown by all methods: the most confident first."""
    lesions: Positive = 48
    """Phantom test radiographs with a lesion, found by the model, that maps are held against, at most."""
    randomized_radiographs: Positive = 8
    """Of the radiographs, those explained again after the model's weights were shuffled, at most; they are shuffled three times."""
