import io

import filelock
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pneumo.config import Cnn, Config, Fit, Recipe
from pneumo.errors import UserError
from pneumo.evaluation.scores import evaluate
from pneumo.registry import Registry
from pneumo.training.dataset import load
from pneumo.training.precision import prepare
from pneumo.training.predict import class_weight, predict
from pneumo.training.register import describe_partition, register
from pneumo.training.train import train

RECIPE = Recipe(
    image_size_px=16,
    network=Cnn(filters=(4,), dense_units=4),
    fit=Fit(epochs=1, batch_size=4, class_weights="balanced", precision="float32"),
)


@pytest.fixture
def config(tmp_path, kermany_folder):
    return Config(
        data=kermany_folder,
        cohort={"cache_dir": tmp_path / "data", "validation_fraction": 0.3},
        registry={"directory": tmp_path / "models"},
    )


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


def test_balanced_weights_are_those_documented_for_the_official_train_split():
    weights = class_weight(np.repeat([0, 1], [1341, 3875]))
    assert weights == pytest.approx({0: 1.9448173005219984, 1: 0.6730322580645162})


def test_a_study_goes_from_radiographs_to_a_registered_model(config, console):
    study = load(config, "tiny", RECIPE, console)
    precision = prepare(RECIPE.fit)
    trained = train(study, console)
    registry = Registry(config.registry)
    entry = register(study, trained, precision, registry, console)
    record = registry.record(entry)
    assert not record.synthetic
    assert record.data_name == "chest_xray"
    assert record.partition == describe_partition(study)
    assert record.partition["test"]["NORMAL"] == {"images": 2, "patients": 2}
    test = registry.predictions(entry, "test")
    pd.testing.assert_frame_equal(test, predict(study, registry.load(entry), "test"))
    subtype = study.cohort.table.set_index("path").loc[test["path"], "subtype"]
    assert record.test == evaluate(test["y_true"], test["y_score"], subtype, record.threshold)
    assert record.threshold == record.thresholds[RECIPE.threshold_rule], "the threshold is not the one of the recipe's rule"
    assert record.settings == RECIPE.model_dump(mode="json")
    assert not (study.directory / "state").exists()
    assert "test, 6 radiographs" in console.file.getvalue()


def test_no_patient_of_one_part_is_in_another(config, console):
    study = load(config, "tiny", RECIPE, console)
    parts = study.cohort.table.groupby(study.parts)["patient"].agg(set)
    assert not parts["training"] & parts["validation"]
    assert not (parts["training"] | parts["validation"]) & parts["test"]


def test_another_recipe_cohort_or_partition_is_another_training(config, console):
    directories = {
        load(config, "tiny", RECIPE, console).directory,
        load(config, "tiny", RECIPE.model_copy(update={"image_size_px": 18}), console).directory,
        load(config.model_copy(update={"cohort": config.cohort.model_copy(update={"seed": 3})}), "tiny", RECIPE, console).directory,
    }
    assert len(directories) == 3


def test_the_same_training_twice_at_once_is_refused(config, console):
    study = load(config, "tiny", RECIPE, console)

    study.directory.mkdir(parents=True)
    with filelock.FileLock(study.directory / "lock"), pytest.raises(UserError, match="Another process is training this very study"):
        train(study, console)
