"""A predictor whose network is the mean of a radiograph's grey values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.evaluation.referral import Referral
from pneumo.inference.loading import Loaded
from pneumo.inference.network import Outputs
from pneumo.inference.predictor import Predictor
from pneumo.inference.specification import Specification

SIZE_PX = 16


def mean_network(pixels: NDArray[np.uint8]) -> Outputs:
    """Brighter radiographs are more likely to be PNEUMONIA."""
    score = pixels.mean(axis=(1, 2)) / 255
    return Outputs(score, pixels.reshape(len(pixels), -1).astype(np.float32), np.abs(score - 0.5))


def specification(**changes: Any) -> Specification:
    fields = {
        "recipe": "tiny",
        "version": 3,
        "model_sha256": "a" * 64,
        "cohort": "noise",
        "synthetic": False,
        "image_size_px": SIZE_PX,
        "resize": "squash",
        "preprocessing": "none",
        "class_names": ("NORMAL", "PNEUMONIA"),
        "threshold": 0.6,
        "temperature": 2.0,
        "referral": Referral(criterion="margin", cutoff=0.0, most_errors=0.02, risk_area={"margin": 0.1}),
    }
    return Specification(**fields | changes)


def tiny_predictor(detector: Any = None, key: bytes | None = None, **changes: Any) -> Predictor:
    return Predictor(Loaded(mean_network, specification(**changes), detector), key=key)
