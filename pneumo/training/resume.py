"""What a training needs to go on after it was killed."""

import json
import math
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

History = dict[str, list[float]]


class TrainingState(keras.callbacks.Callback):
    """Everything a training needs to go on, one folder an epoch, put in place by a rename.

    Keras' `BackupAndRestore` keeps weights and optimizer but forgets what early stopping and the plateau schedule have counted, and
    the history; a training resumed by it ends elsewhere than one left alone.
    """

    REMEMBERED = ("wait", "best", "best_epoch", "cooldown_counter")

    def __init__(self, directory: Path, *, early_stopping: bool) -> None:
        super().__init__()
        self.directory = directory
        self.keep_best = early_stopping
        self.callbacks: Sequence[keras.callbacks.Callback] = ()
        self.history: History = {}
        self.epochs_done = 0
        self.seconds = 0.0
        self.stopped = False
        self._remembered: list[dict[str, Any]] = []
        self._seed_states: list[list[int]] = []
        self._epoch_began = 0.0

    def exists(self) -> bool:
        """Read the newest whole state, where there is one."""
        finished = sorted(self.directory.glob("epoch-*[0-9]"))
        if not finished:
            return False
        saved = json.loads((finished[-1] / "state.json").read_text())
        self.history, self.seconds, self.stopped = saved["history"], saved["seconds"], saved["stopped"]
        self.epochs_done = len(self.history["loss"])
        self._remembered, self._seed_states = saved["callbacks"], saved["seed_states"]
        return True

    def load_model(self) -> keras.Model:
        """The model as it was, compiled, with the state of its optimizer and of its dropout."""
        model = keras.saving.load_model(self._folder(self.epochs_done) / "model.keras", safe_mode=True)
        for variable, state in zip(_seed_states(model), self._seed_states, strict=True):
            variable.assign(state)
        return model

    def restore_best_weights(self, model: keras.Model) -> None:
        """Give the model the weights of the epoch with the lowest validation loss, where early stopping is on."""
        if self.keep_best:
            model.load_weights(self._folder(self.epochs_done) / "best.weights.h5")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Give the other callbacks their memory back; they have just forgotten it in their own `on_train_begin`."""
        for callback, remembered in zip(self.callbacks, self._remembered, strict=False):
            for name, value in remembered.items():
                setattr(callback, name, value)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the epoch's clock."""
        self._epoch_began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write this epoch's state beside the last one, put it in place, and only then delete the last one."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        if not math.isfinite(self.history["loss"][-1]) or not math.isfinite(self.history["val_loss"][-1]):
            self.model.stop_training = True
            return
        previous, self.epochs_done = self._folder(self.epochs_done), epoch + 1
        self.seconds += time.monotonic() - self._epoch_began
        self.stopped = bool(self.model.stop_training)
        unfinished = self.directory / f"unfinished-{os.getpid()}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        self.model.save(unfinished / "model.keras")
        if self.keep_best:
            best = unfinished / "best.weights.h5"
            if self.history["val_loss"][-1] < min(self.history["val_loss"][:-1], default=math.inf):
                self.model.save_weights(best)
            else:
                shutil.copy(previous / best.name, best)
        (unfinished / "state.json").write_text(json.dumps(self._as_json()))
        unfinished.replace(self._folder(self.epochs_done))
        shutil.rmtree(previous, ignore_errors=True)

    def _as_json(self) -> dict[str, Any]:
        remembered = [{name: vars(c)[name] for name in self.REMEMBERED if name in vars(c)} for c in self.callbacks]
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
    """Where each dropout layer is in its random sequence: a `.keras` file leaves this out."""
    return [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]
