"""Training, check and registration of the lung segmentation."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from pneumo.cohort.index import Cohort
from pneumo.config import Config
from pneumo.figures.lungs import contact_sheet
from pneumo.files import write_atomically, writing
from pneumo.registry import LungModels
from pneumo.results.formatting import rounded
from pneumo.results.lungs import LUNG_PHANTOMS, DiceScores, LungRecord, MaskCheck
from pneumo.results.provenance import computed_now
from pneumo.training.dataset import load_cohort
from pneumo.training.fit import Trained
from pneumo.training.lungs import LungRun, define_lung_run, held_out_dice, train_lungs
from pneumo.training.precision import choose_precision
from pneumo.training.segment import segment

SHEET = "lungs.png"
"""Contact sheet, in the report's directory."""
SHOWN = 60
SAMPLE_SEED = 0


def run(config: Config, console: Console) -> None:
    """Train a U-Net on phantoms, check its masks on training radiographs of the cohort, and register it."""
    cohort, parts = load_cohort(config.data, config.cohort, config.protocol, console)
    lung_run = define_lung_run(config.lungs, config.cohort.cache_dir, config.registry)
    trained = train_lungs(lung_run, console)
    plain, augmented = held_out_dice(trained.model, lung_run)
    rows = _sample(np.flatnonzero(parts == "training"), config.lungs.radiographs)
    pixels = cohort.pixels(config.lungs.image_size_px, "squash")[rows]
    lungs = segment(trained.model, pixels)
    record = LungRecord(
        **computed_now(),
        **_of_run(lung_run, trained, config),
        dice=DiceScores.of(plain),
        dice_augmented=DiceScores.of(augmented),
        masks=_mask_check(lungs.rejections, cohort),
    )
    sheet = contact_sheet(pixels[:SHOWN], lungs.masks[:SHOWN], lungs.rejections[:SHOWN])
    with tempfile.TemporaryDirectory() as folder:
        figure = Path(folder) / SHEET
        figure.write_bytes(sheet)
        entry = LungModels(config.registry).add(record, trained.model, [figure])
    # Deleted only now: until the segmentation is listed, an interrupted command must be able to resume.
    lung_run.delete_state()
    file = config.report.directory / SHEET
    with writing(file, "report.directory"):
        write_atomically(file, sheet)
    console.print(
        f"Registered the lung segmentation as version {entry.version}, {record.training_seconds:.0f} s of training on phantoms\n"
        f"  Dice on {record.dice.phantoms} held-out phantoms: mean {rounded(record.dice.mean)}, "
        f"lowest {rounded(record.dice.lowest)}; changed as in training: mean {rounded(record.dice_augmented.mean)}\n"
        f"  {record.masks.sentence}\n"
        f"Look at the masks in {file} before you rely on them\nNext: pneumo blackout"
    )


def _sample(rows: np.ndarray, number: int) -> np.ndarray:
    """At most `number` of the rows, at random."""
    return np.random.default_rng(SAMPLE_SEED).permutation(rows)[:number]


def _mask_check(rejections: tuple[str | None, ...], cohort: Cohort) -> MaskCheck:
    return MaskCheck.of(rejections, data_name=cohort.root.name, data_fingerprint=cohort.fingerprint, synthetic=cohort.synthetic)


def _of_run(run: LungRun, trained: Trained, config: Config) -> dict[str, Any]:
    settings, precision = run.settings, choose_precision(run.settings.fit.precision)
    return {
        "synthetic": True,
        "data_name": LUNG_PHANTOMS,
        "data_fingerprint": run.fingerprint,
        "protocol_fingerprint": config.protocol.fingerprint,
        "image_size_px": settings.image_size_px,
        "preprocessing": f"grey values 0..255 in one channel, {settings.network.preprocessing} inside the model",
        "settings": settings.model_dump(mode="json"),
        "training_phantoms": len(run.training.images),
        "validation_phantoms": len(run.validation.images),
        "history": trained.history,
        "parameters": trained.parameters,
        "training_seconds": trained.seconds,
        "seed": settings.fit.seed,
        "precision": precision.policy,
        "precision_reason": precision.reason,
    }
