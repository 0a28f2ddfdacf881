"""Comparison of explanation methods on registered models, as the stage `heatmaps` saves it for the report."""

from pathlib import Path
from typing import Literal

from pneumo.evaluation.heatmap_metrics import MapMetric, fails_randomization_check
from pneumo.evaluation.scores import Result
from pneumo.results.measurements import Measurements, ModelMeasurement

FILE = "heatmaps.json"
"""In the report's directory."""
FOLDER = "heatmaps"
"""Folder of the pictures, in the report's directory."""
BASELINE = "random-cam"
"""Method with random channel weights: one that is not better explains nothing."""
SAME = 0.0005
"""Means that differ by less count as equal: the report shows tenths of a per cent."""
Better = Literal["higher", "lower"]
FAITHFULNESS: dict[str, Better] = {
    "average drop": "lower",
    "average increase": "higher",
    "coherency": "higher",
    "insertion": "higher",
    "deletion": "lower",
}
"""Metrics of faithfulness to the network, and which direction is better (Weber 2023, section 3.3)."""
LOCALIZATION: dict[str, Better] = {
    "pointing game": "higher",
    "energy in the lesion": "higher",
    "energy in the lungs": "higher",
    "IoU of the top 20 %": "higher",
    "AUROC of the lesion": "higher",
    "AUPRC of the lesion": "higher",
    "energy at the marker": "lower",
}
"""Metrics against known masks, which only phantoms have, and which direction is better."""


class MethodScores(Result):
    """Scores of one explanation method on one model."""

    method: str
    faithfulness: dict[str, MapMetric]
    """By the names in FAITHFULNESS, in 0..1."""
    empty: int
    """Maps that are zero everywhere."""
    border: MapMetric
    """Share of the map's sum in the outer 5 % at each side of the radiograph."""
    centre: MapMetric
    """Share of the map's sum over spine and mediastinum, the middle fifth of the width."""
    localization: dict[str, MapMetric]
    """By the names in LOCALIZATION; empty where no lesion mask is known."""
    logit_randomized: MapMetric
    """Rank correlation with the maps of models whose logit layer is randomized, over radiographs and randomizations."""
    weights_randomized: MapMetric
    """The same with the weights of all layers randomized."""
    milliseconds: float
    """Per radiograph, computed in batches, on the machine given by `hardware`."""
    converged: int | None
    """Radiographs whose feature LOTS brought within the tolerance of its target; None for other methods."""

    @property
    def fails_randomization_check(self) -> bool | None:
        """Whether its maps hardly depend on the weights of the network; None where too few correlations are defined."""
        return fails_randomization_check(self.weights_randomized)


class ShownMistake(Result):
    """A mistake that is shown with the maps of all methods."""

    path: str
    """Of the radiograph, relative to the cohort's folder."""
    true_label: str
    predicted_label: str
    probability: float
    """Predicted probability of PNEUMONIA."""


class ModelExplanations(ModelMeasurement):
    """Scores of all explanation methods on one model."""

    layer: str
    """Name of the layer that the CAM methods explain."""
    threshold: float
    radiographs: int
    """Test radiographs that the methods are measured on."""
    mistakes: int
    """Radiographs among these that the model misclassifies."""
    mistakes_in_test: int
    """Radiographs of the whole test split that it misclassifies."""
    lesions: int
    """Phantoms with a known lesion, classified correctly, that localization is measured on."""
    randomized_radiographs: int
    """Radiographs of the randomization check."""
    methods: tuple[MethodScores, ...]
    shown: tuple[ShownMistake, ...]
    """Rows of the picture of all methods, from the top."""
    pictures: dict[str, str]
    """File names in FOLDER, if there is a mistake: `methods` shows all methods on the mistakes, `layers` all layers on one."""

    @property
    def summary(self) -> str:
        """How many methods and radiographs were measured, and which methods fail the randomization check."""
        failed = [scores.method for scores in self.methods if scores.fails_randomization_check]
        warning = f"; fail the randomization check: {', '.join(failed)}" if failed else ""
        return (
            f"{self.name}: {len(self.methods)} methods on {self.radiographs} test radiographs, "
            f"{self.mistakes} of them misclassified{warning}"
        )

    def is_current(self, directory: Path) -> bool:
        """Return whether all pictures are in the report's directory."""
        return all((directory / FOLDER / name).is_file() for name in self.pictures.values())

    def of(self, method: str) -> MethodScores | None:
        """Return the scores of a method, if it was measured."""
        return next((scores for scores in self.methods if scores.method == method), None)


class Explanations(Measurements[ModelExplanations]):
    """Comparisons of the explanation methods on several models."""


def beats(metric: MapMetric, baseline: MapMetric, better: Better) -> bool | None:
    """Return whether a method is better than the baseline by a metric; None where one is undefined or both are equal as shown."""
    if metric.mean is None or baseline.mean is None or abs(metric.mean - baseline.mean) < SAME:
        return None
    return metric.mean > baseline.mean if better == "higher" else metric.mean < baseline.mean
