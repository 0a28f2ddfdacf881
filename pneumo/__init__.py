"""Pneumonia on chest radiographs: from a folder of radiographs to trained, explained and registered classifiers and a report."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pneumo.inference.predictor import Prediction, Predictor

__all__ = ["Prediction", "Predictor", "__version__"]

__version__ = "0.1.0"

# TensorFlow reads this when it is imported; by default it leaves oneDNN off on processors without AVX512-VNNI. Set here and not in
# the command line, so that worker processes compute in the same way.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def __getattr__(name: str) -> Any:
    """Import what the package offers when it is first used (PEP 562): commands that do not need it start without its libraries."""
    if name in {"Prediction", "Predictor"}:
        from pneumo.inference import predictor  # noqa: PLC0415

        return getattr(predictor, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
