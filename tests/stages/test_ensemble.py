"""The command `ensemble`: the mean of models of several recipes, registered as one."""

import io

import numpy as np
import pytest
from rich.console import Console
from scipy.special import expit, logit

from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.registry import Registry
from pneumo.stages import ensemble, train

pytestmark = pytest.mark.slow
QUIET = Console(file=io.StringIO(), width=200)


def configuration(folder, **protocol):
    fit = {"epochs": 2, "batch_size": 16, "precision": "float32"}
    return Config(
        cohort={"cache_dir": folder / "data", "phantom": {"patients": 60, "size_px": 64}},
        protocol=protocol,
        registry={"directory": folder / "models"},
        baseline={"image_size_px": 48, "network": {"filters": (4, 8)}, "fit": fit},
        weighted={"image_size_px": 48, "resize": "pad", "network": {"filters": (4, 8)}, "fit": fit},
        robust={"image_size_px": 32, "seeds": (3,), "network": {"filters": (4, 8), "blocks": 1}, "fit": fit},
    )


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    config = configuration(tmp_path_factory.mktemp("ensemble"))
    for recipe in ("baseline", "weighted", "robust"):
        train.run(config, QUIET, recipe)
    return config


@pytest.fixture(scope="module")
def entry(config):
    ensemble.run(config, QUIET, ["baseline", "robust-seed-3"])
    return Registry(config.registry).entries()[-1]


def test_the_ensemble_has_its_own_threshold_and_remembers_its_members(config, entry):
    registry = Registry(config.registry)
    record, members = registry.record(entry), [registry.get(name) for name in ("baseline", "robust-seed-3")]
    assert record.recipe == "ensemble"
    assert record.members == tuple(member.version for member in members)
    assert set(record.settings["members"]) == {"baseline v1", "robust-seed-3 v3"}
    assert record.settings["members"]["baseline v1"] == registry.record(members[0]).settings
    assert record.threshold not in {registry.record(member).threshold for member in members}
    assert record.seed is None
    assert record.training_seconds == sum(registry.record(member).training_seconds for member in members)


def test_its_logit_is_the_mean_of_its_members(config, entry):
    registry = Registry(config.registry)
    whole, *members = (
        registry.predictions(registry.get(str(version)), "test")["y_score"].to_numpy()
        for version in (entry.version, *registry.record(entry).members)
    )
    expected = expit(np.mean([logit(scores) for scores in members], axis=0))
    # The smaller member sees the images resized from 48 px, not from the radiographs.
    np.testing.assert_allclose(whole, expected, atol=0.02)


def test_one_test_access_is_logged_for_it(config, entry):
    record = Registry(config.registry).record(entry)
    assert record.test_accesses_of_recipe == 1


@pytest.mark.parametrize(
    ("references", "protocol", "message"),
    [
        (["baseline"], {}, "an ensemble needs two models or more, each given once"),
        (["baseline", "1"], {}, "an ensemble needs two models or more, each given once"),
        (["baseline", "weighted"], {}, "weighted v2 resizes radiographs by `pad` and baseline v1 by `squash`"),
        (["baseline", "robust-seed-3"], {"seed": 7}, "baseline v1 was validated by another protocol"),
    ],
)
def test_models_that_cannot_be_averaged_are_refused(config, references, protocol, message):
    other = configuration(config.registry.directory.parent, **protocol)
    before = len(Registry(config.registry).entries())
    with pytest.raises(UserError, match=message):
        ensemble.run(other, QUIET, references)
    assert len(Registry(config.registry).entries()) == before
