"""What each method of explanation is worth for each model; as its file keeps it for the report."""

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pneumo.evaluation.heatmap_metrics import MapMeasure, fails_randomization_check
from pneumo.evaluation.scores import Result

FILE = "heatmaps.json"
"""Its name in the report's folder."""
FOLDER = "heatmaps"
"""Where its pictures lie, beside it."""
BASELINE = "random-cam"
"""The method that knows nothing of the class, which every other has to beat."""
SAME = 0.0005
"""Two means that differ by less are the same: pages give them in tenths of a per cent."""
Better = Literal["higher", "lower"]
FAITHFULNESS: dict[str, Better] = {
    "average drop": "lower",
    "average increase": "higher",
    "coherency": "higher",
    "insertion": "higher",
    "deletion": "lower",
}
"""Measures that ask the network, and which way is better (004, section 3.3)."""
TRUTH: dict[str, Better] = {
    "pointing game": "higher",
    "energy in the lesion": "higher",
    "energy in the lungs": "higher",
    "IoU of the top 20 %": "higher",
    "AUROC of the lesion": "higher",
    "energy at the marker": "lower",
}
"""Measures against what is known to be there, as it is of phantoms alone."""


class MethodScores(Result):
    """One method on one model."""

    method: str
    faithfulness: dict[str, MapMeasure]
    """By the names in FAITHFULNESS, as shares of 1."""
    empty: int
    """Maps of the radiographs without any evidence."""
    border: MapMeasure
    """Share of the map in the outer 5 % at each side of the radiograph."""
    centre: MapMeasure
    """Share of the map over spine and mediastinum, the middle fifth of the width."""
    truth: dict[str, MapMeasure]
    """By the names in TRUTH; empty where no lesion is known."""
    logit_randomized: MapMeasure
    """Rank correlation with the maps of the model whose last layer's weights were shuffled, over radiographs and shufflings."""
    weights_randomized: MapMeasure
    """The same with all weights shuffled."""
    milliseconds: float
    """A radiograph, in batches, on the machine that measured it."""
    arrived: int | None
    """Radiographs that LOTS brought to the feature in which the network sees nothing; None for other methods."""

    @property
    def fails_randomization_check(self) -> bool | None:
        """Whether its maps hardly change when the network forgets all it learned."""
        return fails_randomization_check(self.weights_randomized)


class ShownCase(Result):
    """A radiograph in the picture of all methods."""

    path: str
    true_label: str
    predicted_label: str
    probability: float
    """Of PNEUMONIA."""


class ModelExplanations(Result):
    """All methods on one model."""

    version: int
    recipe: str
    model_sha256: str
    data_fingerprint: str
    created: datetime
    """In UTC."""
    settings: dict[str, Any]
    """That the measures were made with."""
    hardware: str
    layer: str
    threshold: float
    radiographs: int
    """That the methods were measured on, all of test."""
    mistakes: int
    """Radiographs among these that the model is wrong about."""
    mistakes_in_all: int
    """Radiographs of the whole test split that it is wrong about."""
    lesions: int
    """Radiographs with a known lesion, which the model found, that maps were held against."""
    randomized_radiographs: int
    """Radiographs explained again after each shuffling of the weights."""
    methods: tuple[MethodScores, ...]
    cases: tuple[ShownCase, ...]
    """Rows of the picture of all methods, from above."""
    pictures: dict[str, str]
    """Files in FOLDER: `methods` has all methods on the cases, `layers` looks inside the network at the first. Empty without."""

    @property
    def name(self) -> str:
        """How the page calls the model."""
        return f"{self.recipe} v{self.version}"

    def of(self, method: str) -> MethodScores | None:
        """Pick one method."""
        return next((each for each in self.methods if each.method == method), None)


class Explanations(Result):
    """The methods on several models."""

    models: tuple[ModelExplanations, ...]


def read(file: Path) -> Explanations:
    """Read what was kept: nothing where there is no file yet.

    Raises:
        ValidationError: the file holds something else.
    """
    return Explanations.model_validate_json(file.read_bytes()) if file.is_file() else Explanations(models=())


def beats(measure: MapMeasure, baseline: MapMeasure, better: Better) -> bool | None:
    """Whether a method is better than the one that knows nothing; None where one has no value, or both the same as shown."""
    if measure.mean is None or baseline.mean is None or abs(measure.mean - baseline.mean) < SAME:
        return None
    return measure.mean > baseline.mean if better == "higher" else measure.mean < baseline.mean
