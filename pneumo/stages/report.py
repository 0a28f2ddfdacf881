"""The report page."""

from collections import Counter

import pandas as pd
from rich.console import Console

from pneumo.cohort.index import Cohort, index, is_published
from pneumo.cohort.splits import partition
from pneumo.config import Config
from pneumo.evaluation.scores import PARTS
from pneumo.radiographs.decode import decode_at_height
from pneumo.registry import Entry, Registry
from pneumo.registry.test_access import AUDIT
from pneumo.report.inputs import CohortSummary, Experiments, Sample
from pneumo.report.page import write_report
from pneumo.results.adaptation import AdaptedModel
from pneumo.results.experiment import Ablation, CrossValidation
from pneumo.results.model import RegisteredModel

SAMPLES_PER_SUBTYPE = 2
SAMPLE_HEIGHT_PX = 320
SEARCH_FIGURES = ("convergence", "dependence")


def run(config: Config, console: Console) -> None:
    """Write the page on each recipe's newest model of this cohort and protocol, and on the cohort's newest experiments."""
    registry, protocol = Registry(config.registry), config.protocol.fingerprint
    cohort = index(config.data, config.cohort)
    parts = partition(cohort, config.protocol)
    entries = registry.newest(cohort.fingerprint, protocol)
    for entry in registry.entries():
        if entry.data_fingerprint == cohort.fingerprint and entry.protocol_fingerprint != protocol:
            why = "adapted to it, not trained on it" if entry.parent_version is not None else "validated under another protocol"
            console.print(f"Left out: {entry.recipe} v{entry.version}, {why}")
    for refusal in registry.unreadable():
        console.print(f"Left out: {refusal}")
    accesses = Counter(access.recipe for access in registry.test_accesses(cohort.fingerprint, cohort.content_fingerprint))
    audits = accesses.pop(AUDIT, 0)
    summary = CohortSummary(
        name=cohort.root.name,
        table=cohort.table.assign(part=parts),
        synthetic=cohort.synthetic,
        foreign=cohort.foreign,
        left_out=cohort.left_out,
        patients_from=cohort.patients_from,
        patients_known=cohort.patients_known,
        splits_from=cohort.splits_from,
        fingerprint=cohort.fingerprint,
        published=not cohort.synthetic and is_published(cohort.table),
        test_accesses=accesses,
        audits=audits,
    )
    models = [_load(registry, entry, cohort) for entry in entries]
    experiments = Experiments(
        cross_validations=registry.newest_experiments(CrossValidation, cohort.fingerprint),
        ablations=registry.newest_experiments(Ablation, cohort.fingerprint),
    )
    page = write_report(
        config.report.directory, summary, samples(cohort, parts), models, experiments, most_errors=config.referral.most_errors
    )
    console.print(f"Report: {page}\nNumbers: {page.with_name('metrics.json')}\nNext: open {page} in a browser")


def samples(cohort: Cohort, parts: pd.Series) -> list[Sample]:
    """A few training radiographs of each subtype, the first by content hash: arbitrary, but the same in every report."""
    training = cohort.table[parts == "training"].sort_values("sha256")
    shown = training.groupby("subtype").head(SAMPLES_PER_SUBTYPE).sort_values(["label", "subtype"])
    return [
        Sample(decode_at_height(cohort.file(path), SAMPLE_HEIGHT_PX), label if label == "NORMAL" else f"{label}, {subtype}")
        for path, label, subtype in shown[["path", "label", "subtype"]].itertuples(index=False)
    ]


def _load(registry: Registry, entry: Entry, cohort: Cohort) -> RegisteredModel:
    record, subtypes = registry.record(entry), cohort.table.set_index("path")["subtype"]
    predictions = {part: registry.predictions(entry, part) for part in PARTS}
    adapted = registry.adapted(entry)
    return RegisteredModel(
        version=entry.version,
        champion="champion" in entry.aliases,
        sha256=entry.model_sha256,
        record=record,
        predictions={part: table.assign(subtype=table["path"].map(subtypes)) for part, table in predictions.items()},
        external=registry.external_evaluations(entry),
        adaptations=registry.adaptations(entry),
        adapted=[AdaptedModel(other.version, other.model_sha256, registry.adapted_record(other)) for other in adapted],
        search_figures={name: registry.figure(entry, f"search-{name}.png") for name in SEARCH_FIGURES} if record.search else {},
    )
