"""Reproduction: bit-identical predictions in two runs, and the committed expectations."""

import hashlib
import json
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from rich.console import Console

from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.evaluation.scores import HALF
from pneumo.files import write_atomically
from pneumo.nets import build_network
from pneumo.parallel import in_fresh_process
from pneumo.training.precision import prepare
from pneumo.training.predict import augmented_batches, predict
from pneumo.training.run import TrainingRun, load_run
from pneumo.training.train import train

# Tolerances: text must be equal, random draws and initial weights equal but for rounding, and three epochs of training as far apart
# as other processors' rounding makes them. A change of a seed or of preprocessing shows in the first two on any machine.
ROUNDING = 1e-3
TRAINING = 0.02


def run(config: Config, console: Console) -> int:
    """Run the training twice on the phantom cohort and, where data is given, on that cohort; compare with the expectations.

    Returns:
        1 where predictions differ between the two runs, or a value differs from its expectation.
    """
    phantom = config.model_copy(
        update={"data": None, "cohort": config.cohort.model_copy(update={"phantom": config.reproduce.phantom})}
    )
    cohorts = {"phantom": phantom} | ({} if config.data is None else {config.data.stem: config})
    for name in cohorts:
        file = _expectations(config, name)
        if not (config.reproduce.update or file.exists()):
            raise UserError(f"{file}: no expectations for this cohort yet; `pneumo reproduce --reproduce.update true` writes them")
    differences = [difference for name, settings in cohorts.items() for difference in _check(settings, name, console)]
    for difference in differences:
        console.print(f"DRIFT {difference}", style="red")
    return int(bool(differences))


def _expectations(config: Config, name: str) -> Path:
    return config.reproduce.expectations / f"{name}.json"


def _check(config: Config, name: str, console: Console) -> list[str]:
    file = _expectations(config, name)
    first, second = (in_fresh_process(observe, config) for _ in range(2))
    differences = [
        f"{name}: {part} predictions differ between two runs of the same training"
        for part in ("validation", "test")
        if first[f"predictions_{part}"] != second[f"predictions_{part}"]
    ]
    observed = {key: value for key, value in first.items() if not key.startswith("predictions_")}
    if config.reproduce.update:
        write_atomically(file, json.dumps(observed, indent=1) + "\n")
        console.print(f"{name}: expectations written to {file}")
        return differences
    differences += [f"{name}: {drift}" for drift in drifts(observed, json.loads(file.read_text()))]
    if not differences:
        figures = sum(len(group) for group in observed.values())
        console.print(
            f"{name}: predictions identical to the last bit in two runs; all {figures} values as expected "
            f"(test AUROC {observed['training']['test_auroc']:.4f})"
        )
    return differences


def observe(config: Config) -> dict[str, Any]:
    """Run the training once and return every value that a change of code, data or seed would change."""
    recipe = config.reproduce.recipe
    prepare(recipe.fit)
    with tempfile.TemporaryDirectory() as directory:
        registry = config.registry.model_copy(update={"directory": Path(directory)})
        quiet = Console(quiet=True)
        run = _smaller(
            load_run(config.model_copy(update={"registry": registry}), "reproduce", recipe, quiet), config.reproduce.patients
        )
        dataset = run.dataset
        initial = build_network(recipe.network, recipe.image_size_px, recipe.fit.seed)
        images, labels = map(keras.ops.convert_to_numpy, next(iter(augmented_batches(dataset, recipe)(range(1)))))
        trained = train(run, quiet)
        scores = {part: predict(trained.model, dataset, part, recipe.fit.batch_size) for part in ("validation", "test")}
    pixels = dataset.pixels[dataset.rows("training")]
    exact = {"parts": _sha256(dataset.table["part"].tolist()), "first_labels": "".join(str(int(label)) for label in labels[:, 0])}
    if not dataset.cohort.synthetic:
        # Decoding is integer arithmetic; rendering a phantom is not.
        exact |= {"cohort": dataset.fingerprint, "pixels": hashlib.sha256(pixels.tobytes()).hexdigest()}
    losses = {
        f"{name}_of_epoch_{n}": value for name in ("loss", "val_loss") for n, value in enumerate(trained.history[name], start=1)
    }
    return {
        "exact": exact,
        "rounding": {
            "pixels_mean_grey": float(pixels.mean()),
            "pixels_standard_deviation_grey": float(pixels.std()),
            "first_batch_mean_grey": float(images.mean()),
            "first_batch_standard_deviation_grey": float(images.std()),
            "first_batch_corner_grey": float(images[:, :8, :8].mean()),
            "initial_weights_norm": math.sqrt(sum(float(np.square(weight).sum()) for weight in initial.get_weights())),
            "initial_first_weight": float(initial.get_weights()[0].flat[0]),
        },
        "training": losses | {f"{part}_auroc": dataset.evaluate(table, HALF).auroc for part, table in scores.items()},
        **{f"predictions_{part}": _sha256(table["y_score"].tolist()) for part, table in scores.items()},
    }


def drifts(observed: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Describe every value that differs from its expectation by more than its tolerance."""
    tolerances = {"exact": None, "rounding": ROUNDING, "training": TRAINING}
    messages = []
    for group, tolerance in tolerances.items():
        for name in sorted({*observed[group], *expected[group]}):
            value, expectation = observed[group].get(name), expected[group].get(name)
            within = tolerance is not None and None not in (value, expectation) and abs(value - expectation) <= tolerance
            if value != expectation and not within:
                messages.append(f"{name} is {value}, expected {expectation}" + (f" ± {tolerance}" if tolerance else ""))
    return messages


def _smaller(run: TrainingRun, patients: int) -> TrainingRun:
    """Sample patients of every part and class, and set the part of the others to unused."""
    table = run.dataset.table
    used = table[table["part"] != "unused"].drop_duplicates("patient")
    fraction = min(1.0, patients / len(used))
    sampled = used.groupby(["part", "label"])["patient"].sample(frac=fraction, random_state=run.recipe.fit.seed)
    parts = table["part"].where(table["patient"].isin(sampled), "unused")
    return replace(run, dataset=replace(run.dataset, table=table.assign(part=parts)))


def _sha256(values: list[Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
