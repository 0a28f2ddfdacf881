"""Identity, lock and state of a training run."""

import filelock
import pytest

from pneumo.config import CnnRecipe
from pneumo.errors import UserError
from pneumo.training.run import load_run
from pneumo.training.train import train

RECIPE = CnnRecipe(image_size_px=16)


def test_another_recipe_cohort_or_partition_is_another_run(config, console, write_radiograph):
    other_size = RECIPE.model_copy(update={"image_size_px": 18})
    other_protocol = config.model_copy(update={"protocol": config.protocol.model_copy(update={"seed": 3})})
    directories = {
        load_run(config, "tiny", RECIPE, console).directory,
        load_run(config, "tiny", other_size, console).directory,
        load_run(other_protocol, "tiny", RECIPE, console).directory,
    }
    assert load_run(config, "tiny", RECIPE, console).directory in directories
    write_radiograph(config.data / "train" / "NORMAL" / "IM-0099-0001.jpeg")
    directories.add(load_run(config, "tiny", RECIPE, console).directory)
    assert len(directories) == 4


def test_the_same_run_twice_at_once_is_refused(config, console):
    run = load_run(config, "tiny", RECIPE, console)
    run.directory.mkdir(parents=True)
    with filelock.FileLock(run.directory / "lock"), pytest.raises(UserError, match="Another process is training this run in"):
        train(run, console)


def test_a_registered_version_is_remembered_until_the_state_is_deleted(config, console):
    run = load_run(config, "tiny", RECIPE, console)
    assert run.registered_version() is None
    (run.directory / "state").mkdir(parents=True)
    run.mark_registered(7)
    assert load_run(config, "tiny", RECIPE, console).registered_version() == 7
    run.delete_state()
    assert run.registered_version() is None
    assert not list(run.directory.rglob("*"))
