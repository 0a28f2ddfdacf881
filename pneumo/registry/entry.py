"""Registered models as the registry lists them: read from the tags of MLflow's model versions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from pneumo.errors import did_you_mean
from pneumo.results.adaptation import AdaptedRecord
from pneumo.results.model import ModelRecord
from pneumo.results.registered import RegisteredRecord

SHA256_TAG = "model_sha256"
_ENSEMBLE = "-ensemble"
_OF_A_SEED = re.compile(r"(.+)-seed-\d+")
"""Models of several seeds are named `robust-seed-0`, and their ensemble `robust-ensemble`."""


class Entry(BaseModel):
    """A registered model as it is listed."""

    model_config = ConfigDict(frozen=True)

    version: int
    recipe: str
    created: datetime
    synthetic: bool
    aliases: tuple[str, ...]
    run_id: str
    """MLflow run with the record, the predictions and the figures."""
    model_sha256: str
    data_name: str
    data_fingerprint: str
    protocol_fingerprint: str
    worst_view_auroc: float | None = None
    test_auroc: float | None = None
    test_accuracy: float | None = None
    """At the locked threshold; None of an adapted model, which has no test split, as the other scores."""
    parent_version: int | None = None
    """Of an adapted model: version of the model that it was adapted from. It is never ranked."""


@dataclass(frozen=True)
class UnreadableEntry:
    """A registered model whose tags lack what this version of the package needs, such as one of an earlier version."""

    version: int
    recipe: str
    aliases: tuple[str, ...]
    data_fingerprint: str | None
    fields: str
    """Names of the missing or invalid fields, separated by commas."""


def tags_of(record: RegisteredRecord, sha256: str) -> dict[str, str]:
    """Return the tags of a model version, from which its entry is read; undefined scores have none."""
    values: dict[str, Any] = {
        SHA256_TAG: sha256,
        "recipe": record.recipe,
        "created": record.created.isoformat(),
        "synthetic": record.synthetic,
        "data_name": record.data_name,
        "data_fingerprint": record.data_fingerprint,
        "protocol_fingerprint": record.protocol_fingerprint,
    }
    if isinstance(record, ModelRecord):
        values["worst_view_auroc"] = record.worst_views.auroc
        values["test_auroc"] = record.test.auroc
        values["test_accuracy"] = record.test.locked.accuracy
    if isinstance(record, AdaptedRecord):
        values["parent_version"] = record.parent_version
    return {name: str(value) for name, value in values.items() if value is not None}


def read_entry(version: Any, aliases: Mapping[int, Sequence[str]]) -> Entry | UnreadableEntry:
    """Read the entry of one of MLflow's model versions, given the aliases of all by version."""
    number, tags = int(version.version), version.tags
    own = tuple(aliases.get(number, ()))
    try:
        return Entry.model_validate(tags | {"version": number, "run_id": version.run_id, "aliases": own})
    except ValidationError as error:
        fields = ", ".join(str(problem["loc"][0]) for problem in error.errors())
        return UnreadableEntry(number, tags.get("recipe", "the model"), own, tags.get("data_fingerprint"), fields)


def best_of(entries: Sequence[Entry]) -> Entry:
    """Return the model with the highest AUROC by worst views, by which the report selects; the oldest of equal ones.

    Only models of the newest model's cohort and protocol are compared: others are validated on other radiographs. As in the report,
    an ensemble stands for its seeds. Adapted models are left out, unless there are no others, and so are those of synthetic
    radiographs.
    """
    trained = [entry for entry in entries if entry.parent_version is None] or entries
    trained = [entry for entry in trained if not entry.synthetic] or trained
    newest = trained[-1]
    same = (newest.data_fingerprint, newest.protocol_fingerprint)
    comparable = [entry for entry in trained if (entry.data_fingerprint, entry.protocol_fingerprint) == same]
    recipes = {entry.recipe for entry in comparable}
    compared = [entry for entry in comparable if f"{_seed_group(entry.recipe)}{_ENSEMBLE}" not in recipes]
    return max(compared, key=lambda entry: -1.0 if entry.worst_view_auroc is None else entry.worst_view_auroc)


def find_entry(listing: Sequence[Entry | UnreadableEntry], reference: str) -> Entry | UnreadableEntry | None:
    """Return the newest model of this version, alias or recipe; None where there is none.

    A recipe that is trained from several seeds stands for its newest ensemble, or without one for the newest model of a seed.
    """
    matches = (
        lambda entry: reference in (str(entry.version), entry.recipe, *entry.aliases),
        lambda entry: entry.recipe == f"{reference}{_ENSEMBLE}",
        lambda entry: _seed_group(entry.recipe) == reference,
    )
    return next((entry for match in matches for entry in reversed(listing) if match(entry)), None)


def describe_entries(listing: Sequence[Entry | UnreadableEntry], unknown: str) -> str:
    """Say which models there are, and which of them may be meant by an unknown name, as the end of a message."""
    existing = ", ".join(f"{entry.version} ({', '.join((entry.recipe, *entry.aliases))})" for entry in listing)
    names = {name for entry in listing for name in (entry.recipe, entry.recipe.removesuffix(_ENSEMBLE), *entry.aliases)}
    return f"there are {existing}{did_you_mean(unknown, sorted(names))}"


def _seed_group(recipe: str) -> str | None:
    """Return the recipe that was trained from several seeds, of which this is one; None of another model."""
    of_a_seed = _OF_A_SEED.fullmatch(recipe)
    return of_a_seed[1] if of_a_seed else None
