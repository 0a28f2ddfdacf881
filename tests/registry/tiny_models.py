"""An untrained model with its record and predictions; as a script, registers it in other processes.

`python -m tests.registry.tiny_models RECIPE` reads registry folders from stdin, one a line, and prints the registered version.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from pneumo import config
from pneumo.evaluation.scores import PARTS, evaluate
from pneumo.registry import Entry, Registry
from pneumo.results.model import ModelRecord
from tests.tiny_experiments import provenance_fields

SIZE_PX = 16


def tiny_model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((SIZE_PX, SIZE_PX, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(2, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(1, name="logit", dtype="float32"),
            keras.layers.Activation("sigmoid", name="probability", dtype="float32"),
        ]
    )


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, SIZE_PX, SIZE_PX, 1)).astype("float32")


def tiny_predictions() -> pd.DataFrame:
    names = ["a.jpeg", 'b, "quoted".jpeg', "<img src=x onerror=alert(1)>.jpeg", "ç.jpeg"]
    return pd.DataFrame(
        {"path": names, "patient": ["007", "NA", "null", "IM-0001"], "y_true": [0, 1, 0, 1], "y_score": np.array([1, 8, 3, 2]) / 9}
    )


def tiny_record(recipe: str = "baseline") -> ModelRecord:
    table = tiny_predictions()
    scores = evaluate(table["y_true"], table["y_score"], ["normal", "viral", "normal", "bacterial"], threshold=0.3)
    return ModelRecord(
        recipe=recipe,
        **provenance_fields("f00d"),
        partition={"training": {"NORMAL": {"images": 2, "patients": 1}, "PNEUMONIA": {"images": 3, "patients": 2}}},
        class_names=("NORMAL", "PNEUMONIA"),
        image_size_px=SIZE_PX,
        resize="squash",
        preprocessing="grey 0..255 in",
        threshold=0.3,
        threshold_rule="youden",
        thresholds={"calibration": 0.4, "youden": 0.3, "half": 0.5},
        temperature=None,
        test_accessed=datetime.now(UTC),
        test_accesses=1,
        test_accesses_of_recipe=1,
        settings={"fit": {"epochs": 2, "early_stopping_patience": None}, "network": {"filters": [2]}},
        history={"loss": [0.7, 0.6], "val_loss": [0.8, 0.9]},
        validation=scores,
        validation_shifted=scores,
        worst_views=scores,
        test=scores,
        parameters=413,
        training_seconds=0.5,
        seed=0,
        precision="float32",
        precision_reason="asked for",
    )


def register(
    registry: Registry, recipe: str = "baseline", model: keras.Model | None = None, figures: tuple[Path, ...] = ()
) -> Entry:
    return registry.add(tiny_record(recipe), model or tiny_model(), dict.fromkeys(PARTS, tiny_predictions()), figures)


def registry_in(folder: Path) -> Registry:
    return Registry(config.Registry(directory=folder))


@contextmanager
def start(recipe: str) -> Iterator[subprocess.Popen[str]]:
    """Start this script in another process, and wait until it is ready to register."""
    command = [sys.executable, "-m", "tests.registry.tiny_models", recipe]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def wait_for(condition: Callable[[], object], timeout_seconds: float = 180) -> None:
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.002)


if __name__ == "__main__":
    model = tiny_model()
    print("ready", flush=True)  # noqa: T201
    for line in sys.stdin:
        print(register(registry_in(Path(line.rstrip("\n"))), sys.argv[1], model).version, flush=True)  # noqa: T201
