"""Heatmaps of predicted radiographs: the maps over the radiograph as it is shown, and pictures of them as PNG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from pneumo import config
from pneumo.errors import UserError
from pneumo.explain.activations import Label
from pneumo.explain.cam import resize_maps
from pneumo.explain.explainer import Explainer
from pneumo.figures.side_by_side import Row, draw
from pneumo.files import printable, write_atomically, writing
from pneumo.inference.network import KerasNetwork
from pneumo.inference.predictor import Prediction, Predictor
from pneumo.inference.prepare import Prepared
from pneumo.inference.sources import RadiographSource
from pneumo.inference.specification import TRAINED_ON_PHANTOMS
from pneumo.radiographs.decode import decode_opened, decode_opened_at_height
from pneumo.radiographs.radiograph import open_content

PICTURE_HEIGHT_PX = 320
_NAME_LENGTH = 40


class Explained(NamedTuple):
    """Heatmaps of one radiograph."""

    radiograph: npt.NDArray[np.uint8]
    """(H, W), as it is shown."""
    label: Label
    """Class that the maps explain."""
    maps: dict[config.ExplanationMethod, npt.NDArray[np.floating]]
    """(H, W) by method, not negative."""


class Heatmaps:
    """Heatmaps of a predictor's decisions."""

    def __init__(self, predictor: Predictor, lots: config.Lots) -> None:
        """Prepare the explanation methods.

        Raises:
            UserError: the model is not a Keras one, of which gradients are known.
        """
        if not isinstance(predictor.network, KerasNetwork):
            raise UserError("heatmaps need a registered model, or a bundle in the format keras")
        self._specification = predictor.specification
        self._explainer = Explainer(predictor.network.model, lots)

    def explain(
        self,
        content: bytes,
        prepared: Prepared,
        prediction: Prediction,
        methods: Sequence[config.ExplanationMethod],
        *,
        target: Literal["predicted"] | Label = "predicted",
        height_px: int = PICTURE_HEIGHT_PX,
    ) -> Explained:
        """Explain one prediction.

        Args:
            content: of the radiograph's file.
            prepared: the same radiograph, decoded for the model.
            prediction: what the model said of it.
            methods: explanation methods.
            target: class that is explained; "predicted": the one that the probability is on the side of.
            height_px: of the radiograph as it is shown.

        Raises:
            ValueError: the radiograph was refused before the model saw it.
        """
        if prepared.pixels is None or prediction.probability is None:
            raise ValueError("a radiograph that the network did not see cannot be explained")
        side: Label = "PNEUMONIA" if prediction.probability >= prediction.threshold else "NORMAL"
        label = side if target == "predicted" else target
        maps = self._explainer.maps(prepared.pixels[None, ..., None], label, methods)
        radiograph, resize = open_content(content), self._specification.resize
        # Where it was squashed, its aspect ratio is restored, and the maps are stretched with it.
        squashed = resize == "squash"
        shown = decode_opened_at_height(radiograph, height_px) if squashed else decode_opened(radiograph, height_px, resize)
        return Explained(shown, label, {method: resize_maps(values, *shown.shape)[0] for method, values in maps.items()})


def write_picture(folder: Path, setting: str, predictor: Predictor, prediction: Prediction, explained: Explained) -> Path:
    """Draw a radiograph and its heatmaps side by side, and return the file, named after the radiograph, its hash and the model.

    Args:
        folder: for the file.
        setting: that chooses the folder, for the message if it cannot be written.
    """
    model = predictor.specification
    name = Path(prediction.path).name
    readable = "".join(character if character.isascii() and character.isalnum() else "-" for character in Path(name).stem)
    picture = folder / f"{readable[:_NAME_LENGTH]}-{prediction.sha256[:12]}-v{model.version}.png"
    decision = f"{prediction.decision}, probability {prediction.probability:.3f}, threshold {prediction.threshold:.3f}"
    title = f"{name}\n{decision}\n{model.name}, maps of {explained.label}"
    maps = {str(method): values for method, values in explained.maps.items()}
    with writing(picture, setting):
        write_atomically(picture, draw([Row(explained.radiograph, title, maps)], TRAINED_ON_PHANTOMS if model.synthetic else None))
    return picture


class PictureWriter:
    """Draws predicted radiographs with their heatmaps as PNG files in a folder."""

    def __init__(self, folder: Path, predictor: Predictor, heatmaps: Heatmaps, method: config.ExplanationMethod) -> None:
        self._folder, self._predictor = folder, predictor
        self._heatmaps, self._method = heatmaps, method
        self.written = 0
        """Radiographs that were drawn."""

    def write(self, source: RadiographSource, prepared: Prepared, prediction: Prediction) -> None:
        """Draw a radiograph that the network saw.

        Raises:
            UserError: the file cannot be written.
        """
        explained = self._heatmaps.explain(source.read(), prepared, prediction, [self._method])
        write_picture(self._folder, "--heatmaps", self._predictor, prediction, explained)
        self.written += 1

    def summary(self, predicted: int) -> str:
        """Say in one line how many of all predicted radiographs were drawn."""
        if not self.written:
            return "No heatmaps: the network saw no radiograph"
        others = f" of {predicted}" if self.written < predicted else ""
        return f"Heatmaps of {self.written}{others} radiograph{'s' if predicted > 1 else ''} in {printable(self._folder)}"


def in_words(prediction: Prediction) -> str:
    """Decision and probability of a radiograph that the network saw, and why it is referred or refused."""
    probability = f"probability of PNEUMONIA {prediction.probability:.3f}, threshold {prediction.threshold:.3f}"
    return f"{prediction.decision}{f' ({prediction.reason})' if prediction.reason else ''}, {probability}"
