"""Agreement of the heatmaps of different networks, as the stage `heatmaps` saves it for the report."""

from typing import Any

from pneumo.evaluation.heatmap_metrics import MapMetric
from pneumo.evaluation.scores import Result
from pneumo.results.provenance import Provenance

FILE = "heatmap-stability.json"
"""In the report's directory."""


class ComparedNetwork(Result):
    """A network whose heatmaps are compared."""

    name: str
    """Recipe and version."""
    model_sha256: str
    seed_group: str
    """The recipe without its seed: networks of one group differ in nothing else."""


class MethodStability(Result):
    """Agreement of one method's maps between pairs of networks, as rank correlation over pairs and radiographs."""

    method: str
    seeds: MapMetric
    """Between networks that differ only in their seed."""
    recipes: MapMetric
    """Between networks of different recipes."""


class HeatmapStability(Provenance):
    """Agreement of the heatmaps of all registered networks of a cohort on the same validation radiographs."""

    settings: dict[str, Any]
    """That the comparison depends on, as JSON values."""
    networks: tuple[ComparedNetwork, ...]
    """Without ensembles, whose maps are those of their members."""
    radiographs: int
    """Explained for the class PNEUMONIA."""
    methods: tuple[MethodStability, ...]
