"""Every method of explanation on one model, measured on the same radiographs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from pneumo import config
from pneumo.config import ExplanationMethod
from pneumo.evaluation import heatmap_metrics as heatmaps
from pneumo.evaluation.heatmap_metrics import MapMeasure
from pneumo.explain.activations import Label
from pneumo.explain.cam import Maps, resize_maps
from pneumo.explain.explainer import Explainer
from pneumo.explain.faithfulness import measure
from pneumo.explain.weight_randomization import randomize_weights
from pneumo.results.explanations import MethodScores

Masks = npt.NDArray[np.bool_]

# So small a share of the layers that it is the last one alone.
LOGIT_ALONE = 1e-6
# One shuffle says little: four of a tiny network's gave correlations from 0.07 to 0.83.
RANDOMIZATIONS = 3


@dataclass(frozen=True)
class ExplainedImages:
    """ExplainedImages as a model takes them, and the classes that are explained."""

    images: npt.NDArray[np.uint8]
    """(N, H, W, 1)."""
    targets: Sequence[Label]

    def first(self, count: int) -> "ExplainedImages":
        """Pick the first of them."""
        return ExplainedImages(self.images[:count], self.targets[:count])


@dataclass(frozen=True)
class KnownLesions:
    """ExplainedImages on which it is known where the disease is, and which the model calls PNEUMONIA."""

    images: npt.NDArray[np.uint8]
    """(N, H, W, 1)."""
    lesions: Masks
    """(N, H, W)."""
    lungs: Masks
    """(N, H, W)."""
    markers: Masks
    """Side markers, (N, H, W)."""


class Comparison:
    """One model, its radiographs, and copies that forgot what it had learned: the logit's weights alone, or all."""

    def __init__(
        self,
        model: keras.Model,
        lots: config.Lots,
        radiographs: ExplainedImages,
        *,
        randomized_radiographs: int,
        known: KnownLesions | None = None,
    ) -> None:
        """Open the model and its weight_randomized copies.

        Args:
            randomized_radiographs: radiographs that these are asked about, the first ones.
            known: None where no lesion is known.

        Raises:
            UserError: the model has no spatial layer.
        """
        self.explainer = Explainer(model, lots)
        self._radiographs, self._known, self._few = radiographs, known, radiographs.first(randomized_radiographs)
        self._without_logit, self._without_weights = (
            [Explainer(randomize_weights(model, share, seed=seed), lots) for seed in range(RANDOMIZATIONS)]
            for share in (LOGIT_ALONE, 1)
        )

    def score(self, method: ExplanationMethod) -> MethodScores:
        """Measure one method."""
        radiographs = self._radiographs
        maps, milliseconds, arrived = self._timed_maps(method)
        height, width = radiographs.images.shape[1:3]
        measures = measure(
            self.explainer.opened,
            radiographs.images,
            radiographs.targets,
            maps,
            lambda images: self._maps(images, radiographs.targets, method),
        )
        border, centre = (region(height, width) for region in (heatmaps.border, heatmaps.central_band))
        at_radiograph_size = resize_maps(maps, height, width)
        few = maps[: len(self._few.targets)]
        return MethodScores(
            method=method,
            faithfulness={name: MapMeasure.of(values) for name, values in measures.items()},
            empty=int((~maps.any(axis=(1, 2))).sum()),
            border=MapMeasure.of(heatmaps.energy_inside(at_radiograph_size, border)),
            centre=MapMeasure.of(heatmaps.energy_inside(at_radiograph_size, centre)),
            truth=self._against_the_truth(method),
            logit_randomized=self._after(self._without_logit, few, method),
            weights_randomized=self._after(self._without_weights, few, method),
            milliseconds=milliseconds,
            arrived=arrived,
        )

    def _maps(self, images: npt.NDArray[Any], targets: Sequence[Label], method: ExplanationMethod) -> Maps:
        return self.explainer.maps(images, targets, [method])[method]

    def _timed_maps(self, method: ExplanationMethod) -> tuple[Maps, float, int | None]:
        """Maps of the radiographs, milliseconds a radiograph, and how many radiographs arrived; what is compiled on first use is not timed."""
        images, targets = self._radiographs.images, self._radiographs.targets
        self._maps(images[:1], targets[:1], method)
        started, arrived = time.perf_counter(), None
        if method == "lots":
            maps, near = self.explainer.lots_maps(images)
            arrived = int(near.sum())
        else:
            maps = self._maps(images, targets, method)
        return maps, 1000 * (time.perf_counter() - started) / len(images), arrived

    def _after(self, weight_randomized: Sequence[Explainer], maps: Maps, method: ExplanationMethod) -> MapMeasure:
        """How much the maps of copies that forgot are like the model's, for the classes that the model was asked for."""
        radiographs = self._few
        again = [copy.maps(radiographs.images, radiographs.targets, [method])[method] for copy in weight_randomized]
        return MapMeasure.of(np.concatenate([heatmaps.rank_correlation(maps, each) for each in again]))

    def _against_the_truth(self, method: ExplanationMethod) -> dict[str, MapMeasure]:
        known = self._known
        if known is None:
            return {}
        maps = resize_maps(self._maps(known.images, ["PNEUMONIA"] * len(known.images), method), *known.images.shape[1:3])
        measures = {
            "pointing game": heatmaps.pointing_game(maps, known.lesions),
            "energy in the lesion": heatmaps.energy_inside(maps, known.lesions),
            "energy in the lungs": heatmaps.energy_inside(maps, known.lungs),
            "IoU of the top 20 %": heatmaps.iou_of_top(maps, known.lesions),
            "AUROC of the lesion": heatmaps.auroc_inside(maps, known.lesions),
            "energy at the marker": heatmaps.energy_inside(maps, known.markers),
        }
        return {name: MapMeasure.of(values) for name, values in measures.items()}
