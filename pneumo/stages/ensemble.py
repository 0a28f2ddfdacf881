"""Averaging of registered models into one."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from pneumo.cohort.index import Cohort
from pneumo.config import Config, EnsembleRecipe
from pneumo.errors import UserError
from pneumo.nets import ensemble
from pneumo.registry import Entry, Registry
from pneumo.results.model import ModelRecord
from pneumo.training.dataset import load_cohort
from pneumo.training.fit import Trained
from pneumo.training.register import Lineage, register
from pneumo.training.run import define_run

NAME = "ensemble"
_FEWEST = 2


def run(config: Config, console: Console, references: list[str]) -> None:
    """Register the mean of the logits of several models as a model with its own threshold and temperature.

    Raises:
        UserError: there are too few models, the same one twice, or models that cannot be averaged.
    """
    registry = Registry(config.registry)
    entries = [registry.get(reference) for reference in references]
    if len({entry.version for entry in entries}) < max(_FEWEST, len(entries)):
        raise UserError(f"{' '.join(references)}: an ensemble needs two models or more, each given once")
    records = [registry.record(entry) for entry in entries]
    cohort, parts = load_cohort(config.data, config.cohort, config.protocol, console)
    _require_common(entries, records, cohort, config)
    recipe = EnsembleRecipe(image_size_px=max(record.image_size_px for record in records), resize=records[0].resize)
    model = ensemble.build([registry.load(entry) for entry in entries])
    averaged = Trained(model, {}, sum(record.training_seconds for record in records))
    lineage = Lineage(members=entries, settings=_settings(entries, records))
    register(define_run(config, NAME, recipe, cohort, parts), averaged, registry, console, lineage=lineage)


def _require_common(entries: Sequence[Entry], records: Sequence[ModelRecord], cohort: Cohort, config: Config) -> None:
    """Require what makes the mean of the models' logits comparable with their own.

    Raises:
        UserError: naming the first model that differs, and in what.
    """
    for entry, record in zip(entries, records, strict=True):
        name = f"{entry.recipe} v{entry.version}"
        if entry.data_fingerprint != cohort.fingerprint:
            raise UserError(f"{name} was trained on {entry.data_name}, not on {cohort.title}: give its cohort with --data")
        if entry.protocol_fingerprint != config.protocol.fingerprint:
            raise UserError(f"{name} was validated by another protocol: give its settings of `protocol`")
        if record.resize != records[0].resize:
            raise UserError(
                f"{name} resizes radiographs by `{record.resize}` and {entries[0].recipe} v{entries[0].version} by "
                f"`{records[0].resize}`: average models of one `resize`"
            )


def _settings(entries: Sequence[Entry], records: Sequence[ModelRecord]) -> dict[str, Any]:
    """The settings of each member by its name; those of an ensemble are its own members'."""
    members: dict[str, Any] = {}
    for entry, record in zip(entries, records, strict=True):
        name = f"{entry.recipe} v{entry.version}"
        members |= record.settings.get("members", {name: record.settings})
    return {"members": members}
