"""Benchmarks: speed compared with common alternatives and with the compute-bound limit."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from pneumo.bench import decoding, explaining, predicting, searching, training
from pneumo.bench.measure import Comparison, Cost, agreement, overhead, speedup
from pneumo.cohort.index import Cohort, index
from pneumo.cohort.splits import folds, partition
from pneumo.config import Backbone, Config, Phantom, Recipe, ResidualCnn
from pneumo.files import write_atomically, writing
from pneumo.parallel import in_fresh_process
from pneumo.phantom.cohort import write_cohort
from pneumo.training.dataset import Dataset, at_size
from pneumo.training.precision import choose_precision

LARGE_PHANTOM = Phantom(patients=40, size_px=1024)
DICOM_RADIOGRAPHS = 16
# Targets; a missed one is reported.
AS_FAST_IN_BFLOAT16 = 2.4
AS_FAST_IN_FLOAT32 = 1.25
DATA_OVERHEAD = 1.15
DECODING_AS_FAST = 1.5
DICOM_AS_FAST = 1.0
SEARCH_AS_FAST = 2.0
FROZEN_AS_FAST = 4.0
GRAD_CAM_OVERHEAD = 1.25
SINGLE_PASS_OVERHEAD = 1.4
EXPLAINING_AS_FAST = 4.0
PREDICTION_OVERHEAD = 1.15
# Fraction of the radiographs that search and transfer learning are measured on.
SHARE = 0.5
# Short fits, as in a search on a laptop: in longer ones the network itself takes a larger share of the time, in both alternatives.
SEARCH_BUDGET = {"points": 3, "folds": 3}
SEARCH_EPOCHS = 3
SEARCH_SIZE_PX = 64
# Random weights take the same time as ImageNet weights.
FROZEN_NETWORK = Backbone(weights="none")
FROZEN_EPOCHS = 10
FROZEN_SHARE_OF_VALIDATION = 0.2
EXPLAINED_RADIOGRAPHS = 16
EXPLAINED_SIZE_PX = {"grad-cam": 224, "lots": 128}
LOTS_STEPS = 10
# Differences of maps, as a fraction of their maximum, that rounding alone may cause. Grad-CAM differed by 3e-6. LOTS accumulates
# rounding over its steps, and a ReLU that switches moves pixels at once: 0.01 at the worst pixel of 16 radiographs.
EQUAL_GRAD_CAM = 1e-4
EQUAL_LOTS = 0.05


def run(config: Config, console: Console) -> int:
    """Measure, print the ratios and write `bench.json`.

    Returns:
        1 where a target was missed.
    """
    measures = (measure_decoding, measure_training, measure_search, measure_frozen_phase, measure_explanations, measure_prediction)
    comparisons = [comparison for measure in measures for comparison in measure(config, console)]
    table = Table("what", "ours", "reference", "ratio", "target", "met")
    for comparison in comparisons:
        costs = (f"{comparison.ours:.3f} {comparison.unit}", f"{comparison.reference:.3f} {comparison.unit}")
        met = "yes" if comparison.met else "NO"
        table.add_row(comparison.name, *costs, f"{comparison.ratio:.2f}", str(comparison.target), met)
    console.print(table)
    console.print("Ratios against an alternative should reach their target; overheads and differences should not exceed it.")
    file = config.report.directory / "bench.json"
    with writing(file, "report.directory"):
        write_atomically(file, json.dumps([asdict(comparison) for comparison in comparisons], indent=1))
    console.print(f"Ratios in {file}")
    return int(not all(comparison.met for comparison in comparisons))


def measure_decoding(config: Config, console: Console) -> list[Comparison]:
    """Compare building the pixel cache with plain Pillow, and indexing and caching of DICOM with plain pydicom."""
    folder = config.bench.originals or write_cohort(LARGE_PHANTOM, config.cohort.cache_dir)
    radiographs = sorted(folder.rglob("*.jp*g"))
    console.print(f"Decoding {len(radiographs)} radiographs of {folder} …")
    # The first pair is not counted: it reads the files from disk.
    pairs = [(decoding.our_cache(radiographs), decoding.plain_pillow(radiographs)) for _ in range(1 + 2 * config.bench.rounds)]
    ours, reference = zip(*pairs[1:], strict=True)
    with tempfile.TemporaryDirectory() as dicom:
        decoding.write_dicom_cohort(Path(dicom), radiographs[:DICOM_RADIOGRAPHS])
        console.print(f"Decoding {DICOM_RADIOGRAPHS} DICOM radiographs, {decoding.DICOM_SIZE_PX} px, JPEG 2000 lossless …")
        our_dicom, plain_dicom = _alternating(config, [decoding.our_index_and_cache, decoding.plain_pydicom], Path(dicom))
    return [
        *speedup("cache building against plain Pillow", ours, reference, DECODING_AS_FAST),
        *speedup("index and cache of DICOM against pydicom in a process pool", our_dicom, plain_dicom, DICOM_AS_FAST),
    ]


def measure_training(config: Config, console: Console) -> list[Comparison]:
    """Compare an epoch of the `baseline` recipe with ImageDataGenerator, and with the network alone."""
    recipe, cohort = config.baseline, index(config.data, config.cohort)
    dataset = _sample(config, cohort, recipe, config.bench.radiographs)
    rows = dataset.rows("training")
    precision = choose_precision(recipe.fit.precision)
    console.print(f"Training epochs of {len(rows)} radiographs, {precision.policy} ({precision.reason}) …")
    fits = {policy: recipe.fit.model_copy(update={"precision": policy}) for policy in (precision.policy, "float32")}
    ours: dict[str, list[tuple[Cost, Cost]]] = {policy: [] for policy in fits}
    reference = []
    with _folder_of(cohort, rows) as folder:
        for round_ in range(config.bench.rounds):
            reference.append(in_fresh_process(training.reference_epoch, recipe, folder))
            for policy, fit in fits.items():
                ours[policy].append(in_fresh_process(training.our_epoch, recipe.model_copy(update={"fit": fit}), dataset))
            console.print(f"round {round_ + 1} of {config.bench.rounds}")
    comparisons = []
    for policy, costs in ours.items():
        epochs, limits = zip(*costs, strict=True)
        target = AS_FAST_IN_FLOAT32 if policy == "float32" else AS_FAST_IN_BFLOAT16
        comparisons += speedup(f"training epoch in {policy} against ImageDataGenerator", epochs, reference, target)
        comparisons += overhead(f"training epoch in {policy} over the network alone", epochs, limits, DATA_OVERHEAD)
    return comparisons


def measure_search(config: Config, console: Console) -> list[Comparison]:
    """Compare a fit of the search with a fit of a plain BayesSearchCV."""
    recipe = config.hpo.recipe
    fit = recipe.fit.model_copy(update={"epochs": SEARCH_EPOCHS})
    recipe = recipe.model_copy(update={"image_size_px": SEARCH_SIZE_PX, "fit": fit})
    settings = config.hpo.model_copy(update={**SEARCH_BUDGET, "recipe": recipe, "backend": "serial"})
    dataset = _sample(config, index(config.data, config.cohort), recipe, round(config.bench.radiographs * SHARE))
    rows = dataset.rows("training")
    splits = list(folds(dataset.table.iloc[rows], settings.folds, settings.seed))
    console.print(f"Searching: {settings.points} points on {settings.folds} folds of {len(rows)} radiographs …")
    ours, reference = _alternating(config, [searching.our_search, searching.plain_search], settings, dataset, splits)
    return speedup("fit of the search against a plain BayesSearchCV", ours, reference, SEARCH_AS_FAST)


def measure_frozen_phase(config: Config, console: Console) -> list[Comparison]:
    """Compare the first phase of `resnet50` on cached features with the whole frozen network in every epoch."""
    fit = config.resnet50.fit.model_copy(update={"epochs": FROZEN_EPOCHS, "early_stopping_patience": None})
    recipe = config.resnet50.model_copy(update={"network": FROZEN_NETWORK, "fit": fit})
    count = round(config.bench.radiographs * SHARE)
    cohort = index(config.data, config.cohort)
    dataset = _sample(config, cohort, recipe, count, validation=round(count * FROZEN_SHARE_OF_VALIDATION))
    console.print(f"Frozen phase on {count} radiographs, {FROZEN_EPOCHS} epochs …")
    results = _alternating(config, [training.our_frozen_phase, training.plain_frozen_phase], recipe, dataset)
    (ours, our_auroc), (reference, plain_auroc) = (tuple(zip(*phase, strict=True)) for phase in results)
    console.print(f"AUROC on validation: {np.mean(our_auroc):.3f} on cached features, {np.mean(plain_auroc):.3f} without")
    return speedup("frozen phase against the whole frozen network", ours, reference, FROZEN_AS_FAST)


def measure_explanations(config: Config, console: Console) -> list[Comparison]:
    """Compare heatmaps of a batch with one forward pass, and with loops over single images."""
    cohort = index(config.data, config.cohort)
    sizes = ((config.resnet50, EXPLAINED_SIZE_PX["grad-cam"]), (config.robust, EXPLAINED_SIZE_PX["lots"]))
    recipes = [recipe.model_copy(update={"image_size_px": size_px}) for recipe, size_px in sizes]
    datasets = [_sample(config, cohort, recipe, EXPLAINED_RADIOGRAPHS) for recipe in recipes]
    large, small = (np.asarray(dataset.pixels[dataset.rows("training")])[..., None] for dataset in datasets)
    console.print(f"Explaining {len(large)} radiographs, LOTS in {LOTS_STEPS} steps …")
    rounds = [
        (
            *in_fresh_process(explaining.our_maps, FROZEN_NETWORK, large),
            *in_fresh_process(explaining.keras_io_maps, FROZEN_NETWORK, large),
            *in_fresh_process(explaining.our_lots, ResidualCnn(), small, LOTS_STEPS),
            *in_fresh_process(explaining.eager_lots, ResidualCnn(), small, LOTS_STEPS),
        )
        for _ in range(config.bench.rounds)
    ]
    forward, grad_cam, together, maps, example, example_maps, lots, lots_maps, loop, loop_maps = zip(*rounds, strict=True)
    return [
        *overhead("Grad-CAM of a batch over one forward pass", grad_cam, forward, GRAD_CAM_OVERHEAD),
        *overhead("five single-pass methods over one forward pass", together, forward, SINGLE_PASS_OVERHEAD),
        *speedup("Grad-CAM against the keras.io example", grad_cam, example, EXPLAINING_AS_FAST),
        agreement("Grad-CAM, difference from the keras.io example", maps, example_maps, EQUAL_GRAD_CAM),
        *speedup("LOTS against an eager loop", lots, loop, EXPLAINING_AS_FAST),
        agreement("LOTS, difference from an eager loop", lots_maps, loop_maps, EQUAL_LOTS),
    ]


def measure_prediction(config: Config, console: Console) -> list[Comparison]:
    """Compare predicting files with the network on resident arrays and the decoding beside it."""
    cohort = index(config.data, config.cohort)
    files = [cohort.file(path) for path in cohort.table["path"].head(config.bench.radiographs)]
    console.print(f"Predicting {len(files)} radiographs …")
    costs = [in_fresh_process(predicting.our_predictions, config.robust, files) for _ in range(config.bench.rounds)]
    ours, limit = zip(*costs, strict=True)
    return overhead("predicting files over the network and decoding alone", ours, limit, PREDICTION_OVERHEAD)


def _sample(config: Config, cohort: Cohort, recipe: Recipe, count: int, *, validation: int = 0) -> Dataset:
    """A dataset of a random sample of the training radiographs, `count` as training and `validation` as validation."""
    parts = partition(cohort, config.protocol)
    rows = np.random.default_rng(0).permutation(np.flatnonzero(parts == "training"))[: count + validation]
    sampled = pd.Series("unused", index=cohort.table.index)
    sampled.iloc[rows[:count]], sampled.iloc[rows[count:]] = "training", "validation"
    return at_size(cohort, sampled, recipe, config.cohort.cache_dir)


def _alternating(config: Config, functions: list[Callable[..., Any]], *arguments: Any) -> Iterator[tuple[Any, ...]]:
    """Run functions in turn, each in a fresh process, for several rounds; return the results of each function."""
    rounds = range(config.bench.rounds)
    return zip(*([in_fresh_process(function, *arguments) for function in functions] for _ in rounds), strict=True)


@contextmanager
def _folder_of(cohort: Cohort, rows: np.ndarray) -> Iterator[str]:
    """A folder with one folder of links for each class, as `flow_from_directory` reads it."""
    with tempfile.TemporaryDirectory() as folder:
        for number, (path, label) in enumerate(cohort.table.iloc[rows][["path", "label"]].itertuples(index=False)):
            link = Path(folder) / label / f"{number}{Path(path).suffix}"
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(cohort.file(path).resolve())
        yield folder
