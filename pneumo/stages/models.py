"""What `pneumo registry` does with registered models."""

import json
import subprocess
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.registry import Registry


def show_list(config: Config, console: Console, *, as_json: bool) -> None:
    """Print every registered model, a table for each cohort, the newest last."""
    entries = Registry(config.registry).entries()
    if as_json:
        _print_json([entry.as_json() for entry in entries])
        return
    if not entries:
        console.print(f"No model is registered in {config.registry.directory} yet: run `make train`")
    tables: dict[str, Table] = {}
    for entry in entries:
        if entry.data_fingerprint not in tables:
            cohort = f"{entry.data_name}{' (SYNTHETIC radiographs)' if entry.synthetic else ''}"
            tables[entry.data_fingerprint] = _table(f"cohort {cohort}, {entry.data_fingerprint[:12]}")
        known = (entry.validation_shifted_auroc, entry.test_auroc, entry.test_accuracy)
        figures = ("–" if value is None else f"{value:.4f}" for value in known)
        named = (str(entry.version), entry.recipe, f"{entry.created:%Y-%m-%d}")
        tables[entry.data_fingerprint].add_row(*named, *figures, ", ".join(entry.aliases))
    for table in tables.values():
        console.print(table)


def show(config: Config, console: Console, reference: str, *, as_json: bool) -> None:
    """Print one model's whole record."""
    registry = Registry(config.registry)
    entry = registry.get(reference)
    record = registry.record(entry).model_dump(mode="json")
    if as_json:
        _print_json(entry.as_json() | {"record": record})
        return
    console.print(f"Version {entry.version}, sha256 {entry.model_sha256}")
    console.print_json(data=record)


def promote(config: Config, console: Console, reference: str) -> None:
    """Make a model the champion."""
    registry = Registry(config.registry)
    entry = registry.get(reference)
    registry.promote(entry.version)
    console.print(f"{entry.recipe} v{entry.version} is the champion now")


def serve(config: Config, console: Console) -> None:
    """Serve MLflow's own page on the registry until interrupted."""
    command = Registry(config.registry).ui_command()
    console.print("MLflow's page will be at http://127.0.0.1:5000 in a few seconds; Ctrl-C ends it", highlight=False)
    status = subprocess.run(command, check=False).returncode
    if status:
        raise UserError(f"MLflow's server ended with status {status}: see above; is port 5000 taken by another program?")


def _table(title: str) -> Table:
    headers = ("version", "recipe", "created", "AUROC,\nacquisition\nrandomised", "test\nAUROC", "test\naccuracy", "alias")
    return Table(*headers, title=title, title_justify="left")


def _print_json(value: Any) -> None:
    """Past the console, which would wrap and colour it."""
    json.dump(value, sys.stdout, indent=1)
    sys.stdout.write("\n")
