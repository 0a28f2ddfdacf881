"""The test-access log: when the test split of a cohort was read, and for which recipe a model was scored on it.

A cohort without splits has another fingerprint with each split that is drawn for training, and one without any for an evaluation of
models of other cohorts, which scores all its radiographs. So accesses to the same radiographs in other splits count as well, by the
fingerprint of the content.

Each access is logged before it takes place, and never deleted. The log is stored with the registry: as a file in the folder of an
embedded registry, as MLflow runs on a tracking server, which all machines that use the server share.
"""

import errno
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from pneumo.evaluation.scores import Result
from pneumo.registry.backend import Backend
from pneumo.registry.connection import as_user_error, import_mlflow
from pneumo.registry.embedded import EXPERIMENT
from pneumo.registry.runs import COHORT_TAG, CONTENT_TAG, KIND_TAG, NAME_TAG, SOURCE_TAGS, find_runs

FILE = "test-access.jsonl"
KIND = "test-access"
TIME_TAG = "pneumo.time"
AUDIT = "audit"
"""Stands in place of a recipe: the audit reads the radiographs and labels of test, and scores no model."""


class Access(Result):
    """One access to the test split of a cohort."""

    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    recipe: str
    """Recipe of the model that was scored, or AUDIT."""
    data_fingerprint: str
    content_fingerprint: str | None = None
    """Of the cohort's pixels, however they are split; None where an earlier version logged the access."""

    def concerns(self, data_fingerprint: str, content_fingerprint: str | None) -> bool:
        """Whether it was to the same cohort, or to the same radiographs in another split."""
        same_content = content_fingerprint is not None and self.content_fingerprint == content_fingerprint
        return self.data_fingerprint == data_fingerprint or same_content


def log_access(backend: Backend, recipe: str, data_fingerprint: str, content_fingerprint: str | None = None) -> list[Access]:
    """Log that the audit or a recipe's model is about to access test; return all accesses to those radiographs, this one last."""
    access = Access(recipe=recipe, data_fingerprint=data_fingerprint, content_fingerprint=content_fingerprint)
    with as_user_error(backend.location):
        if backend.tracking_uri is None:
            _append_to_file(backend.directory, access)
        else:
            _create_run(backend.client(), access)
    # Not by time: clocks of machines that share a server may differ.
    accesses = read_accesses(backend, data_fingerprint, content_fingerprint)
    return [other for other in accesses if other != access] + [access]


def read_accesses(backend: Backend, data_fingerprint: str, content_fingerprint: str | None = None) -> list[Access]:
    """Return all accesses to a cohort's test split, and to the same radiographs in other splits, the newest last."""
    with as_user_error(backend.location):
        if backend.tracking_uri is None:
            accesses = _read_file(backend.directory)
        else:
            accesses = _read_runs(backend.client(), data_fingerprint, content_fingerprint)
    concerned = (access for access in accesses if access.concerns(data_fingerprint, content_fingerprint))
    return sorted(concerned, key=lambda access: access.time)


def _append_to_file(directory: Path, access: Access) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / FILE).open("ab+", buffering=0) as file:
        line = f"{access.model_dump_json(exclude_none=True)}\n".encode()
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - 1, 0))
        # A line that a full disk cut short must not be joined to this one.
        if size and file.read(1) != b"\n":
            line = b"\n" + line
        # In one write, so that lines of concurrent processes do not mix.
        if file.write(line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory / FILE))


def _read_file(directory: Path) -> list[Access]:
    accesses: list[Access] = []
    with suppress(FileNotFoundError):
        for line in (directory / FILE).read_bytes().splitlines():
            # Raised by a line that was cut short: its access did not take place.
            with suppress(ValidationError):
                accesses.append(Access.model_validate_json(line))
    return accesses


def _create_run(client: Any, access: Access) -> None:
    """Store an access on a tracking server: a run without data, created together with its tags in one transaction."""
    tags = {KIND_TAG: KIND, NAME_TAG: access.recipe, COHORT_TAG: access.data_fingerprint, TIME_TAG: access.time.isoformat()}
    if access.content_fingerprint is not None:
        tags[CONTENT_TAG] = access.content_fingerprint
    experiment = import_mlflow().set_experiment(EXPERIMENT)
    run = client.create_run(experiment.experiment_id, tags=SOURCE_TAGS | tags, run_name=f"{KIND} {access.recipe}")
    client.set_terminated(run.info.run_id)


def _read_runs(client: Any, data_fingerprint: str, content_fingerprint: str | None) -> list[Access]:
    """Accesses on a tracking server, also where their runs were deleted on its page."""
    conditions = [{COHORT_TAG: data_fingerprint}]
    if content_fingerprint is not None:
        conditions.append({CONTENT_TAG: content_fingerprint})
    tags = {run.info.run_id: run.data.tags for condition in conditions for run in find_runs(client, KIND, condition, deleted=True)}
    return [
        Access(time=tag[TIME_TAG], recipe=tag[NAME_TAG], data_fingerprint=tag[COHORT_TAG], content_fingerprint=tag.get(CONTENT_TAG))
        for tag in tags.values()
    ]
