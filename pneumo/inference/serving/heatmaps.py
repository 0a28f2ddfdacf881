"""Heatmaps on demand, of radiographs that are kept in memory for some minutes."""

import asyncio
import io
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from pneumo import config
from pneumo.config import EXPLANATION_METHODS, ExplanationMethod, Resize
from pneumo.figures.heatmap import Map, colours, scale_to_maximum
from pneumo.inference.network import KerasNetwork
from pneumo.inference.predictor import Predictor

if TYPE_CHECKING:
    from pneumo.explain.activations import Label

KEPT_SECONDS = 600.0
KEPT_BYTES = 64 * 2**20
"""Of all kept radiographs; the oldest make room."""
LONGEST_SIDE_PX = 512
"""Of a heatmap: it has no detail that a larger one would show."""


class Kept(NamedTuple):
    """A radiograph for which a page may still ask."""

    picture: bytes | None
    picture_size: tuple[int, int]
    pixels: npt.NDArray[np.uint8] | None
    """As the network takes it, (S, S); None where it was refused."""
    explained: "Label | None"
    """Class that heatmaps explain; None where it was refused."""

    @property
    def bytes(self) -> int:
        """That it takes."""
        return len(self.picture or b"") + (0 if self.pixels is None else self.pixels.nbytes)


class KeptRadiographs:
    """Radiographs by a random token, in memory alone and for KEPT_SECONDS."""

    def __init__(self) -> None:
        self._by_token: dict[str, Kept] = {}

    def keep(self, radiograph: Kept) -> str:
        """Keep a radiograph and return its token."""
        while self._by_token and radiograph.bytes + sum(kept.bytes for kept in self._by_token.values()) > KEPT_BYTES:
            del self._by_token[next(iter(self._by_token))]
        token = secrets.token_urlsafe(24)
        self._by_token[token] = radiograph
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._by_token.pop, token, None)
        return token

    def get(self, token: str) -> Kept | None:
        """Return the radiograph of a token; None where it is no longer kept."""
        return self._by_token.get(token)


class Heatmap(NamedTuple):
    """A heatmap to be laid over its radiograph's picture."""

    png: bytes
    """Its opacity is in proportion to the map."""
    empty: bool
    """Whether nothing in the radiograph is evidence of the class."""


def methods(predictor: Predictor) -> tuple[ExplanationMethod, ...]:
    """Return the explanation methods for a model: none where it is not of Keras."""
    return EXPLANATION_METHODS if isinstance(predictor.network, KerasNetwork) else ()


def heatmap_drawer(predictor: Predictor, lots: config.Lots) -> Callable[[tuple[Kept, ExplanationMethod]], Heatmap]:
    """Return the function that draws a heatmap of a kept radiograph that was not refused, by one method."""
    from pneumo.explain.explainer import Explainer  # noqa: PLC0415 - TensorFlow, which is not there where only ONNX bundles are run

    assert isinstance(predictor.network, KerasNetwork)  # noqa: S101 - for the type checker: others have no methods
    explainer, resize = Explainer(predictor.network.model, lots), predictor.specification.resize

    def draw(wanted: tuple[Kept, ExplanationMethod]) -> Heatmap:
        kept, method = wanted
        assert kept.pixels is not None  # noqa: S101 - for the type checker
        assert kept.explained is not None  # noqa: S101
        maps = explainer.maps(kept.pixels[None, ..., None], kept.explained, [method])[method]
        return _coloured(scale_to_maximum(_over_picture(maps, kept.picture_size, resize)))

    return draw


def _over_picture(maps: Map, picture_size: tuple[int, int], resize: Resize) -> Map:
    """Resize a map (1, h, w) of what the network saw to the aspect ratio of the radiograph, (H, W)."""
    from pneumo.explain.cam import resize_maps  # noqa: PLC0415 - TensorFlow

    width, height = (max(1, round(side * LONGEST_SIDE_PX / max(picture_size))) for side in picture_size)
    if resize == "squash":
        return resize_maps(maps, height, width)[0]
    top, left = (LONGEST_SIDE_PX - height) // 2, (LONGEST_SIDE_PX - width) // 2
    return resize_maps(maps, LONGEST_SIDE_PX, LONGEST_SIDE_PX)[0][top : top + height, left : left + width]


def _coloured(values: Map) -> Heatmap:
    opacity = (values * 255).round().astype(np.uint8)
    png = io.BytesIO()
    Image.fromarray(np.dstack([colours(values), opacity])).save(png, "PNG", compress_level=1)
    return Heatmap(png.getvalue(), not values.any())
