"""Loading of a model with what its predictions need, from the registry or from an exported bundle."""

import os
from pathlib import Path
from typing import NamedTuple

from pneumo import config
from pneumo.errors import UserError
from pneumo.evaluation.frontal_detector import FrontalDetector
from pneumo.evaluation.referral import Referral, certainties, choose_referral, wrong_decisions
from pneumo.files import printable
from pneumo.inference.bundle import MODEL, RECORD, read_bundle, read_detector
from pneumo.inference.network import KerasNetwork, Network, OnnxNetwork
from pneumo.inference.specification import Specification
from pneumo.results.adaptation import AdaptedRecord
from pneumo.results.model import AnyRecord


class Loaded(NamedTuple):
    """A network with what its predictions need."""

    network: Network
    specification: Specification
    detector: FrontalDetector | None
    """None of a model that was registered before there was one."""


def load_registered(settings: config.Registry, reference: str, referral: config.Referral) -> Loaded:
    """Load a registered model.

    Raises:
        UserError: there is no such model, or a file of it is damaged.
    """
    from pneumo.registry import Registry  # noqa: PLC0415 - imports MLflow, which is not there where only ONNX bundles are run
    from pneumo.registry.runs import REFUSAL  # noqa: PLC0415

    registry = Registry(settings)
    entry = registry.get(reference)
    record, detector = registry.registered_record(entry), registry.arrays(entry, REFUSAL, FrontalDetector)
    chosen_on = registry.predictions(entry, record.REFERRAL)
    members = [registry.predictions(registry.get(str(version)), record.REFERRAL) for version in record.members]
    scores = chosen_on["y_score"].to_numpy()
    certainty = certainties(scores, record.threshold, [member["y_score"].to_numpy() for member in members])
    errors = wrong_decisions(chosen_on["y_true"].to_numpy(), scores, record.threshold)
    rule = choose_referral(errors, certainty, referral.most_errors).model_copy(update={"chosen_on": record.REFERRAL_NAME})
    return Loaded(KerasNetwork(registry.load(entry)), _specification(record, entry.version, entry.model_sha256, rule), detector)


def _specification(record: AnyRecord, version: int, model_sha256: str, referral: Referral) -> Specification:
    return Specification(
        recipe=record.recipe,
        version=version,
        model_sha256=model_sha256,
        cohort=record.training_data_name if isinstance(record, AdaptedRecord) else record.data_name,
        adapted_on=record.data_name if isinstance(record, AdaptedRecord) else None,
        synthetic=record.synthetic,
        image_size_px=record.image_size_px,
        resize=record.resize,
        preprocessing=record.preprocessing,
        class_names=record.class_names,
        threshold=record.threshold,
        temperature=record.temperature,
        referral=referral,
    )


def bundle_folder(model: str | int | os.PathLike[str]) -> Path | None:
    """Return the folder of the bundle that a model is named by; None where it is the name of a registered model.

    Raises:
        UserError: a path that is not the folder of a bundle.
    """
    folder = Path(str(model))
    if (folder / RECORD).is_file():
        return folder
    if folder.is_dir():
        bundles = sorted(file.parent for file in folder.glob(f"*/{RECORD}"))
        problem = f"no exported bundle, for it has no {RECORD}"
        advice = f"give a folder that `pneumo export` wrote{f', such as {printable(bundles[0])}' if bundles else ''}"
    elif isinstance(model, int | str) and folder.name == str(model):
        return None
    else:
        problem, advice = "no such folder", "give the folder of an exported bundle"
    raise UserError(f"{printable(folder)}: {problem}; {advice}, or the version of a registered model, its recipe or champion")


def load_bundle(folder: Path) -> Loaded:
    """Load an exported bundle.

    Raises:
        UserError: it is damaged, in a format that another runtime takes, or its own is not installed.
    """
    bundle = read_bundle(folder)
    if bundle.format not in ("keras", "onnx"):
        raise UserError(
            f"{printable(folder)} is in the format {bundle.format}, which README.md there says how to run: "
            "for predictions, export the model with --format keras or onnx"
        )
    open_network = KerasNetwork.open if bundle.format == "keras" else OnnxNetwork
    try:
        network: Network = open_network(folder / MODEL[bundle.format])
    except ModuleNotFoundError as error:
        raise UserError(
            f"{printable(folder)} is in the format {bundle.format}, for which the package {error.name} is missing: "
            f"pip install {'onnxruntime' if bundle.format == 'onnx' else 'pneumo'}"
        ) from error
    return Loaded(network, bundle, read_detector(folder, bundle))
