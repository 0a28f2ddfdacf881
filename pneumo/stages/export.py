"""Export of a registered model as a bundle that needs no registry."""

from pathlib import Path

import numpy as np
from rich.console import Console

from pneumo.cohort.index import Cohort, index
from pneumo.config import Config, Format
from pneumo.errors import UserError
from pneumo.inference.bundle import INT8_MODEL, MODEL, Bundle
from pneumo.inference.export import Radiographs, Registered, export, refuse_other_content
from pneumo.inference.loading import load_registered
from pneumo.inference.network import KerasNetwork
from pneumo.inference.readme import card
from pneumo.registry import Entry, Registry
from pneumo.results.adaptation import AdaptedRecord
from pneumo.results.formatting import percent, rounded
from pneumo.results.registered import RegisteredRecord
from pneumo.training.dataset import load_cohort

VERIFIED, CALIBRATED, COMPARED = 64, 128, 512
"""Radiographs, at most, that an export is verified on, that int8 is calibrated on, and that int8 is compared on."""
SEED = 0
FOLDER = Path("exports")


def run(config: Config, console: Console, reference: str, format_: Format, output: Path | None) -> None:
    """Export a model, and verify what was written on radiographs of its own cohort, none of the test split.

    Raises:
        UserError: no such model, the cohort is not the model's own, or the exported model differs from the registered
            one; then nothing is written.
    """
    registry = Registry(config.registry)
    entry = registry.get(reference)
    record, name = registry.registered_record(entry), f"{entry.recipe} v{entry.version}"
    folder = output or FOLDER / f"{entry.recipe}-v{entry.version}-{format_}"
    refuse_other_content(folder)
    if isinstance(record, AdaptedRecord):
        radiographs = _radiographs_adapted_on(entry, record, config)
    else:
        cohort, parts = load_cohort(config.data, config.cohort, config.protocol, console)
        _refuse_other_cohort(entry, cohort, config, "trained")
        _refuse_other_protocol(entry, config)
        training, validation = (np.flatnonzero(parts == part) for part in ("training", "validation"))
        radiographs = _radiographs(cohort, training, validation, record)
    loaded = load_registered(config.registry, str(entry.version), config.referral)
    network = loaded.network
    assert isinstance(network, KerasNetwork)  # noqa: S101 - for the type checker: registered models are Keras'
    with console.status(f"Exporting {name} as {format_}"):
        bundle = export(folder, format_, Registered(network.model, loaded, card(record, entry.version)), radiographs)
    _print(bundle, folder, console)


def _radiographs_adapted_on(entry: Entry, record: AdaptedRecord, config: Config) -> Radiographs:
    """Radiographs of the cohort that a model was adapted on: they have no parts."""
    cohort = index(config.data, config.cohort, to_train=False)
    _refuse_other_cohort(entry, cohort, config, "adapted")
    everything = np.arange(len(cohort.table))
    return _radiographs(cohort, everything, everything, record)


def _refuse_other_cohort(entry: Entry, cohort: Cohort, config: Config, made: str) -> None:
    if cohort.fingerprint != entry.data_fingerprint:
        given = "the phantom cohort" if config.data is None else str(config.data)
        raise UserError(
            f"{given} is not the cohort that {entry.recipe} v{entry.version} was {made} on, on which exports are verified: give"
            f" that, named {entry.data_name}, with --data and the settings of `cohort` that it was {made} with"
        )


def _refuse_other_protocol(entry: Entry, config: Config) -> None:
    if config.protocol.fingerprint != entry.protocol_fingerprint:
        name = f"{entry.recipe} v{entry.version}"
        raise UserError(f"{name} was validated under another protocol: give the settings of `protocol` that it was trained with")


def _radiographs(cohort: Cohort, training: np.ndarray, validation: np.ndarray, record: RegisteredRecord) -> Radiographs:
    pixels = cohort.pixels(record.image_size_px, record.resize)
    verified, compared = (
        _draw(np.concatenate([training, np.setdiff1d(validation, training)]), VERIFIED),
        _draw(validation, COMPARED),
    )
    return Radiographs(
        verification=pixels[verified],
        calibration=pixels[_draw(training, CALIBRATED)],
        validation=pixels[compared],
        y_true=(cohort.table["label"].to_numpy(dtype=str)[compared] == "PNEUMONIA").astype(np.int64),
        example=cohort.file(cohort.table["path"].iloc[verified[0]]),
    )


def _draw(rows: np.ndarray, count: int) -> np.ndarray:
    """Rows, (N,), or so many of them at random, in order."""
    if len(rows) <= count:
        return rows
    return np.sort(np.random.default_rng(SEED).choice(rows, count, replace=False))


def _print(bundle: Bundle, folder: Path, console: Console) -> None:
    parity, int8 = bundle.parity, bundle.int8
    console.print(f"Exported {bundle.name} as {bundle.format} to {folder}", markup=False)
    console.print(
        f"  {MODEL[bundle.format]}, run by its own runtime on {parity.radiographs} radiographs: probabilities differ from Keras' "
        f"in float32 by {parity.probability:.1e} at most"
    )
    console.print(f"  float32 differs from the precision of the training by {parity.registered:.1e} at most")
    if int8 is not None:
        console.print(
            f"  {INT8_MODEL} on {int8.radiographs} validation radiographs: AUROC {rounded(int8.auroc)} (float32: "
            f"{rounded(int8.auroc_float32)}), {percent(int8.agreement)} of decisions agree"
        )
    console.print("  the snippet of README.md was run. For research; not a medical device.")
    if bundle.format in {"keras", "onnx"}:
        console.print(f"Next: pneumo predict PATH --model {folder}", markup=False)
    else:
        console.print(f"Next: {folder / 'README.md'} says how to run it", markup=False)
