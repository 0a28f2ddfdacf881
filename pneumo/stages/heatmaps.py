"""Comparison of all explanation methods on the registered models."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from pneumo.cohort.index import Cohort, index
from pneumo.config import Config
from pneumo.explain.explainer import Explainer
from pneumo.explain.model_explanations import ExplainedModel, explain_model, measurement_settings
from pneumo.explain.stability import explain_network, method_stability
from pneumo.registry import Entry, Registry
from pneumo.results import stability
from pneumo.results.explanations import FILE, Explanations
from pneumo.results.files import load_result, save_result
from pneumo.results.measurements import measure_models
from pneumo.results.provenance import provenance
from pneumo.results.robustness import sample_radiographs
from pneumo.results.stability import ComparedNetwork, HeatmapStability

SEED = 0
_FEWEST = 2


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
    networks = [entry for entry in entries if not registry.record(entry).members]
    if len(networks) >= _FEWEST:
        _compare_networks(registry, networks, cohort, config, console)


def _compare_networks(registry: Registry, entries: Sequence[Entry], cohort: Cohort, config: Config, console: Console) -> None:
    """Save how far the maps of the networks agree, on validation radiographs: the test split is not accessed."""
    file, settings = config.report.directory / stability.FILE, measurement_settings(config)
    networks = tuple(_compared(registry, entry) for entry in entries)
    saved = load_result(file, HeatmapStability)
    if saved is not None and (saved.data_fingerprint, saved.networks, saved.settings) == (cohort.fingerprint, networks, settings):
        console.print(f"Agreement of the maps of {len(networks)} networks: measured before, in {file}")
        return
    drawn = sample_radiographs(registry.predictions(entries[0], "validation"), config.heatmaps.radiographs, SEED)
    rows = pd.Index(cohort.table["path"]).get_indexer(pd.Index(drawn["path"]))
    tracked = track(
        list(zip(entries, networks, strict=True)),
        "Maps of all networks",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    maps = [
        explain_network(
            Explainer(registry.load(entry), config.lots),
            _images(registry, entry, cohort, rows),
            config.heatmaps.methods,
            network.seed_group,
        )
        for entry, network in tracked
    ]
    result = HeatmapStability(
        **provenance(cohort, config.protocol.fingerprint),
        settings=settings,
        networks=networks,
        radiographs=len(drawn),
        methods=tuple(method_stability(maps, method) for method in config.heatmaps.methods),
    )
    save_result(file, result)
    console.print(f"Agreement of the maps of {len(networks)} networks in {file}")


def _compared(registry: Registry, entry: Entry) -> ComparedNetwork:
    record = registry.record(entry)
    return ComparedNetwork(
        name=f"{entry.recipe} v{entry.version}",
        model_sha256=entry.model_sha256,
        seed_group=record.seed_group or record.recipe,
    )


def _images(registry: Registry, entry: Entry, cohort: Cohort, rows: np.ndarray) -> np.ndarray:
    """Images of rows of the cohort, (N, H, W, 1), at the size of a model."""
    record = registry.record(entry)
    return cohort.pixels(record.image_size_px, record.resize)[rows][..., None]
