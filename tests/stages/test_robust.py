"""The stage `robust`: models of several seeds and their ensemble in the registry."""

import io

import numpy as np
import pytest
from rich.console import Console
from scipy.special import expit, logit

from pneumo.config import Config
from pneumo.registry import Registry
from pneumo.stages import train
from tests.killing import Killed, KillingConsole

pytestmark = pytest.mark.slow


def configuration(folder, **protocol):
    recipe = {"image_size_px": 32, "seeds": (3, 5), "network": {"filters": (4, 8), "blocks": 1}}
    return Config(
        cohort={"cache_dir": folder / "data", "phantom": {"patients": 60, "size_px": 64}},
        protocol=protocol,
        registry={"directory": folder / "models"},
        robust=recipe | {"fit": {"epochs": 2, "batch_size": 16, "precision": "float32"}},
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    config = configuration(tmp_path_factory.mktemp("robust"))
    console = Console(file=io.StringIO(), width=200)
    train.run(config, console, "robust")
    return Registry(config.registry), console.file.getvalue()


def test_each_seed_and_their_ensemble_are_registered(trained):
    registry, _ = trained
    entries = registry.entries()
    assert [entry.recipe for entry in entries] == ["robust-seed-3", "robust-seed-5", "robust-ensemble"]
    records = [registry.record(entry) for entry in entries]
    assert [record.seed for record in records] == [3, 5, None]
    assert [record.seed_group for record in records] == ["robust", "robust", None]
    assert records[2].members == (entries[0].version, entries[1].version)


def test_the_logit_of_the_ensemble_is_the_mean_of_its_members(trained):
    registry, _ = trained
    *members, ensemble = (registry.predictions(entry, "test")["y_score"].to_numpy() for entry in registry.entries())
    np.testing.assert_allclose(ensemble, expit(np.mean([logit(scores) for scores in members], axis=0)), atol=1e-6)


def test_the_threshold_comes_from_validation_and_shifted_validation_and_each_model_makes_one_test_access(trained):
    registry, output = trained
    for number, entry in enumerate(registry.entries(), start=1):
        record = registry.record(entry)
        shifted, validation = (registry.predictions(entry, part) for part in ("validation_shifted", "validation"))
        assert record.threshold == record.thresholds["calibration"]
        assert len(shifted) == 3 * len(validation)
        assert set(shifted["path"]) == set(validation["path"])
        assert record.test_accesses == number
        assert record.test_accesses_of_recipe == 1
    assert output.count("test accesses of this cohort: ") == 3


def test_a_stage_killed_while_registering_trains_and_tests_no_model_twice(tmp_path):
    config = configuration(tmp_path)
    with pytest.raises(Killed):
        train.run(config, KillingConsole("Registered"), "robust")
    console = Console(file=io.StringIO(), width=200)
    train.run(config, console, "robust")
    registry = Registry(config.registry)
    entries = registry.entries()
    assert [entry.recipe for entry in entries] == ["robust-seed-3", "robust-seed-5", "robust-ensemble"]
    assert len(registry.test_accesses(entries[0].data_fingerprint)) == 3
    assert "Epoch" not in console.file.getvalue()
    assert not list((tmp_path / "models" / "training").rglob("epoch-*"))


def test_models_that_an_interrupted_stage_registered_under_another_protocol_are_not_averaged(tmp_path):
    with pytest.raises(Killed):
        train.run(configuration(tmp_path), KillingConsole("Registered"), "robust")
    config = configuration(tmp_path, threshold_rule="youden")
    console = Console(file=io.StringIO(), width=200)
    train.run(config, console, "robust")
    entries = Registry(config.registry).entries()
    assert [entry.recipe for entry in entries] == ["robust-seed-3", "robust-seed-3", "robust-seed-5", "robust-ensemble"]
    assert {entry.protocol_fingerprint for entry in entries[1:]} == {config.protocol.fingerprint}
    assert Registry(config.registry).record(entries[3]).members == (2, 3)
    assert "Epoch" not in console.file.getvalue()
