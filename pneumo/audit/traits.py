"""How a radiograph was taken and saved, as far as its file and its pixels tell: what a network could read in place of the disease.

Pixels are looked at as networks are shown them, squashed to a square. On it the frame (where shutters and air are seen), the strips
at both sides (where the side marker lies) and the middle are measured apart, so that a marker does not speak as contrast.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin
from scipy.ndimage import gaussian_filter, grey_opening

from pneumo.radiographs.raster import grey, open_radiograph

SIDE_PX = 224
THUMBNAIL_PX = 64
_FRAME_PX = round(0.04 * SIDE_PX)
_STRIP_PX = round(0.18 * SIDE_PX)
_MARGIN_PX = round(0.15 * SIDE_PX)
_INSIDE = np.s_[_FRAME_PX:-_FRAME_PX, _FRAME_PX:-_FRAME_PX]
_MIDDLE = np.s_[_MARGIN_PX:-_MARGIN_PX, _MARGIN_PX:-_MARGIN_PX]
# A side marker's letter is smaller than this, ribs and clavicles are longer; and its strokes fill about this share of the strips.
_LETTER_PX = round(0.09 * SIDE_PX)
_LETTER_SHARE = 0.001
_COLOUR_MODES = frozenset({"RGB", "RGBA", "CMYK", "YCbCr", "P", "PA"})

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Trait:
    """A trait, in words."""

    title: str
    more: str
    """What is said of radiographs with higher values than others: "PNEUMONIA radiographs …"."""
    less: str
    saved: bool = False
    """Decided by how the radiograph was framed and saved, which no disease changes."""
    note: str = ""
    """A sentence on what it is, where the title does not say."""


# Of two that say the same, such as shape and width where all radiographs are of one height, the first is named.
TRAITS = {
    "aspect_ratio": Trait("aspect ratio", "are wider for their height", "are narrower for their height", saved=True),
    "width": Trait("width", "are wider", "are less wide", saved=True),
    "height": Trait("height", "are higher", "are less high", saved=True),
    "squeeze": Trait(
        "stretch of the anatomy",
        "show the anatomy squeezed more from left to right",
        "show the anatomy squeezed less from left to right",
        note="It is what a radiograph that was made square keeps of its aspect ratio.",
    ),
    "quantisation": Trait("JPEG quantisation", "are compressed more strongly", "are compressed less strongly", saved=True),
    "bytes_per_pixel": Trait("bytes per pixel", "take more bytes a pixel", "take fewer bytes a pixel"),
    "colour": Trait("colour mode", "are stored in colour more often", "are stored in colour less often", saved=True),
    "border": Trait("border brightness", "have brighter borders", "have darker borders"),
    "marker": Trait("marker brightness", "have brighter side markers", "have darker side markers"),
    "mean": Trait("mean grey value", "are brighter in the middle", "are darker in the middle"),
    "contrast": Trait("contrast", "have more contrast", "have less contrast"),
    "sharpness": Trait("sharpness", "are sharper", "are less sharp"),
}
OF_THE_FILE = ("aspect_ratio", "width", "height", "quantisation", "bytes_per_pixel", "colour")
"""Those that a resized copy does not keep."""


def file_traits(file: Path) -> dict[str, float]:
    """Measure what a radiograph's file tells without being decoded, by the names of OF_THE_FILE; nan where it does not tell.

    Raises:
        UnreadableError: no readable picture.
    """
    with open_radiograph(file) as radiograph:
        return _of_the_file(radiograph, file)


def radiograph_traits(file: Path) -> tuple[dict[str, float], Pixels]:
    """Measure a radiograph: all TRAITS by name, nan where it has none; and its thumbnail, (64, 64).

    Raises:
        UnreadableError: no readable picture.
    """
    with open_radiograph(file) as radiograph:
        traits = _of_the_file(radiograph, file)
        square = grey(radiograph, at_least=(SIDE_PX, SIDE_PX)).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, reducing_gap=3)
    thumbnail = square.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.BOX)
    return traits | pixel_traits(np.asarray(square)), np.asarray(thumbnail)


def pixel_traits(square: Pixels) -> dict[str, float]:
    """Measure what is to be seen on a radiograph of SIDE_PX by SIDE_PX."""
    radiograph = square.astype(np.float32)
    # Curvature of the grey values across the radiograph and down it.
    across, down = gaussian_filter(radiograph, 1, order=(0, 2)), gaussian_filter(radiograph, 1, order=(2, 0))
    frame = np.ones(radiograph.shape, bool)
    frame[_INSIDE] = False
    return {
        "squeeze": float(np.log((np.abs(across[_INSIDE]).mean() + 1e-3) / (np.abs(down[_INSIDE]).mean() + 1e-3))),
        # The median: a marker that reaches into the frame does not count.
        "border": float(np.median(radiograph[frame])),
        "marker": _marker(radiograph),
        "mean": float(radiograph[_MIDDLE].mean()),
        "contrast": float(radiograph[_MIDDLE].std()),
        "sharpness": float((across + down)[_MIDDLE].var()),
    }


def _of_the_file(radiograph: Image.Image, file: Path) -> dict[str, float]:
    width, height = radiograph.size
    return {
        "aspect_ratio": width / height,
        "width": width,
        "height": height,
        "quantisation": _quantisation(radiograph),
        "bytes_per_pixel": file.stat().st_size / (width * height),
        "colour": float(radiograph.mode in _COLOUR_MODES),
    }


def _quantisation(radiograph: Image.Image) -> float:
    """Mean of a JPEG's quantisation table for brightness: 1 is the finest, 29 is quality 75; nan for other formats."""
    if not isinstance(radiograph, JpegImagePlugin.JpegImageFile) or 0 not in radiograph.quantization:
        return float("nan")
    return float(np.mean(radiograph.quantization[0]))


def _marker(radiograph: NDArray[np.float32]) -> float:
    """Grey value of the most prominent small mark in the strips at both sides.

    What a radiograph loses by opening is smaller than a letter. Where it loses most, its own grey value is read.
    """
    # Apart: side by side, what meets at their seam would look like a mark.
    strips = [radiograph[:, :_STRIP_PX], radiograph[:, -_STRIP_PX:]]
    prominence = np.stack([strip - grey_opening(strip, size=(_LETTER_PX, _LETTER_PX)) for strip in strips]).ravel()
    count = round(_LETTER_SHARE * prominence.size)
    return float(np.stack(strips).ravel()[np.argpartition(prominence, -count)[-count:]].mean())
