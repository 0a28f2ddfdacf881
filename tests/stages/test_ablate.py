"""The stage `ablate` by leave-one-out; that of plain networks is in test_crossval.py."""

import io

import pytest
from rich.console import Console

from pneumo.cohort.index import index
from pneumo.config import Config
from pneumo.registry import Registry
from pneumo.results.experiment import Ablation
from pneumo.stages import ablate
from pneumo.training import variants
from tests.killing import Killed, KillingConsole
from tests.stages.project import experiment_predictions

pytestmark = pytest.mark.slow


@pytest.fixture
def config(tmp_path, monkeypatch):
    # One component of the augmentation stands for all five, which take minutes.
    monkeypatch.setattr(variants, "AUGMENTATION_COMPONENTS", {"aspect ratio": {"aspect_log_range": 0}})
    recipe = {"image_size_px": 64, "network": {"filters": (4, 8), "blocks": 1}, "fit": {"epochs": 1, "precision": "float32"}}
    return Config(
        cohort={"cache_dir": tmp_path / "data", "phantom": {"patients": 60, "size_px": 64}},
        registry={"directory": tmp_path / "models"},
        robust=recipe,
        ablate={"design": "leave-one-out"},
    )


def test_test_is_accessed_once_for_each_variant_after_all_are_trained(config):
    # Killed when all but one variant are trained: resumed below, and nothing was tested.
    with pytest.raises(Killed):
        ablate.run(config, KillingConsole("3 of 4, ablate-label-smoothing: accuracy"))
    registry, cohort = Registry(config.registry), index(config.data, config.cohort)
    assert registry.test_accesses(cohort.fingerprint) == []
    console = Console(file=io.StringIO(), width=200)
    ablate.run(config, console)
    names = ["none", "aspect ratio", "label smoothing", "residual network"]
    accesses = registry.test_accesses(cohort.fingerprint)
    assert [access.recipe for access in accesses] == [f"ablate-{name.replace(' ', '-')}" for name in names]
    (result,) = registry.newest_experiments(Ablation, cohort.fingerprint)
    assert result.design == "leave-one-out"
    assert result.protocol_fingerprint == config.protocol.fingerprint
    assert [variant.name for variant in result.variants] == names
    predictions = experiment_predictions(config.registry.directory, Ablation, cohort.fingerprint)
    assert set(predictions["part"]) == {"validation", "validation_shifted", "test"}
    for variant in result.variants:
        for part in ("validation", "validation_shifted", "test"):
            rows = (predictions["variant"] == variant.name) & (predictions["part"] == part)
            assert getattr(variant, part).images == rows.sum()
    assert not list(config.registry.directory.rglob("state"))
    assert console.file.getvalue().count("finished before") == 3
    # The line of the last training comes before the scores on test.
    assert console.file.getvalue().index("4 of 4") < console.file.getvalue().index("test accuracy")
