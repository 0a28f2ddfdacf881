"""Settings of the review package."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from pneumo.config.basics import Seed, Settings


class Review(Settings):
    """A package of test radiographs for readers who do not know label, decision and score."""

    directory: Path = Path("reports/review")
    """Folder of the package, which can be sent to readers as it is; the key is written beside it, never into it."""
    contradictions: Annotated[int, Field(ge=1, le=499)] = 20
    """Largest number of radiographs whose label contradicts the decision, the most confident ones; as many controls are added."""
    side_px: Annotated[int, Field(ge=128, le=4096)] = 1024
    """Longest side of the images, in pixels; larger radiographs are reduced."""
    seed: Seed = 0
    """Random seed of the controls and of the order."""
