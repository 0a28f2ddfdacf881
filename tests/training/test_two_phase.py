import io
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from pneumo.config import Augmentation, Backbone, Config, Fit, TransferRecipe
from pneumo.nets import backbone
from pneumo.registry import Registry
from pneumo.training.precision import prepare
from pneumo.training.predict import part_batches, predict, viral_scores
from pneumo.training.register import register
from pneumo.training.run import load_run
from pneumo.training.train import train

RECIPE = TransferRecipe(
    image_size_px=32,
    augmentation=Augmentation(rotation_degrees=5),
    network=Backbone(weights="none", head_units=(8,), unfrozen_fraction=0.05),
    fit=Fit(
        epochs=3,
        batch_size=8,
        optimizer="adam",
        learning_rate=1e-4,
        class_weights="balanced",
        early_stopping_patience=2,
        precision="float32",
        deterministic=True,
    ),
    fine_tuning_epochs=2,
    views=2,
)
# With everything that the transfer recipe adds.
SUBTYPES = RECIPE.model_copy(
    update={
        "targets": "subtypes",
        "backbone_rate_factor": 0.5,
        "fit": RECIPE.fit.model_copy(
            update={"optimizer": "adamw", "schedule": "cosine", "warm_up_epochs": 0.5, "label_smoothing": 0.1, "ema_momentum": 0.5}
        ),
    }
)


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory):
    """Noise; eight train patients of each class, with one radiograph each."""
    root = tmp_path_factory.mktemp("radiographs") / "chest_xray"
    random = np.random.default_rng(0)
    for split, numbers in (("train", range(8)), ("val", range(8, 9)), ("test", range(9, 11))):
        for number in numbers:
            subtype = "virus" if number % 2 else "bacteria"
            for label, name in (("NORMAL", f"IM-{number:04}-0001.jpeg"), ("PNEUMONIA", f"person{number}_{subtype}_{number}.jpeg")):
                file = root / split / label / name
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(random.integers(0, 256, (40, 40), dtype=np.uint8)).save(file)
    return root


def config(radiographs, root):
    cohort, protocol = {"cache_dir": root / "data"}, {"validation_fraction": 0.25}
    return Config(data=radiographs, cohort=cohort, protocol=protocol, registry={"directory": root / "models"})


def load_and_train(radiographs, root, console=None, recipe=RECIPE):
    """Train as the stage does."""
    prepare(recipe.fit)
    run = load_run(config(radiographs, root), "resnet50", recipe, Console(quiet=True))
    return run, train(run, console or Console(quiet=True))


def weights(model):
    return [weight.numpy() for weight in model.weights]


@pytest.fixture(scope="module")
def uninterrupted(radiographs, tmp_path_factory):
    root = tmp_path_factory.mktemp("uninterrupted")
    return root, *load_and_train(radiographs, root)


def test_only_unfrozen_layers_change_and_no_statistics(uninterrupted):
    _, _, trained = uninterrupted
    keras.utils.set_random_seed(RECIPE.fit.seed)
    untrained = backbone.build(RECIPE.network, RECIPE.image_size_px)
    backbone.unfreeze(untrained, RECIPE.network.unfrozen_fraction)
    pairs = zip(untrained.get_layer(backbone.BACKBONE).weights, trained.model.get_layer(backbone.BACKBONE).weights, strict=True)
    # Kernel and bias of each unfrozen convolution; batch normalization and all layers below are equal to the last bit.
    changed = [before.path for before, after in pairs if not np.array_equal(before.numpy(), after.numpy())]
    unfrozen = [weight.path for weight in untrained.get_layer(backbone.BACKBONE).trainable_weights]
    assert changed == unfrozen
    assert unfrozen == [f"conv5_block3_{number}_conv/{name}" for number in (2, 3) for name in ("kernel", "bias")]


def test_both_phases_are_recorded_and_the_history_is_theirs_one_after_another(uninterrupted, radiographs):
    root, run, trained = uninterrupted
    first, second = trained.phases
    assert (first.name, second.name) == ("head", "fine-tuning")
    assert (first.epochs, second.epochs) == (3, 2)
    assert (first.parameters, second.parameters) == (2048 * 8 + 8 + 8 + 1, trained.parameters)
    assert second.learning_rate == pytest.approx(first.learning_rate * RECIPE.fine_tuning_rate_factor)
    assert trained.history["val_loss"] == first.history["val_loss"] + second.history["val_loss"]
    assert trained.seconds == first.seconds + second.seconds
    registry = Registry(config(radiographs, root).registry)
    entry = register(run, trained, registry, Console(quiet=True))
    record = registry.record(entry)
    assert record.phases == trained.phases
    # A phase is evaluated at its own Youden threshold, the model at its locked threshold; all else is equal.
    last = record.phases[-1].validation
    assert last.model_copy(update={"locked": record.validation.locked}) == record.validation
    assert "preprocessed for ResNet50 inside the model" in record.preprocessing
    assert not list(run.directory.rglob("state"))
    reloaded = registry.load(entry)
    for one, other in zip(weights(reloaded), weights(trained.model), strict=True):
        np.testing.assert_array_equal(one, other)


KILLED_TRAINING = """
import sys, time
from pathlib import Path
from tests.training.test_two_phase import SUBTYPES, load_and_train
from pneumo.training.resume import TrainingState

# Slowed down after each epoch, so that the kill comes before the end.
finish = TrainingState.on_epoch_end
TrainingState.on_epoch_end = lambda self, *args: (finish(self, *args), time.sleep(2))
load_and_train(*map(Path, sys.argv[1:]), recipe=SUBTYPES)
"""


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["head", "fine-tuning"])
def test_a_training_killed_in_either_phase_ends_with_the_same_bits_as_an_uninterrupted_one(
    with_subtypes, radiographs, tmp_path, phase
):
    killed = subprocess.Popen([sys.executable, "-c", KILLED_TRAINING, str(radiographs), str(tmp_path)])
    while not list(tmp_path.glob(f"models/training/*/*/{phase}/state/epoch-*[0-9]")):
        assert killed.poll() is None, "the training ended before it could be killed"
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    # Random draws in between make no difference.
    keras.utils.set_random_seed(99)
    console = Console(file=io.StringIO())
    _, resumed = load_and_train(radiographs, tmp_path, console, SUBTYPES)
    assert "Resuming after epoch 1 of" in console.file.getvalue()
    expected = with_subtypes[1]
    assert resumed.history == expected.history
    for one, other in zip(weights(resumed.model), weights(expected.model), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def with_subtypes(radiographs, tmp_path_factory):
    return load_and_train(radiographs, tmp_path_factory.mktemp("subtypes"), recipe=SUBTYPES)


def test_a_network_trained_on_subtypes_has_the_probability_of_pneumonia_as_its_only_output(with_subtypes):
    run, trained = with_subtypes
    assert len(trained.model.outputs) == 1
    scores = predict(trained.model, run.dataset, "validation", 8)["y_score"]
    both = trained.subtype_model.predict(part_batches(run.dataset, "validation", 8), verbose=0)
    np.testing.assert_array_equal(both["probability"][:, 0].astype(float), scores)
    np.testing.assert_array_equal(
        both["viral"][:, 0].astype(float), viral_scores(trained.subtype_model, run.dataset, "validation", 8)
    )
    assert {"viral_loss", "accuracy", "val_auc"} <= set(trained.history)
