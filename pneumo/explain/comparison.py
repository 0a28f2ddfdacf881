"""Comparison of explanation methods on one model and the same radiographs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from pneumo import config
from pneumo.config import ExplanationMethod
from pneumo.evaluation import heatmap_metrics
from pneumo.evaluation.heatmap_metrics import MapMetric
from pneumo.explain.activations import Label, flat_layers
from pneumo.explain.cam import Maps, resize_maps
from pneumo.explain.explainer import Explainer
from pneumo.explain.faithfulness import measure
from pneumo.explain.selection import KnownLesions
from pneumo.nets.ensemble import members
from pneumo.results.explanations import MethodScores

# Share of the layers; so small that only the logit layer is randomized.
LOGIT_ONLY = 1e-6
# A single randomization is unreliable: four of a tiny network gave correlations from 0.07 to 0.83.
RANDOMIZATIONS = 3


@dataclass(frozen=True)
class ExplainedImages:
    """Images as a model takes them, and the classes for which they are explained."""

    images: npt.NDArray[np.uint8]
    """(N, H, W, 1)."""
    targets: Sequence[Label]


class Comparison:
    """Scores explanation methods on one model, with its weight-randomized models: logit layer only, and all layers."""

    def __init__(
        self,
        model: keras.Model,
        lots: config.Lots,
        explained: ExplainedImages,
        *,
        randomized_radiographs: int,
        lesions: KnownLesions | None = None,
    ) -> None:
        """Prepare the model and randomize its weights.

        Args:
            randomized_radiographs: number of radiographs of the randomization check, the first of `explained`.
            lesions: radiographs for the localization metrics; None where no lesion is known.

        Raises:
            UserError: the model has no convolutional layer.
        """
        self.explainer = Explainer(model, lots)
        self._explained, self._lesions = explained, lesions
        self._checked = ExplainedImages(explained.images[:randomized_radiographs], explained.targets[:randomized_radiographs])
        self._logit_randomized, self._weights_randomized = (
            [Explainer(randomize_weights(model, share, seed=seed), lots) for seed in range(RANDOMIZATIONS)]
            for share in (LOGIT_ONLY, 1)
        )

    def score(self, method: ExplanationMethod) -> MethodScores:
        """Return the scores of one method."""
        images, targets = self._explained.images, self._explained.targets
        height, width = images.shape[1:3]
        maps, milliseconds, converged = self._timed_maps(method)
        faithfulness = measure(
            self.explainer.activation_model, images, targets, maps, lambda masked: self._maps(masked, targets, method)
        )
        resized = resize_maps(maps, height, width)
        border, centre = heatmap_metrics.border(height, width), heatmap_metrics.central_band(height, width)
        checked = maps[: len(self._checked.targets)]
        return MethodScores(
            method=method,
            faithfulness={name: MapMetric.of(values) for name, values in faithfulness.items()},
            empty=int((~maps.any(axis=(1, 2))).sum()),
            border=MapMetric.of(heatmap_metrics.energy_inside(resized, border)),
            centre=MapMetric.of(heatmap_metrics.energy_inside(resized, centre)),
            localization=self._localization(method),
            logit_randomized=self._rank_correlation(self._logit_randomized, checked, method),
            weights_randomized=self._rank_correlation(self._weights_randomized, checked, method),
            milliseconds=milliseconds,
            converged=converged,
        )

    def _maps(self, images: npt.NDArray[Any], targets: Sequence[Label], method: ExplanationMethod) -> Maps:
        return self.explainer.maps(images, targets, [method])[method]

    def _timed_maps(self, method: ExplanationMethod) -> tuple[Maps, float, int | None]:
        """Return maps, milliseconds per radiograph without compilation, and for LOTS the number of radiographs that converged."""
        images, targets = self._explained.images, self._explained.targets
        self._maps(images[:1], targets[:1], method)
        started, converged = time.perf_counter(), None
        if method == "lots":
            maps, reached = self.explainer.lots.maps(images)
            converged = int(reached.sum())
        else:
            maps = self._maps(images, targets, method)
        return maps, 1000 * (time.perf_counter() - started) / len(images), converged

    def _rank_correlation(self, randomized: Sequence[Explainer], maps: Maps, method: ExplanationMethod) -> MapMetric:
        """Correlate the model's maps with those of weight-randomized models, for the classes that the model predicts."""
        images, targets = self._checked.images, self._checked.targets
        others = [explainer.maps(images, targets, [method])[method] for explainer in randomized]
        return MapMetric.of(np.concatenate([heatmap_metrics.rank_correlation(maps, other) for other in others]))

    def _localization(self, method: ExplanationMethod) -> dict[str, MapMetric]:
        known = self._lesions
        if known is None:
            return {}
        maps = resize_maps(self._maps(known.images, ["PNEUMONIA"] * len(known.images), method), *known.images.shape[1:3])
        values = {
            "pointing game": heatmap_metrics.pointing_game(maps, known.lesions),
            "energy in the lesion": heatmap_metrics.energy_inside(maps, known.lesions),
            "energy in the lungs": heatmap_metrics.energy_inside(maps, known.lungs),
            "IoU of the top 20 %": heatmap_metrics.iou_of_top(maps, known.lesions),
            "AUROC of the lesion": heatmap_metrics.auroc_inside(maps, known.lesions),
            "AUPRC of the lesion": heatmap_metrics.average_precision_inside(maps, known.lesions),
            "energy at the marker": heatmap_metrics.energy_inside(maps, known.markers),
        }
        return {name: MapMetric.of(metric) for name, metric in values.items()}


def randomize_weights(model: keras.Model, share: float, *, seed: int = 0) -> keras.Model:
    """Return a copy of a model in which the weights of the top layers are randomly permuted, for the randomization check.

    A method whose maps hardly change when the weights are randomized shows the radiograph, as an edge detector would, and not what
    the network has learned (Adebayo et al. 2018; `rank_correlation`, `fails_randomization_check`).

    Adebayo et al. draw new weights; here each array is permuted, which roughly preserves the scale of the activations. An array of
    equal values, as biases and normalizations are before training, stays as it is. Explain the copy for the classes that the
    original model predicts: its own predictions are meaningless.

    Args:
        share: of the layers with weights, counted from the logit downwards, in 0 < share <= 1; at least the logit's. The layers of
            a nested backbone count, and in an ensemble the share applies to each member.
        seed: of the permutations. With the same seed, a larger share permutes the same layers equally, and more of them.

    Raises:
        ValueError: the share is out of range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of layers to randomize must be above 0 and at most 1, not {share}")
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for number, member in enumerate(members(copy)):
        random = np.random.default_rng([seed, number])
        from_the_top = [layer for layer in reversed(flat_layers(member)) if layer.weights]
        for layer in from_the_top[: max(1, round(share * len(from_the_top)))]:
            layer.set_weights([random.permutation(weights.ravel()).reshape(weights.shape) for weights in layer.get_weights()])
    return copy
