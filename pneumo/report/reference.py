"""Published results to compare with."""

from importlib import resources
from typing import Any

import yaml

OFFICIAL_TEST_IMAGES = 624
"""Radiographs of the official test split, which the reference systems are scored on."""


def reference_systems() -> list[dict[str, Any]]:
    """Return published results on the official test split."""
    systems: list[dict[str, Any]] = _load("reference_systems.yaml")
    return systems


def reference_heatmaps() -> dict[str, dict[str, float]]:
    """Return published measures of the explanation methods, in the order of the methods."""
    measures: dict[str, dict[str, float]] = _load("reference_heatmaps.yaml")
    return measures


def _load(name: str) -> Any:
    return yaml.safe_load(resources.files(__package__).joinpath(name).read_bytes())
