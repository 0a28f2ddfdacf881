"""Plain checks of an image before a network sees it: a colour photograph, a blank image, or one that is mostly black or white.

The figures are of 6,102 radiographs: the published cohort resized, some of its originals, and a part of NIH's.
"""

import numpy as np
import numpy.typing as npt

from pneumo.radiographs.radiograph import Radiograph

MOST_COLOUR = 12.0
"""Grey levels between the largest and the smallest channel, on average. Grey content stored as RGB has 0 in all radiographs; the
margin is for tinted scans, coloured labels and the chroma noise of JPEG. A saturated colour on a tenth of the image gives 25."""
LEAST_CONTRAST = 8.0
"""Standard deviation in grey levels: the least of a radiograph is 19.9, and after contrast is halved it still is 10."""
MOST_SATURATED = 0.8
"""Share of black or white pixels: at most 0.34 in radiographs. The margin is for wide black borders, of collimation or of padding
to a square; a page of text has more."""
_NEARLY = 4
"""Grey levels from 0 or 255 that count as black or white: JPEG scatters both."""
_WHITE = 255


def unusable(radiograph: Radiograph, grey: npt.NDArray[np.uint8]) -> str | None:
    """Return in a few words why an image cannot be a radiograph that a model may score, None where nothing is found.

    Args:
        radiograph: the opened file, whose stored colours are looked at.
        grey: (H, W), its grey values at any size.

    Raises:
        UnreadableError: damaged.
    """
    if radiograph.colourfulness() > MOST_COLOUR:
        return "a colour photograph"
    if grey.std() < LEAST_CONTRAST:
        return "blank: hardly any contrast"
    if np.mean((grey <= _NEARLY) | (grey >= _WHITE - _NEARLY)) > MOST_SATURATED:
        return "saturated: most pixels are black or white"
    return None
