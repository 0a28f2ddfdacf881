"""The recipe of several seeds, and what it leaves in the registry."""

import io

import numpy as np
import pytest
from rich.console import Console
from scipy.special import expit, logit

from pneumo.config import Config
from pneumo.registry import Registry
from pneumo.stages import robust
from tests.killing import Killed, KillingConsole

pytestmark = pytest.mark.slow


def configured(folder):
    recipe = {"image_size_px": 32, "seeds": (3, 5), "network": {"filters": (4, 8), "blocks": 1}}
    return Config(
        cohort={"cache_dir": folder / "data", "phantom": {"patients": 60, "size_px": 64}},
        registry={"directory": folder / "models"},
        robust=recipe | {"fit": {"epochs": 2, "batch_size": 16, "precision": "float32"}},
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    config = configured(tmp_path_factory.mktemp("robust"))
    console = Console(file=io.StringIO(), width=200)
    robust.run(config, console)
    return Registry(config.registry), console.file.getvalue()


def test_each_seed_and_their_ensemble_are_registered(trained):
    registry, _ = trained
    entries = registry.entries()
    assert [entry.recipe for entry in entries] == ["robust-seed-3", "robust-seed-5", "robust-ensemble"]
    records = [registry.record(entry) for entry in entries]
    assert [record.seed for record in records] == [3, 5, None]
    assert [record.family for record in records] == ["robust", "robust", None]
    assert records[2].members == (entries[0].version, entries[1].version)


def test_the_ensemble_says_the_mean_of_its_members_logits(trained):
    registry, _ = trained
    *members, whole = (registry.predictions(entry, "test")["y_score"].to_numpy() for entry in registry.entries())
    np.testing.assert_allclose(whole, expit(np.mean([logit(scores) for scores in members], axis=0)), atol=1e-6)


def test_the_threshold_comes_from_validation_under_other_acquisition_and_before_test_is_opened(trained):
    registry, output = trained
    for number, entry in enumerate(registry.entries(), start=1):
        record = registry.record(entry)
        acquisition, validation = (registry.predictions(entry, part) for part in ("validation_shifted", "validation"))
        assert record.threshold == record.thresholds["validation_shifted"]
        assert len(acquisition) == 3 * len(validation)
        assert set(acquisition["path"]) == set(validation["path"])
        assert record.test_accesses == number
        assert record.test_accesses_of_recipe == 1
    assert output.count("test split was opened") == 3


def test_killed_while_registering_nothing_is_trained_or_tested_twice(tmp_path):
    config = configured(tmp_path)
    with pytest.raises(Killed):
        robust.run(config, KillingConsole("Registered"))
    console = Console(file=io.StringIO(), width=200)
    robust.run(config, console)
    registry = Registry(config.registry)
    entries = registry.entries()
    assert [entry.recipe for entry in entries] == ["robust-seed-3", "robust-seed-5", "robust-ensemble"]
    assert len(registry.test_accesses(entries[0].data_fingerprint)) == 3
    assert "Epoch" not in console.file.getvalue()
    assert not list((tmp_path / "models" / "training").rglob("epoch-*"))
