"""How fast it is."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from pneumo.bench import decoding, explaining, searching, training, transfer
from pneumo.bench.measure import Comparison, Cost, agreement, overhead, speedup
from pneumo.cohort.index import Cohort, index
from pneumo.cohort.splits import folds, partition
from pneumo.config import Backbone, Config, Phantom, Recipe, ResidualCnn, Robust, Transfer
from pneumo.parallel import in_fresh_process
from pneumo.phantom.cohort import write_cohort
from pneumo.radiographs.cache import pixel_cache
from pneumo.training.features import Radiographs
from pneumo.training.precision import choose_precision

LARGE_PHANTOM = Phantom(patients=40, size_px=1024)
DECODED_SIZE_PX = 150
# What the project promises; the report of a machine that misses one says so.
AS_FAST_IN_BFLOAT16 = 2.4
AS_FAST_IN_FLOAT32 = 1.25
DATA_OVERHEAD = 1.15
DECODING_AS_FAST = 1.5
SEARCH_AS_FAST = 2.0
FROZEN_AS_FAST = 4.0
GRAD_CAM_OVERHEAD = 1.25
SINGLE_PASS_OVERHEAD = 1.4
EXPLAINING_AS_FAST = 4.0
# Searching and transfer learning take this share of the radiographs that an epoch passes over.
SHARE = 0.5
# Short fits, such as a search on a laptop is made of: the longer they are, the more of both ways is the network itself.
SEARCH_BUDGET = {"points": 3, "folds": 3}
SEARCH_EPOCHS = 3
SEARCH_SIZE_PX = 64
# A backbone of random weights takes the same time as one of ImageNet's.
FROZEN_NETWORK = Backbone(weights="none")
FROZEN_EPOCHS = 10
FROZEN_SHARE_OF_VALIDATION = 0.2
EXPLAINED_FILMS = 16
EXPLAINED_SIZE_PX = {"grad-cam": 224, "lots": 128}
LOTS_STEPS = 10
# What maps may differ by, as a share of their peak, where nothing but rounding differs. Grad-CAM's differed by 3e-6. LOTS carries
# rounding on from step to step, and a unit that it switches on or off moves pixels at once: 0.01 at the worst pixel of 16 radiographs.
EQUAL_GRAD_CAM = 1e-4
EQUAL_LOTS = 0.05


def run(config: Config, console: Console) -> int:
    """Measure, print the ratios and write `bench.json`.

    Returns:
        1 where a promise was missed.
    """
    measures = (measure_decoding, measure_training, measure_search, measure_frozen_phase, measure_explanations)
    comparisons = [one for measure in measures for one in measure(config, console)]
    table = Table("what", "ours", "reference", "ratio", "target", "met")
    for one in comparisons:
        numbers = (f"{one.ours:.3f} {one.unit}", f"{one.reference:.3f} {one.unit}", f"{one.ratio:.2f}")
        table.add_row(one.name, *numbers, str(one.target), "yes" if one.met else "NO")
    console.print(table)
    console.print(
        "A ratio against something else is to reach its target; over the network alone, or of a difference, not to exceed it."
    )
    file = config.report.directory / "bench.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".json.unfinished")
    beside.write_text(json.dumps([one.as_json() for one in comparisons], indent=1))
    beside.replace(file)
    console.print(f"Ratios in {file}")
    return int(not all(one.met for one in comparisons))


def measure_decoding(config: Config, console: Console) -> list[Comparison]:
    """Cache building against plain Pillow."""
    folder = config.bench.originals or write_cohort(LARGE_PHANTOM, config.cohort.cache_dir)
    radiographs = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jp*g"))
    console.print(f"Decoding {len(radiographs)} radiographs of {folder} …", highlight=False)
    # The first of each is not counted: it reads the files from the disk.
    rounds = range(1 + 2 * config.bench.rounds)
    pairs = [
        (decoding.our_cache(folder, radiographs, DECODED_SIZE_PX), decoding.plain_pillow(folder, radiographs, DECODED_SIZE_PX))
        for _ in rounds
    ]
    ours, reference = zip(*pairs[1:], strict=True)
    return speedup("cache building against plain Pillow", ours, reference, DECODING_AS_FAST)


def measure_training(config: Config, console: Console) -> list[Comparison]:
    """An epoch of the `baseline` recipe against the reference way, and against the network alone."""
    recipe, cohort = config.baseline, index(config)
    rows, pixels, y_true = _radiographs(config, cohort, recipe, config.bench.radiographs)
    chosen = choose_precision(recipe.fit.precision)
    console.print(f"Training epochs of {len(rows)} radiographs, {chosen.policy} ({chosen.reason}) …", highlight=False)
    policies = dict.fromkeys([chosen.policy, "float32"])
    ours: dict[str, list[tuple[Cost, Cost]]] = {policy: [] for policy in policies}
    reference = []
    with _folder_of(cohort, rows) as folder:
        for round_ in range(config.bench.rounds):
            reference.append(in_fresh_process(training.reference_epoch, recipe, folder))
            for policy in policies:
                ours[policy].append(in_fresh_process(training.our_epoch, _with_precision(recipe, policy), pixels, y_true))
            console.print(f"round {round_ + 1} of {config.bench.rounds}", highlight=False)
    found = []
    for policy, costs in ours.items():
        epochs, limits = zip(*costs, strict=True)
        target = AS_FAST_IN_FLOAT32 if policy == "float32" else AS_FAST_IN_BFLOAT16
        found += speedup(f"training epoch in {policy} against ImageDataGenerator", epochs, reference, target)
        found += overhead(f"training epoch in {policy} over the network alone", epochs, limits, DATA_OVERHEAD)
    return found


def measure_search(config: Config, console: Console) -> list[Comparison]:
    """A fit of the search against a fit of the obvious one."""
    recipe = config.hpo.recipe
    fit = recipe.fit.model_copy(update={"epochs": SEARCH_EPOCHS})
    recipe = recipe.model_copy(update={"image_size_px": SEARCH_SIZE_PX, "fit": fit})
    settings = config.hpo.model_copy(update={**SEARCH_BUDGET, "recipe": recipe, "backend": "serial"})
    cohort = index(config)
    rows, pixels, y_true = _radiographs(config, cohort, recipe, round(config.bench.radiographs * SHARE))
    splits = list(folds(cohort.table.iloc[rows], settings.folds, settings.seed))
    console.print(f"Searching: {settings.points} points on {settings.folds} folds of {len(rows)} radiographs …", highlight=False)
    pairs = [
        [in_fresh_process(search, settings, pixels, y_true, splits) for search in (searching.our_search, searching.plain_search)]
        for _ in range(config.bench.rounds)
    ]
    ours, reference = zip(*pairs, strict=True)
    return speedup("fit of the search against a plain BayesSearchCV", ours, reference, SEARCH_AS_FAST)


def measure_frozen_phase(config: Config, console: Console) -> list[Comparison]:
    """The first phase of `resnet50`, on cached features, against passing over the whole frozen network in every epoch."""
    fit = config.resnet50.fit.model_copy(update={"epochs": FROZEN_EPOCHS, "early_stopping_patience": None})
    recipe = config.resnet50.model_copy(update={"network": FROZEN_NETWORK, "fit": fit})
    cohort = index(config)
    _, pixels, y_true = _radiographs(
        config, cohort, recipe, round(config.bench.radiographs * SHARE * (1 + FROZEN_SHARE_OF_VALIDATION))
    )
    training_rows, validation_rows = np.split(np.arange(len(pixels)), [round(len(pixels) / (1 + FROZEN_SHARE_OF_VALIDATION))])
    radiographs = Radiographs(pixels, cohort.fingerprint, training_rows, validation_rows)
    console.print(f"Frozen phase on {len(radiographs.training)} radiographs, {FROZEN_EPOCHS} epochs …", highlight=False)
    phases = (transfer.our_frozen_phase, transfer.plain_frozen_phase)
    pairs = [[in_fresh_process(phase, recipe, radiographs, y_true) for phase in phases] for _ in range(config.bench.rounds)]
    (ours, our_auroc), (reference, plain_auroc) = (tuple(zip(*each, strict=True)) for each in zip(*pairs, strict=True))
    console.print(
        f"AUROC on {len(radiographs.validation)} radiographs: {np.mean(our_auroc):.3f}, the plain way {np.mean(plain_auroc):.3f}"
    )
    return speedup("frozen phase against the whole frozen network", ours, reference, FROZEN_AS_FAST)


def measure_explanations(config: Config, console: Console) -> list[Comparison]:
    """Maps of a batch, against one forward pass of it and against the obvious loops over single images."""
    cohort = index(config)
    sizes = ((config.resnet50, EXPLAINED_SIZE_PX["grad-cam"]), (config.robust, EXPLAINED_SIZE_PX["lots"]))
    recipes = [recipe.model_copy(update={"image_size_px": size_px}) for recipe, size_px in sizes]
    large, small = (_radiographs(config, cohort, recipe, EXPLAINED_FILMS)[1][..., None] for recipe in recipes)
    console.print(f"Explaining {len(large)} radiographs, LOTS in {LOTS_STEPS} steps …", highlight=False)
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


def _radiographs(
    config: Config, cohort: Cohort, recipe: Recipe | Transfer | Robust, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw training radiographs: their rows in the table, their pixels, and their labels."""
    rows = np.flatnonzero(partition(cohort, config.cohort) == "training")
    rows = np.random.default_rng(0).permutation(rows)[:count]
    pixels = np.asarray(pixel_cache(cohort, recipe.image_size_px, recipe.resize, config.cohort.cache_dir)[rows])
    return rows, pixels, (cohort.table["label"].to_numpy()[rows] == "PNEUMONIA").astype(np.int64)


def _with_precision(recipe: Recipe, policy: str) -> Recipe:
    return recipe.model_copy(update={"fit": recipe.fit.model_copy(update={"precision": policy})})


@contextmanager
def _folder_of(cohort: Cohort, rows: np.ndarray) -> Iterator[str]:
    """A folder with one folder a class, as `flow_from_directory` reads it, linked to the cohort's own radiographs."""
    with tempfile.TemporaryDirectory() as folder:
        for number, (path, label) in enumerate(cohort.table.iloc[rows][["path", "label"]].itertuples(index=False)):
            link = Path(folder) / label / f"{number}{Path(path).suffix}"
            link.parent.mkdir(exist_ok=True)
            link.symlink_to((cohort.root / path).resolve())
        yield folder
