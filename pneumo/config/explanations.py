"""Settings of heatmaps and of their comparison."""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from pneumo.config.basics import Positive, Settings, different

ExplanationMethod = Literal["random-cam", "grad-cam", "grad-cam++", "smooth-grad-cam++", "layer-cam", "hires-cam", "lots"]
EXPLANATION_METHODS: tuple[ExplanationMethod, ...] = get_args(ExplanationMethod)


class Lots(Settings):
    """LOTS: changes the radiograph until its deep feature is zero; the map shows where it had to change (Weber 2023)."""

    tolerance: Annotated[float, Field(gt=0)] = 0.1
    """Distance to the zero feature at which the iteration stops."""
    step_grey: Annotated[float, Field(gt=0, le=255)] = 1
    """Largest change of a pixel in one step, in grey values of 0..255."""
    steps: Positive = 20
    """Maximum number of steps. Weber (2023) took 500; on phantoms, maps of more than about twenty steps miss the lesion."""


class Gradcam(Settings):
    """Heatmaps of each model's mistakes on the test split."""

    method: ExplanationMethod = "grad-cam"
    """Explanation method."""
    mistakes_per_kind: Annotated[int, Field(ge=1, le=50)] = 5
    """Number of false positives, and of false negatives, shown for each model: the most confident ones."""
    layer: str | None = None
    """Name of the convolutional layer to explain; none: the last one before the features are pooled or flattened."""


class Explain(Settings):
    """Heatmaps of any radiographs, by several methods side by side."""

    methods: Annotated[tuple[ExplanationMethod, ...], Field(min_length=1), AfterValidator(different)] = EXPLANATION_METHODS
    """Methods shown, in this order."""
    target: Literal["predicted", "NORMAL", "PNEUMONIA"] = "predicted"
    """Class that is explained; LOTS does not depend on it."""


class Heatmaps(Settings):
    """Comparison of the explanation methods on each recipe's newest model."""

    methods: Annotated[tuple[ExplanationMethod, ...], Field(min_length=1), AfterValidator(different)] = EXPLANATION_METHODS
    """Methods compared; random-cam is the baseline."""
    radiographs: Positive = 64
    """Number of test radiographs that methods are measured on: mistakes first, then scores nearest to the threshold."""
    mistakes_per_kind: Annotated[int, Field(ge=1, le=10)] = 3
    """Number of false positives, and of false negatives, shown with all methods: the most confident ones."""
    lesions: Positive = 48
    """Largest number of phantoms whose maps are compared with the lesion mask: test phantoms correctly classified as PNEUMONIA."""
    randomized_radiographs: Positive = 8
    """Largest number of radiographs in the randomization check, each explained with three weight-randomized models."""
