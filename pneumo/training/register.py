"""What becomes of a trained network: scored, described and registered."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from rich.console import Console

from pneumo.cohort.splits import validation_fingerprint
from pneumo.config import Robust, Transfer
from pneumo.evaluation.scores import evaluate
from pneumo.figures.models import learning_curves
from pneumo.registry import Entry, Registry
from pneumo.results.model import ModelRecord
from pneumo.results.search import SearchResult
from pneumo.training.dataset import Study, software
from pneumo.training.operating_point import lock
from pneumo.training.precision import Precision
from pneumo.training.predict import predict
from pneumo.training.provenance import git_commit, hardware
from pneumo.training.train import Trained, delete_state, note_registered

CLASS_NAMES = ("NORMAL", "PNEUMONIA")
GREY = "grey values 0..255 in one channel"


def register(
    study: Study,
    trained: Trained,
    precision: Precision,
    registry: Registry,
    console: Console,
    *,
    search: SearchResult | None = None,
    figures: Mapping[str, bytes] = MappingProxyType({}),
    family: str | None = None,
    members: Sequence[Entry] = (),
    finished: bool = True,
) -> Entry:
    """Lock the threshold and the temperature on validation, open the test split once, and record it all with the model.

    Args:
        search: what chose the recipe's settings, where it was a search.
        figures: further pictures to keep with the model, PNG by file name.
        family: what the models of several seeds have in common.
        members: the models that an ensemble averages.
        finished: whether the training's state may go; if not, it stays, with a note of the version.
    """
    locked = lock(study, trained.model)
    openings = registry.log_test_access(study.name, study.cohort.fingerprint)
    test = predict(study, trained.model, "test")
    parts = {"validation": locked.validation, "validation_shifted": locked.validation_shifted, "test": test}
    subtypes = study.cohort.table.set_index("path")["subtype"]
    evaluations = {
        part: evaluate(table["y_true"], table["y_score"], subtypes[table["path"]], locked.threshold)
        for part, table in parts.items()
    }
    record = ModelRecord(
        recipe=study.name,
        family=family,
        members=tuple(member.version for member in members),
        created=datetime.now(UTC),
        synthetic=study.cohort.synthetic,
        data_name=study.cohort.root.name,
        data_fingerprint=study.cohort.fingerprint,
        validation_fingerprint=validation_fingerprint(study.cohort, study.parts),
        partition=describe_partition(study),
        class_names=CLASS_NAMES,
        image_size_px=study.recipe.image_size_px,
        resize=study.recipe.resize,
        preprocessing=_preprocessing(study),
        threshold=locked.threshold,
        threshold_rule=study.recipe.threshold_rule,
        thresholds=locked.thresholds,
        temperature=locked.temperature,
        test_accessed=openings[-1].opened,
        test_accesses=len(openings),
        test_accesses_of_recipe=sum(opening.recipe == study.name for opening in openings),
        settings=study.recipe.model_dump(mode="json"),
        history=trained.history,
        phases=trained.phases,
        **evaluations,
        search=search,
        parameters=trained.parameters,
        training_seconds=trained.seconds,
        seed=None if members else study.recipe.fit.seed,
        precision=precision.policy,
        precision_reason=precision.reason,
        git_commit=git_commit(),
        software=software(),
        hardware=hardware(),
    )
    with tempfile.TemporaryDirectory() as folder:
        pictures = _pictures(record, figures, Path(folder))
        entry = registry.add(record, trained.model, parts, pictures)
    # Only now: until the model is listed, its training must be there to go on from.
    if finished:
        delete_state(study)
    else:
        note_registered(study, entry.version)
    _announce(entry, record, console)
    return entry


def describe_partition(study: Study) -> dict[str, dict[str, dict[str, int]]]:
    """Count images and patients of each part and class."""
    table = study.cohort.table.assign(part=study.parts)
    described: dict[str, dict[str, dict[str, int]]] = {}
    for part in ("training", "validation", "test"):
        for label in CLASS_NAMES:
            patients = table.loc[(table["part"] == part) & (table["label"] == label), "patient"]
            described.setdefault(part, {})[label] = {"images": len(patients), "patients": patients.nunique()}
    return described


def _preprocessing(study: Study) -> str:
    if isinstance(study.recipe, Transfer):
        return f"{GREY}, copied to three and prepared for {study.recipe.network.architecture} inside the model"
    scale = "-1..1" if isinstance(study.recipe, Robust) else "0..1"
    return f"{GREY}, rescaled to {scale} inside the model"


def _pictures(record: ModelRecord, figures: Mapping[str, bytes], folder: Path) -> list[Path]:
    # An ensemble learns nothing itself.
    curves = learning_curves(record.history, record.recipe, "learning", record.synthetic) if record.history else []
    for name, png in ({picture.name: picture.png for picture in curves} | dict(figures)).items():
        (folder / name).write_bytes(png)
    return sorted(folder.iterdir())


def _announce(entry: Entry, record: ModelRecord, console: Console) -> None:
    test, locked = record.test, record.test.locked
    opened = f"opened {record.test_accesses} times from this registry, {record.test_accesses_of_recipe} of them for {record.recipe}"
    of_what = " (made from SYNTHETIC radiographs)" if record.synthetic else ""
    threshold = f"at the threshold {record.threshold:.3f} locked on validation"
    lines = (
        f"Registered {record.recipe} as version {entry.version}{of_what}, {record.training_seconds:.0f} s of training",
        f"  test, {test.images} radiographs: AUROC {_figure(test.auroc)}; {threshold}:",
        f"  accuracy {locked.accuracy:.4f}, sensitivity {_figure(locked.sensitivity)}, specificity {_figure(locked.specificity)}",
        f"  this cohort's test split was {opened}",
        "Next: make report",
    )
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
