"""Saving the state of a training after every epoch, and resuming from it."""

import json
import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from pneumo.files import replace_folder

History = dict[str, list[float]]


class TrainingState(keras.callbacks.Callback):
    """Callback that saves the whole state of a training, one folder per epoch, moved into place by a rename.

    Keras' `BackupAndRestore` saves weights and optimizer, but neither the counters of early stopping and the plateau schedule nor
    the history; a training resumed by it ends with other weights than an uninterrupted one.
    """

    COUNTERS = ("wait", "best", "best_epoch", "cooldown_counter")

    def __init__(self, directory: Path, *, early_stopping: bool) -> None:
        super().__init__()
        self.directory = directory
        self.keep_best = early_stopping
        self.callbacks: Sequence[keras.callbacks.Callback] = ()
        self.history: History = {}
        self.epochs_done = 0
        self.seconds = 0.0
        self.stopped = False
        self._counters: list[dict[str, Any]] = []
        self._seed_states: list[list[int]] = []
        self._epoch_started = 0.0

    def exists(self) -> bool:
        """Read the newest complete state; False where there is none."""
        finished = sorted(self.directory.glob("epoch-*[0-9]"))
        if not finished:
            return False
        saved = json.loads((finished[-1] / "state.json").read_text())
        self.history, self.seconds, self.stopped = saved["history"], saved["seconds"], saved["stopped"]
        self.epochs_done = len(self.history["loss"])
        self._counters, self._seed_states = saved["callbacks"], saved["seed_states"]
        return True

    def load_model(self) -> keras.Model:
        """The compiled model with the state of its optimizer and of its dropout."""
        model = keras.saving.load_model(self._folder(self.epochs_done) / "model.keras", safe_mode=True)
        for variable, state in zip(_seed_states(model), self._seed_states, strict=True):
            variable.assign(state)
        return model

    def restore_best_weights(self, model: keras.Model) -> None:
        """Load the weights of the epoch with the lowest validation loss, where early stopping is on."""
        if self.keep_best:
            model.load_weights(self._folder(self.epochs_done) / "best.weights.h5")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the counters of the other callbacks, which their own `on_train_begin` has just reset."""
        for callback, remembered in zip(self.callbacks, self._counters, strict=False):
            for name, value in remembered.items():
                setattr(callback, name, value)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start timing the epoch."""
        self._epoch_started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write this epoch's state next to the previous one, move it into place, and only then delete the previous one."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        if not math.isfinite(self.history["loss"][-1]) or not math.isfinite(self.history["val_loss"][-1]):
            self.model.stop_training = True
            return
        previous, self.epochs_done = self._folder(self.epochs_done), epoch + 1
        self.seconds += time.monotonic() - self._epoch_started
        self.stopped = bool(self.model.stop_training)
        with replace_folder(self._folder(self.epochs_done)) as folder:
            self.model.save(folder / "model.keras")
            if self.keep_best:
                best = folder / "best.weights.h5"
                if self.history["val_loss"][-1] < min(self.history["val_loss"][:-1], default=math.inf):
                    self._save_weights(best)
                else:
                    shutil.copy(previous / best.name, best)
            (folder / "state.json").write_text(json.dumps(self._as_json()))
        shutil.rmtree(previous, ignore_errors=True)

    def _save_weights(self, file: Path) -> None:
        """Save the weights that were validated: their moving average where the optimizer has one."""
        weights = self.model.get_weights()
        self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        self.model.save_weights(file)
        self.model.set_weights(weights)

    def _as_json(self) -> dict[str, Any]:
        remembered = [{name: vars(c)[name] for name in self.COUNTERS if name in vars(c)} for c in self.callbacks]
        return {
            "history": self.history,
            "seconds": self.seconds,
            "stopped": self.stopped,
            "callbacks": remembered,
            "seed_states": [variable.numpy().tolist() for variable in _seed_states(self.model)],
        }

    def _folder(self, epochs_done: int) -> Path:
        return self.directory / f"epoch-{epochs_done:04d}"


def _seed_states(model: keras.Model) -> list[keras.Variable]:
    """Random state of each dropout layer, which a `.keras` file does not contain."""
    return [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
