"""The report page."""

from collections import Counter

import pandas as pd
from rich.console import Console

from pneumo.cohort.index import Cohort, index
from pneumo.cohort.published import is_published
from pneumo.cohort.splits import partition, validation_fingerprint
from pneumo.config import Config
from pneumo.radiographs.view import unsquashed
from pneumo.registry import Entry, Registry
from pneumo.report.inputs import CohortFacts, Experiments, Sample
from pneumo.report.page import write_report
from pneumo.results.ablation import Ablation
from pneumo.results.cross_validation import CrossValidation
from pneumo.results.ingredients import Ingredients
from pneumo.results.registered import RegisteredModel

SAMPLES_PER_SUBTYPE = 2
SAMPLE_HEIGHT_PX = 320


def run(config: Config, console: Console) -> None:
    """Write the page on each recipe's newest model of this cohort, and on its newest experiments."""
    registry = Registry(config.registry)
    cohort = index(config)
    parts = partition(cohort, config.cohort)
    validated_on = validation_fingerprint(cohort, parts)
    entries = registry.newest(cohort.fingerprint, validated_on)
    for entry in registry.entries():
        if entry.data_fingerprint == cohort.fingerprint and entry.validation_fingerprint not in {None, validated_on}:
            console.print(f"Left out: {entry.recipe} v{entry.version}, validated on other radiographs", highlight=False)
    facts = CohortFacts(
        name=cohort.root.name,
        table=cohort.table.assign(part=parts),
        synthetic=cohort.synthetic,
        foreign=cohort.foreign,
        left_out=cohort.left_out,
        fingerprint=cohort.fingerprint,
        published=not cohort.synthetic and is_published(cohort.table),
        test_accesses=Counter(opening.recipe for opening in registry.test_accesses(cohort.fingerprint)),
    )
    models = [_result(registry, entry, cohort.table.set_index("path")["subtype"]) for entry in entries]
    page = write_report(config.report.directory, facts, samples(cohort, parts), models, _experiments(registry, cohort.fingerprint))
    console.print(f"Report: {page}\nNumbers: {page.with_name('metrics.json')}\nNext: open {page} in a browser", highlight=False)


def samples(cohort: Cohort, parts: pd.Series) -> list[Sample]:
    """Take a few training radiographs of each subtype by content hash: arbitrary, but the same in every report."""
    training = cohort.table[parts == "training"].sort_values("sha256")
    shown = training.groupby("subtype").head(SAMPLES_PER_SUBTYPE).sort_values(["label", "subtype"])
    return [
        Sample(unsquashed(cohort.root / path, SAMPLE_HEIGHT_PX), label if label == "NORMAL" else f"{label}, {subtype}")
        for path, label, subtype in shown[["path", "label", "subtype"]].itertuples(index=False)
    ]


def _experiments(registry: Registry, fingerprint: str) -> Experiments:
    return Experiments(
        cross_validations=[kept.result for kept in registry.newest_experiments(CrossValidation, fingerprint)],
        ablations=[kept.result for kept in registry.newest_experiments(Ablation, fingerprint)],
        ingredients=[kept.result for kept in registry.newest_experiments(Ingredients, fingerprint)],
    )


def _result(registry: Registry, entry: Entry, subtype: pd.Series) -> RegisteredModel:
    facts = registry.record(entry)
    validation, shifted, test = (
        (table := registry.predictions(entry, part)).assign(subtype=table["path"].map(subtype))
        for part in ("validation", "validation_shifted", "test")
    )
    return RegisteredModel(
        version=entry.version,
        champion="champion" in entry.aliases,
        sha256=entry.model_sha256,
        facts=facts,
        predictions_validation=validation,
        predictions_validation_shifted=shifted,
        predictions_test=test,
        search_convergence=registry.figure(entry, "search-convergence.png") if facts.search else None,
        search_dependence=registry.figure(entry, "search-dependence.png") if facts.search else None,
    )
