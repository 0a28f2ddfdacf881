"""One model, and every method that explains it."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from pneumo import config
from pneumo.config import ExplanationMethod
from pneumo.explain.activations import Label, as_float32, explainable
from pneumo.explain.cam import Maps, class_activation_maps
from pneumo.explain.lots import Lots, perturbation_maps


class Explainer:
    """Asks a model where it looked: by its activations and gradients, or by what has to change until it sees nothing."""

    def __init__(self, model: keras.Model, lots: config.Lots, layer: str | None = None) -> None:
        """Open the model.

        Args:
            layer: whose activations are explained; none: the last convolutional one before pooling. LOTS uses none.

        Raises:
            UserError: there is no such layer, or no spatial one.
        """
        self.opened = explainable(model, layer)
        self._tolerance = lots.tolerance
        self._lots = Lots(model, tolerance=lots.tolerance, step_grey=lots.step_grey, steps=lots.steps)

    def layer_of(self, method: ExplanationMethod) -> str:
        """Name of the layer that a method explains."""
        return "input of logit" if method == "lots" else self.opened.layer

    def maps(
        self, images: npt.NDArray[Any], target: Label | Sequence[Label], methods: Iterable[ExplanationMethod]
    ) -> dict[ExplanationMethod, Maps]:
        """Where each image argues for a class, by each method; LOTS says what the network made anything of, for whatever class.

        Args:
            images: (N, H, W, 1), grey values in 0..255.
            target: the class of all images, or each image's own.

        Returns:
            (N, h, w) by method, each at its own resolution, not negative.
        """
        methods = list(methods)
        by_gradient = class_activation_maps(self.opened, images, target, [method for method in methods if method != "lots"])
        return {method: self.lots_maps(images)[0] if method == "lots" else by_gradient[method] for method in methods}

    def lots_maps(self, images: npt.NDArray[Any]) -> tuple[Maps, npt.NDArray[np.bool_]]:
        """What had to change until the network sees nothing, (N, H, W), and which images came that far, (N,)."""
        emptied = self._lots.synthesise(images, self._lots.zero_target())
        return perturbation_maps(as_float32(images), emptied.images), emptied.distances <= self._tolerance
