"""The same bits twice, and the same figures as when they were committed."""

import hashlib
import json
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from rich.console import Console

from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.evaluation.scores import evaluate
from pneumo.nets import cnn
from pneumo.parallel import in_fresh_process
from pneumo.radiographs.batches import training_batches
from pneumo.training.dataset import Study, load
from pneumo.training.precision import prepare
from pneumo.training.predict import predict
from pneumo.training.train import train

# What must be equal to the bit (text), to rounding (draws and initial weights), and to what other processors' rounding may make
# of three epochs. A change of one seed or one line of preprocessing shows in the first two on any machine.
ROUNDING = 1e-3
TRAINING = 0.02


def run(config: Config, console: Console) -> int:
    """Run the study twice on the phantom cohort, and on the real one where data are given; compare each with its expectations.

    Returns:
        1 where predictions differ between the two runs, or a figure from its expectation.
    """
    phantom = config.model_copy(
        update={"data": None, "cohort": config.cohort.model_copy(update={"phantom": config.reproduce.phantom})}
    )
    cohorts = {"phantom": phantom} | ({} if config.data is None else {config.data.stem: config})
    for name in cohorts:
        file = _expectations(config, name)
        if not (config.reproduce.update or file.exists()):
            raise UserError(f"{file}: no expectations for this cohort yet; `pneumo reproduce --reproduce.update true` writes them")
    complaints = [complaint for name, of_cohort in cohorts.items() for complaint in _check(of_cohort, name, console)]
    for complaint in complaints:
        console.print(f"[red]DRIFT[/red] {complaint}", highlight=False, soft_wrap=True)
    return int(bool(complaints))


def _expectations(config: Config, name: str) -> Path:
    return config.reproduce.expectations / f"{name}.json"


def _check(config: Config, name: str, console: Console) -> list[str]:
    file = _expectations(config, name)
    first, second = (in_fresh_process(observe, config) for _ in range(2))
    complaints = [
        f"{name}: {part} predictions differ between two runs of the same study"
        for part in ("validation", "test")
        if first[f"predictions_{part}"] != second[f"predictions_{part}"]
    ]
    observed = {key: value for key, value in first.items() if not key.startswith("predictions_")}
    if config.reproduce.update:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(observed, indent=1) + "\n")
        console.print(f"{name}: expectations written to {file}", highlight=False)
        return complaints
    complaints += [f"{name}: {drift}" for drift in drifts(observed, json.loads(file.read_text()))]
    if not complaints:
        figures = sum(len(group) for group in observed.values())
        console.print(
            f"{name}: predictions identical to the last bit in two runs; all {figures} figures as expected "
            f"(test AUROC {observed['training']['test_auroc']:.4f})",
            highlight=False,
            soft_wrap=True,
        )
    return complaints


def observe(config: Config) -> dict[str, Any]:
    """Run the study once and note everything that a change of code, data or seed would change."""
    recipe = config.reproduce.recipe
    prepare(recipe.fit)
    with tempfile.TemporaryDirectory() as directory:
        registry = config.registry.model_copy(update={"directory": Path(directory)})
        quiet = Console(quiet=True)
        study = _smaller(
            load(config.model_copy(update={"registry": registry}), "reproduce", recipe, quiet), config.reproduce.patients
        )
        initial = cnn.build(recipe.network, recipe.image_size_px, recipe.fit.seed)
        first_images, first_labels = _first_batch(study)
        trained = train(study, quiet)
        scores = {part: predict(study, trained.model, part) for part in ("validation", "test")}
    figures = {
        f"{name}_of_epoch_{n}": value for name in ("loss", "val_loss") for n, value in enumerate(trained.history[name], start=1)
    }
    pixels = study.pixels[study.rows("training")]
    exact = {"parts": _sha256(study.parts.tolist()), "first_labels": "".join(str(int(label)) for label in first_labels[:, 0])}
    if not study.cohort.synthetic:
        # Decoding is done in whole numbers, rendering a phantom is not.
        exact |= {"cohort": study.cohort.fingerprint, "pixels": hashlib.sha256(pixels.tobytes()).hexdigest()}
    return {
        "exact": exact,
        "rounding": {
            "pixels_mean_grey": float(pixels.mean()),
            "pixels_standard_deviation_grey": float(pixels.std()),
            "first_batch_mean_grey": float(first_images.mean()),
            "first_batch_standard_deviation_grey": float(first_images.std()),
            "first_batch_corner_grey": float(first_images[:, :8, :8].mean()),
            "initial_weights_norm": math.sqrt(sum(float(np.square(weight).sum()) for weight in initial.get_weights())),
            "initial_first_weight": float(initial.get_weights()[0].flat[0]),
        },
        "training": figures | {f"{part}_auroc": _auroc(table) for part, table in scores.items()},
        **{f"predictions_{part}": _sha256(table["y_score"].tolist()) for part, table in scores.items()},
    }


def drifts(observed: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Say, figure by figure, what is no longer as expected."""
    tolerances = {"exact": None, "rounding": ROUNDING, "training": TRAINING}
    found = []
    for group, tolerance in tolerances.items():
        for name in sorted({*observed[group], *expected[group]}):
            now, then = observed[group].get(name), expected[group].get(name)
            if now == then or (tolerance is not None and None not in (now, then) and abs(now - then) <= tolerance):
                continue
            found.append(f"{name} is {now}, expected {then}" + (f" ± {tolerance}" if tolerance else ""))
    return found


def _smaller(study: Study, patients: int) -> Study:
    """Keep some patients of every part and class, and set the others' radiographs aside."""
    table = study.cohort.table.assign(part=study.parts)
    used = table[table["part"] != "unused"].drop_duplicates("patient")
    share = min(1.0, patients / len(used))
    kept = used.groupby(["part", "label"])["patient"].sample(frac=share, random_state=study.recipe.fit.seed)
    return replace(study, parts=study.parts.where(table["patient"].isin(kept), "unused"))


def _first_batch(study: Study) -> tuple[np.ndarray, np.ndarray]:
    fit = study.recipe.fit
    batches = training_batches(
        study.pixels,
        study.rows("training"),
        study.y_true("training"),
        augmentation=study.recipe.augmentation,
        batch_size=fit.batch_size,
        epochs=range(1),
        seed=fit.seed,
    )
    images, labels = next(iter(batches))
    return keras.ops.convert_to_numpy(images), keras.ops.convert_to_numpy(labels)


def _auroc(predictions: pd.DataFrame) -> float:
    found = evaluate(predictions["y_true"], predictions["y_score"], ["unknown"] * len(predictions), 0.5).auroc
    return math.nan if found is None else found


def _sha256(values: list[Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
