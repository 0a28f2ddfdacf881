"""Blackout controls without the models."""

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.heatmap_metrics import MapMetric
from pneumo.results.blackout import DEFINITION, Condition, LungEnergy, ModelBlackout
from tests.tiny_experiments import provenance_fields

FINGERPRINT, MODEL_SHA256 = "f1" * 32, "a5" * 32


def blackout(version: int, *, auroc: float = 0.98, without_lungs: tuple[float, float] = (0.81, 0.86)) -> ModelBlackout:
    """Controls of model 1 or 2 of the report's inputs."""
    values = {
        ("nothing", None): auroc,
        ("lungs", "black"): without_lungs[0],
        ("lungs", "mean"): without_lungs[1],
        ("surroundings", "black"): 0.91,
        ("surroundings", "mean"): 0.93,
    }
    return ModelBlackout(
        **provenance_fields(FINGERPRINT),
        version=version,
        recipe={1: "baseline", 2: "weighted $x^$"}[version],
        model_sha256=MODEL_SHA256,
        settings={},
        definition=DEFINITION,
        lungs_version=1,
        checked=90,
        accepted=70,
        images=60,
        patients=55,
        margin=0.03,
        conditions=tuple(
            Condition(removed=removed, fill=fill, auroc=around(value), shifted=around(value - 0.01))
            for (removed, fill), value in values.items()
        ),
        lung_area=around(0.37),
        method="grad-cam",
        layer="conv_3",
        energy={
            "NORMAL": LungEnergy(energy=metric(0.413, 25), area=metric(0.262, 25)),
            "PNEUMONIA": LungEnergy(energy=metric(0.517, 35), area=metric(0.251, 35)),
        },
    )


def around(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.015, high=value + 0.015)


def metric(mean: float, images: int) -> MapMetric:
    return MapMetric(mean=mean, images=images, undefined=0)
