"""All explanation methods for one model."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy.typing as npt

from pneumo import config
from pneumo.config import ExplanationMethod
from pneumo.explain.activations import ActivationModel, Label
from pneumo.explain.cam import Maps, class_activation_maps
from pneumo.explain.lots import Lots


class Explainer:
    """Computes the maps of one model by CAM methods and by LOTS."""

    def __init__(self, model: keras.Model, lots: config.Lots, layer: str | None = None) -> None:
        """Prepare the model for CAM methods at one layer, found as by `ActivationModel`, and for LOTS.

        Raises:
            UserError: there is no such layer, or no convolutional layer.
        """
        self.activation_model = ActivationModel(model, layer)
        self.lots = Lots(model, tolerance=lots.tolerance, step_grey=lots.step_grey, steps=lots.steps)

    def layer_of(self, method: ExplanationMethod) -> str:
        """Return the name of the layer that a method explains."""
        return "input of logit" if method == "lots" else self.activation_model.layer

    def maps(
        self, images: npt.NDArray[Any], target: Label | Sequence[Label], methods: Iterable[ExplanationMethod]
    ) -> dict[ExplanationMethod, Maps]:
        """Return the maps of images by several methods; those of LOTS do not depend on the class.

        Args:
            images: (N, H, W, 1), grey values in 0..255.
            target: class that is explained, of all images or of each.

        Returns:
            (N, h, w) by method, each at its own resolution, not negative.
        """
        methods = list(methods)
        cams = class_activation_maps(self.activation_model, images, target, [method for method in methods if method != "lots"])
        return {method: self.lots.maps(images)[0] if method == "lots" else cams[method] for method in methods}
