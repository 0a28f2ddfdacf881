import io
import itertools
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from rich.console import Console

from pneumo.config import Augmentation, Cnn, Fit
from pneumo.errors import UserError
from pneumo.nets import cnn
from pneumo.radiographs.batches import evaluation_batches, training_batches
from pneumo.training.fit import FitData, compile_model, fit
from pneumo.training.optimizer import scheduled_optimizer
from pneumo.training.precision import prepare

FIT = Fit(
    epochs=6,
    batch_size=16,
    optimizer="adam",
    precision="float32",
    early_stopping_patience=2,
    plateau_patience=1,
    deterministic=True,
)


def radiographs(count=64, side_px=16):
    """Noise with a brighter left half where positive: learned in a few steps, but not in the first."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 200, (count, side_px, side_px), dtype=np.uint8)
    y_true = np.arange(count) % 2
    pixels[y_true == 1, :, : side_px // 2] += 30
    return pixels, y_true


def train(directory, settings=FIT, console=None):
    pixels, y_true = radiographs()
    rows = np.arange(48)
    prepare(settings)
    model = cnn.build(Cnn(filters=(4,), dense_units=8, dense_dropout=0.3), 16)
    compile_model(model, settings, scheduled_optimizer(settings, steps_per_epoch=3))
    data = FitData(
        training=lambda epochs: training_batches(
            pixels, rows, y_true[rows], augmentation=Augmentation(), batch_size=16, epochs=epochs, seed=settings.seed
        ),
        validation=evaluation_batches(pixels, np.arange(48, 64), y_true[48:], batch_size=16),
        training_images=48,
        class_weight={0: 1.0, 1: 1.5},
    )
    return fit(model, data, settings, directory, console or Console(file=io.StringIO()))


def weights(model):
    return [weight.numpy() for weight in model.weights if "seed" not in weight.path]


@pytest.mark.parametrize("momentum", [0, 0.5])
def test_a_killed_and_resumed_training_ends_with_the_same_bits_as_an_uninterrupted_one(tmp_path, momentum):
    settings = FIT.model_copy(update={"ema_momentum": momentum})
    uninterrupted = train(tmp_path / "uninterrupted", settings)
    killed = subprocess.Popen([sys.executable, "-c", KILLED_TRAINING, str(tmp_path / "killed"), str(momentum)])
    while not list(tmp_path.glob("killed/state/epoch-*[0-9]")):
        assert killed.poll() is None, "the training ended before it could be killed"
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    output = io.StringIO()
    resumed = train(tmp_path / "killed", settings, Console(file=output))
    assert "Resuming after epoch" in output.getvalue()
    assert resumed.history == uninterrupted.history
    for one, other in zip(weights(resumed.model), weights(uninterrupted.model), strict=True):
        np.testing.assert_array_equal(one, other)


KILLED_TRAINING = """
import sys, time
from pathlib import Path
import keras
from tests.training.test_fit import FIT, train
from pneumo.training.resume import TrainingState

# Slowed down after each epoch, so that the kill comes before the end.
finish = TrainingState.on_epoch_end
TrainingState.on_epoch_end = lambda self, *args: (finish(self, *args), time.sleep(2))
train(Path(sys.argv[1]), FIT.model_copy(update={"ema_momentum": float(sys.argv[2])}))
"""


def test_a_finished_training_is_not_trained_again(tmp_path):
    first, again = train(tmp_path), train(tmp_path)
    assert (again.history, again.seconds) == (first.history, first.seconds)
    for one, other in zip(weights(first.model), weights(again.model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_early_stopping_returns_the_best_epoch(tmp_path):
    settings = FIT.model_copy(update={"learning_rate": 0.3, "epochs": 12, "plateau_patience": None})
    fitted = train(tmp_path, settings)
    losses = fitted.history["val_loss"]
    assert len(losses) < 12, "the training was not stopped early"
    assert len(losses) - 1 - int(np.argmin(losses)) == settings.early_stopping_patience
    pixels, y_true = radiographs()
    compile_model(fitted.model, settings)
    loss = fitted.model.evaluate(evaluation_batches(pixels, np.arange(48, 64), y_true[48:], batch_size=16), verbose=0)[0]
    assert loss == pytest.approx(min(losses), abs=1e-6)


def test_the_learning_rate_falls_on_a_plateau_and_is_recorded(tmp_path):
    settings = FIT.model_copy(update={"learning_rate": 0.3, "early_stopping_patience": None})
    rates = train(tmp_path, settings).history["learning_rate"]
    assert rates[0] == pytest.approx(0.3)
    assert min(rates) <= 0.3 * settings.plateau_factor * 1.001
    for before, after in itertools.pairwise(rates):
        assert after == pytest.approx(before) or after == pytest.approx(before * settings.plateau_factor)


def test_the_rate_of_each_epochs_first_step_is_recorded(tmp_path):
    settings = Fit(epochs=6, batch_size=16, optimizer="adamw", schedule="cosine", warm_up_epochs=2, precision="float32")
    rates = train(tmp_path, settings).history["learning_rate"]
    schedule = scheduled_optimizer(settings, steps_per_epoch=3)._learning_rate
    assert rates == pytest.approx([float(schedule(3 * epoch)) for epoch in range(6)])


AVERAGED = FIT.model_copy(update={"ema_momentum": 0.5, "plateau_patience": None})


@pytest.mark.parametrize("patience", [None, 2])
def test_the_registered_weights_are_the_moving_average_that_was_validated(tmp_path, patience):
    settings = AVERAGED.model_copy(update={"early_stopping_patience": patience, "learning_rate": 0.01})
    for fitted in (train(tmp_path, settings), train(tmp_path, settings)):
        pixels, y_true = radiographs()
        compile_model(fitted.model, settings)
        loss = fitted.model.evaluate(evaluation_batches(pixels, np.arange(48, 64), y_true[48:], batch_size=16), verbose=0)[0]
        losses = fitted.history["val_loss"]
        assert loss == pytest.approx(losses[-1] if patience is None else min(losses), abs=1e-5)


def test_label_smoothing_keeps_probabilities_away_from_0_and_1(tmp_path):
    fast = Fit(epochs=6, batch_size=16, optimizer="adam", learning_rate=0.03, precision="float32")
    sharp, smooth = (
        train(tmp_path / str(smoothing), fast.model_copy(update={"label_smoothing": smoothing})).model for smoothing in (0, 0.5)
    )
    pixels, _ = radiographs()
    confidence = [float(np.abs(model.predict(pixels[..., None], verbose=0) - 0.5).mean()) for model in (sharp, smooth)]
    assert confidence[1] < confidence[0]


def test_a_loss_that_is_not_a_number_ends_the_training_with_one_line(tmp_path):
    settings = FIT.model_copy(update={"learning_rate": 1.0, "optimizer": "rmsprop"})
    pixels, y_true = radiographs()
    model = cnn.build(Cnn(filters=(4,), dense_units=8), 16)
    model.get_layer("logit").bias.assign([np.nan])
    compile_model(model, settings)
    batches = evaluation_batches(pixels, np.arange(64), y_true, batch_size=16)
    with pytest.raises(UserError, match=r"is not a number in epoch 1 .* nothing was registered; lower `fit.learning_rate`"):
        fit(model, FitData(lambda _: batches, batches, 64, None), settings, tmp_path, Console(file=io.StringIO()))
    assert not list(tmp_path.glob("state/epoch-*"))


def test_tensorboard_logs_are_written(tmp_path):
    train(tmp_path, FIT.model_copy(update={"epochs": 1}))
    assert list(tmp_path.glob("tensorboard/train/events.out.tfevents.*"))
