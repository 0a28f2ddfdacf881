"""A training run: one recipe on one dataset, under one protocol."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
import pandas as pd
from rich.console import Console

from pneumo.cohort.index import Cohort
from pneumo.config import Config, Protocol, Recipe
from pneumo.errors import UserError
from pneumo.files import write_atomically
from pneumo.results.provenance import software
from pneumo.training.dataset import Dataset, at_size, load_cohort

REGISTERED = "registered"


class RunFolder:
    """Base of a training run: the folder that holds its state until it is registered."""

    directory: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the run's folder against other processes.

        Raises:
            UserError: another process is training the same run.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(self.directory / "lock", timeout=0):
                yield
        except filelock.Timeout:
            raise UserError(f"Another process is training this run in {self.directory}: wait for it, or stop it") from None

    def delete_state(self) -> None:
        """Delete the state that an interrupted training resumes from."""
        for state in list(self.directory.rglob("state")):
            # Renamed first: if the process is killed here, the remaining files are not mistaken for a state.
            deleted = state.with_name(f"deleted-{os.getpid()}")
            state.rename(deleted)
            shutil.rmtree(deleted, ignore_errors=True)


@dataclass(frozen=True, eq=False)
class TrainingRun(RunFolder):
    """One recipe on one dataset, and the folder that holds its state until it is registered."""

    name: str
    recipe: Recipe
    protocol: Protocol
    dataset: Dataset
    directory: Path

    def mark_registered(self, version: int) -> None:
        """Record in the state that this run is registered, so that a resumed command does not register it again."""
        write_atomically(self.directory / "state" / REGISTERED, str(version))

    def registered_version(self) -> int | None:
        """Version of the model that this run was registered as, while its state is not deleted."""
        file = self.directory / "state" / REGISTERED
        return int(file.read_text()) if file.exists() else None


def load_run(config: Config, name: str, recipe: Recipe, console: Console) -> TrainingRun:
    """Index the cohort, assign the parts and decode it for a recipe. Takes the groups data, cohort, protocol and registry."""
    return define_run(config, name, recipe, *load_cohort(config.data, config.cohort, config.protocol, console))


def define_run(config: Config, name: str, recipe: Recipe, cohort: Cohort, parts: pd.Series) -> TrainingRun:
    """Define the run of a recipe on given parts; it is identified by recipe, cohort, parts and software versions."""
    identity = [recipe.model_dump(mode="json"), cohort.fingerprint, parts.tolist(), software()]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]
    dataset = at_size(cohort, parts, recipe, config.cohort.cache_dir)
    return TrainingRun(name, recipe, config.protocol, dataset, config.registry.directory / "training" / f"{name}-{key}")
