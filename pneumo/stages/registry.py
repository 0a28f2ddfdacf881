"""List, show and promote registered models; start the MLflow UI."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.files import printable
from pneumo.registry import Entry, LungEntry, LungModels, Registry
from pneumo.registry.lungs import NAME as LUNGS
from pneumo.registry.store import NO_MODEL_REMEDY
from pneumo.results.formatting import interval

_WIDEST = 1_000
HEADERS = ("version", "recipe", "created", "AUROC by\nworst views", "AUROC,\ntest", "accuracy,\ntest", "alias")


def run(config: Config, console: Console, action: str, reference: str | None, as_json: bool) -> None:
    """Run one action of `pneumo registry`.

    Args:
        action: list, show, promote or ui.
        reference: for show and promote: a version, a recipe, or champion.
        as_json: for list and show.
    """
    registry = Registry(config.registry)
    if action == "list":
        _list(registry, config, console, as_json)
    elif action == "ui":
        _serve(registry, console)
    elif reference is None:
        raise UserError(f"{action} needs a version, a recipe or `champion`")
    elif action == "show":
        _show(registry, LungModels(config.registry), console, reference, as_json)
    else:
        entry = registry.promote(reference)
        console.print(f"{entry.recipe} v{entry.version} is the champion now")


def _list(registry: Registry, config: Config, console: Console, as_json: bool) -> None:
    """Print every registered model, a table for each cohort, the newest last."""
    entries, unreadable = registry.entries(), registry.unreadable()
    for message in unreadable:
        sys.stderr.write(f"pneumo: {message}\n")
    if as_json:
        _print_json([entry.model_dump(mode="json") for entry in entries])
        return
    if not entries and not unreadable:
        console.print(f"No model is registered in {config.registry.directory} yet: {NO_MODEL_REMEDY}")
    tables: dict[str, Table] = {}
    for entry in entries:
        title = f"cohort {entry.data_name}{' (SYNTHETIC radiographs)' if entry.synthetic else ''}, {entry.data_fingerprint[:12]}"
        table = tables.setdefault(entry.data_fingerprint, Table(*HEADERS, title=title, title_justify="left"))
        table.add_row(*_row(entry))
    for table in tables.values():
        # Never narrower, whatever the terminal: `promote` needs the names.
        table.width = console.measure(table, options=console.options.update(max_width=_WIDEST)).maximum
        console.print(table)
    if segmentations := LungModels(config.registry).entries():
        console.print(_lung_table(segmentations))


def _lung_table(segmentations: Sequence[LungEntry]) -> Table:
    title = "lung segmentations, trained on phantoms: no classifiers, and never the champion"
    table = Table("version", "created", "Dice, held-out\nphantoms", "accepted masks", title=title, title_justify="left")
    for entry in segmentations:
        accepted = f"{entry.accepted} of {entry.checked}, {printable(entry.checked_on)}"
        table.add_row(str(entry.version), f"{entry.created:%Y-%m-%d}", f"{entry.dice:.4f}", accepted)
    return table


def _row(entry: Entry) -> list[str]:
    scores = (entry.worst_view_auroc, entry.test_auroc, entry.test_accuracy)
    numbers = ["–" if score is None else f"{score:.4f}" for score in scores]
    return [str(entry.version), entry.recipe, f"{entry.created:%Y-%m-%d}", *numbers, ", ".join(entry.aliases)]


def _show(registry: Registry, lungs: LungModels, console: Console, reference: str, as_json: bool) -> None:
    """Print the record of a model and its scores on other cohorts, or the record of the newest lung segmentation."""
    if reference == LUNGS:
        _show_lungs(lungs, console, as_json)
        return
    entry = registry.get(reference)
    record = registry.registered_record(entry).model_dump(mode="json")
    external = [scored.evaluation for scored in registry.external_evaluations(entry)]
    if as_json:
        evaluations = [evaluation.model_dump(mode="json") for evaluation in external]
        _print_json(entry.model_dump(mode="json") | {"record": record, "external_evaluations": evaluations})
        return
    console.print(f"{entry.recipe} v{entry.version}, sha256 {entry.model_sha256}")
    console.print_json(data=record)
    for evaluation in external:
        scores, images = evaluation.statistics.certainty.scores, evaluation.statistics.scores.images
        console.print(
            f"On {printable(evaluation.data_name)}, {images} radiographs, {evaluation.created:%Y-%m-%d}: "
            f"AUROC {interval(scores['auroc'])}; at its locked threshold, sensitivity {interval(scores['locked.sensitivity'])}, "
            f"specificity {interval(scores['locked.specificity'])}",
            markup=False,
        )


def _show_lungs(lungs: LungModels, console: Console, as_json: bool) -> None:
    entry = lungs.newest()
    record = lungs.record(entry).model_dump(mode="json")
    if as_json:
        _print_json(entry.model_dump(mode="json") | {"record": record})
        return
    console.print(f"Lung segmentation {entry.version}, sha256 {entry.model_sha256}")
    console.print_json(data=record)


def _serve(registry: Registry, console: Console) -> None:
    """Run the MLflow UI on the registry until interrupted."""
    command = registry.ui_command()
    console.print("The MLflow UI will be at http://127.0.0.1:5000 in a few seconds; Ctrl-C ends it")
    try:
        status = subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        console.print("Stopped.")
        return
    if status:
        raise UserError(f"MLflow's server ended with status {status}, see above: is port 5000 in use by another program?")


def _print_json(value: Any) -> None:
    """Write JSON to stdout directly: the console would wrap and colour it."""
    json.dump(value, sys.stdout, indent=1)
    sys.stdout.write("\n")
