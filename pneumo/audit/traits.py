"""Acquisition traits of a radiograph, measured on its file and its pixels: what a network could learn instead of the disease.

Pixels are measured as networks see them, squashed to a square. The frame (collimation and air), the strips at both sides (side
marker) and the middle are measured separately, so that a marker does not count as contrast.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, grey_opening

from pneumo.radiographs.radiograph import Radiograph, open_radiograph

SIDE_PX = 224
THUMBNAIL_PX = 64
_FRAME_PX = round(0.04 * SIDE_PX)
_STRIP_PX = round(0.18 * SIDE_PX)
_MARGIN_PX = round(0.15 * SIDE_PX)
_INSIDE = np.s_[_FRAME_PX:-_FRAME_PX, _FRAME_PX:-_FRAME_PX]
_MIDDLE = np.s_[_MARGIN_PX:-_MARGIN_PX, _MARGIN_PX:-_MARGIN_PX]
# The letter of a side marker is smaller than this, ribs and clavicles are longer. Its strokes cover about this share of the strips.
_LETTER_PX = round(0.09 * SIDE_PX)
_LETTER_SHARE = 0.001
_COLOUR_MODES = frozenset({"RGB", "RGBA", "CMYK", "YCbCr", "P", "PA"})

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Trait:
    """Wording of a trait."""

    title: str
    more: str
    """Predicate for radiographs with higher values: "PNEUMONIA radiographs …"."""
    less: str
    technical: bool = False
    """Whether it follows from framing and storage alone, which the disease cannot change."""
    note: str = ""
    """A sentence that explains it, where the title does not."""


# Of two equivalent traits, such as aspect ratio and width where all heights are equal, the first counts as the cause.
TRAITS = {
    "aspect_ratio": Trait("aspect ratio", "are wider for their height", "are narrower for their height", technical=True),
    "width": Trait("width", "are wider", "are narrower", technical=True),
    "height": Trait("height", "are taller", "are shorter", technical=True),
    "stretch": Trait(
        "anatomical stretch",
        "show narrower anatomy for its height",
        "show wider anatomy for its height",
        note="It shows the original aspect ratio of a radiograph that was resized to a square.",
    ),
    "quantisation": Trait("JPEG quantisation", "are compressed more strongly", "are compressed less strongly", technical=True),
    "bytes_per_pixel": Trait("bytes per pixel", "take more bytes per pixel", "take fewer bytes per pixel"),
    "colour": Trait("colour mode", "are stored in colour more often", "are stored in colour less often", technical=True),
    "border": Trait("border brightness", "have brighter borders", "have darker borders"),
    "marker": Trait("marker brightness", "have brighter side markers", "have darker side markers"),
    "mean": Trait("mean grey value", "are brighter in the middle", "are darker in the middle"),
    "contrast": Trait("contrast", "have more contrast", "have less contrast"),
    "sharpness": Trait("sharpness", "are sharper", "are less sharp"),
}
FILE_TRAITS = ("aspect_ratio", "width", "height", "quantisation", "bytes_per_pixel", "colour")
"""Traits that are lost when a radiograph is resized and saved again."""


def radiograph_traits(file: Path) -> tuple[dict[str, float], Pixels]:
    """All TRAITS of a radiograph by name, nan where undefined; and its thumbnail, (64, 64) uint8. Raises UnreadableError."""
    with open_radiograph(file) as radiograph:
        traits = file_traits(radiograph, file)
        square = radiograph.grey(at_least=(SIDE_PX, SIDE_PX)).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, reducing_gap=3)
    thumbnail = square.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
    return traits | pixel_traits(np.asarray(square)), np.asarray(thumbnail)


def pixel_traits(square: Pixels) -> dict[str, float]:
    """Traits of an image of SIDE_PX by SIDE_PX, grey values in 0..255."""
    image = square.astype(np.float32)
    # Second derivatives of the grey values along rows and along columns.
    across, down = gaussian_filter(image, 1, order=(0, 2)), gaussian_filter(image, 1, order=(2, 0))
    frame = np.ones(image.shape, bool)
    frame[_INSIDE] = False
    return {
        "stretch": float(np.log((np.abs(across[_INSIDE]).mean() + 1e-3) / (np.abs(down[_INSIDE]).mean() + 1e-3))),
        # The median is robust against a marker that reaches into the frame.
        "border": float(np.median(image[frame])),
        "marker": _marker(image),
        "mean": float(image[_MIDDLE].mean()),
        "contrast": float(image[_MIDDLE].std()),
        "sharpness": float((across + down)[_MIDDLE].var()),
    }


def file_traits(radiograph: Radiograph, file: Path) -> dict[str, float]:
    """Traits of an opened radiograph that need no decoding, by the names of FILE_TRAITS; nan where undefined."""
    width, height = radiograph.size
    return {
        "aspect_ratio": width / height,
        "width": width,
        "height": height,
        "quantisation": _quantisation(radiograph),
        "bytes_per_pixel": file.stat().st_size / (width * height),
        "colour": float(radiograph.mode in _COLOUR_MODES),
    }


def _quantisation(radiograph: Radiograph) -> float:
    """Mean of a JPEG's luminance quantisation table: 1 is the finest, 29 is quality 75; nan for other formats."""
    return float("nan") if radiograph.jpeg_quantization is None else float(np.mean(radiograph.jpeg_quantization))


def _marker(image: NDArray[np.float32]) -> float:
    """Grey value of the most prominent small bright structure in the strips at both sides.

    A grey opening removes structures smaller than a letter: the mean grey value is taken where it removes most.
    """
    # Filtered separately: joined, the strips would have an artificial edge at their seam.
    strips = [image[:, :_STRIP_PX], image[:, -_STRIP_PX:]]
    prominence = np.stack([strip - grey_opening(strip, size=(_LETTER_PX, _LETTER_PX)) for strip in strips]).ravel()
    count = round(_LETTER_SHARE * prominence.size)
    return float(np.stack(strips).ravel()[np.argpartition(prominence, -count)[-count:]].mean())
