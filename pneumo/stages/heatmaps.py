"""Comparison of all explanation methods on the registered models."""

from rich.console import Console

from pneumo.cohort.index import index
from pneumo.config import Config
from pneumo.explain.model_explanations import ExplainedModel, explain_model, measurement_settings
from pneumo.registry import Registry
from pneumo.results.explanations import FILE, Explanations
from pneumo.results.measurements import measure_models


def run(config: Config, console: Console) -> None:
    """Score every explanation method on each recipe's newest model, ensembles in place of their members, and save the scores."""
    registry = Registry(config.registry)
    cohort = index(config.data, config.cohort)
    entries = registry.newest(cohort.fingerprint, config.protocol.fingerprint)
    members = {version for entry in entries for version in registry.record(entry).members}
    measure_models(
        config.report.directory / FILE,
        Explanations,
        [entry for entry in entries if entry.version not in members],
        settings=measurement_settings(config),
        measure=lambda entry: explain_model(ExplainedModel.load(registry, entry, cohort), config, console),
        console=console,
    )
