"""Adaptation of a registered model to another cohort: what labels gain there, and a model with a refitted head."""

import math
import time
from collections.abc import Iterator, Sequence

import pandas as pd
from rich.console import Console
from rich.table import Table

from pneumo.audit.acquisition import acquisition_baseline
from pneumo.audit.measures import measure
from pneumo.audit.traits import TRAITS
from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.evaluation.learning_curve import OUTER_FOLDS, Site, repeated_folds
from pneumo.evaluation.linear_head import INNER_FOLDS, TooFewPatientsError
from pneumo.files import printable
from pneumo.registry import Entry, Registry
from pneumo.registry.test_access import Access
from pneumo.report.adaptations import adaptation_meaning, adaptation_notes, labels_in_words
from pneumo.results.adaptation import Adaptation, AdaptedRecord
from pneumo.results.formatting import interval, signed_interval
from pneumo.training.adapt import Parent, curve_predictions, learning_curve, register_adapted, site_features
from pneumo.training.dataset import CLASS_NAMES
from pneumo.training.other_cohort import OtherCohort, load_other_cohort

MIN_PATIENTS = 2 * OUTER_FOLDS
"""Patients of each class that nested cross-validation needs."""


def run(config: Config, console: Console, reference: str, labels: int | None) -> None:
    """Measure the learning curve of a model on another cohort, store it, and register the model adapted to it.

    Args:
        labels: radiographs that the adapted model is fitted on; None: all.

    Raises:
        UserError: there is no such model, the cohort is the one that it was trained on, or it has too few labels.
    """
    registry = Registry(config.registry)
    entry = registry.get(reference)
    if entry.parent_version is not None:
        raise UserError(f"{entry.recipe} v{entry.version} was adapted already: adapt v{entry.parent_version}, which it came from")
    other = load_other_cohort(config, registry, entry)
    cohort, table = other.cohort, other.table
    _check_labels(table, labels, printable(cohort.root.name))
    name = f"{entry.recipe} v{entry.version} on {cohort.title}"
    console.print(f"{name}: all {len(table)} radiographs, whatever their split", markup=False)
    parent = Parent(entry, registry.record(entry), registry.load(entry))
    accesses = registry.log_test_access(f"{entry.recipe}-adapted", cohort.fingerprint, cohort.content_fingerprint)
    try:
        site, measured, predictions = _measure(parent, other, config, console, labels=labels, accesses=accesses)
        registry.add_adaptation(measured, predictions)
        adapted, record = register_adapted(registry, parent, other, site, labels=labels, measured=measured)
    except TooFewPatientsError as error:
        raise UserError(f"{error}; give more --labels, or label radiographs of more patients") from error
    _print(measured, adapted, record, config, console)


def _check_labels(table: pd.DataFrame, labels: int | None, name: str) -> None:
    """Refuse a cohort with too few patients for nested cross-validation, and a number of labels that it does not allow."""
    patients = {label: table.loc[table["label"] == label, "patient"].nunique() for label in CLASS_NAMES}
    if min(patients.values()) < MIN_PATIENTS:
        counted = " and ".join(f"{count} with {label}" for label, count in patients.items())
        raise UserError(
            f"{name}: adapting takes {MIN_PATIENTS} patients of each class, there are {counted}; label more radiographs"
        )
    fewest = math.ceil(INNER_FOLDS * len(table) / table["label"].value_counts().min())
    if labels is not None and not fewest <= labels <= len(table):
        raise UserError(
            f"--labels {labels}: of {name}, {len(table)} radiographs are labelled, and {fewest} are the fewest that give"
            f" cross-validation enough of each class; give {fewest} to {len(table)}, or leave it out for all"
        )


def _measure(
    parent: Parent, other: OtherCohort, config: Config, console: Console, *, labels: int | None, accesses: Sequence[Access]
) -> tuple[Site, Adaptation, pd.DataFrame]:
    """Features of the site's radiographs, the learning curve, and the predictions that it was computed from."""
    started, settings = time.monotonic(), config.adapt
    entry, record, cohort, table = parent.entry, parent.record, other.cohort, other.table
    site, unadapted = site_features(parent, other, console)
    curve, scored = learning_curve(
        site, unadapted, labels, rule=record.threshold_rule, repeats=settings.repeats, seed=settings.seed, console=console
    )
    folds = repeated_folds(site, settings.repeats, settings.seed)
    with console.status("Acquisition traits"):
        traits = measure(cohort).traits.iloc[other.rows]
        acquisition = acquisition_baseline(traits, site.y_true, site.patient, folds)
    measured = Adaptation(
        **other.fields(entry, record.threshold, accesses),
        threshold_rule=record.threshold_rule,
        images=len(table),
        pneumonia=int(site.y_true.sum()),
        patients=table["patient"].nunique(),
        seed=settings.seed,
        seconds=time.monotonic() - started,
        curve=curve,
        acquisition=acquisition,
    )
    return site, measured, curve_predictions(table, site, scored)


def _print(measured: Adaptation, adapted: Entry, record: AdaptedRecord, config: Config, console: Console) -> None:
    for note in adaptation_notes(measured):
        console.print(note, markup=False)
    for table in (*_curve_tables(measured), _trait_table(measured)):
        console.print(table)
    for sentence in adaptation_meaning(measured):
        console.print(sentence, markup=False)
    scores = record.expected.scores
    console.print(
        f"Registered {adapted.recipe} as version {adapted.version}, adapted from v{record.parent_version} to"
        f" {labels_in_words(record.labels)} of {printable(record.data_name)}, with a threshold of {record.threshold:.3f}\n"
        f"  expected of it by nested cross-validation: AUROC {interval(scores.auroc)}, sensitivity {interval(scores.sensitivity)},"
        f" specificity {interval(scores.specificity)}",
        markup=False,
    )
    place = config.registry.tracking_uri or config.registry.directory
    console.print(f"Saved in {place}; no selection of a model reads it. For research; not a medical device.", markup=False)
    console.print(f"Next: pneumo predict PATH --model {adapted.version}, or pneumo report with the cohort of the training")


def _curve_tables(measured: Adaptation) -> Iterator[Table]:
    """The learning curve in two tables, each narrow enough for a terminal."""
    curve = measured.curve
    title = f"{measured.name} on {printable(measured.data_name)}: {curve.folds} outer folds, {curve.repeats} times (95 % intervals)"
    rows = {"none": curve.unadapted} | {str(point.labels or "all"): point.scores for point in curve.points}
    discrimination = Table("labels", "AUROC", "AUROC, difference", "Brier score", title=title, title_justify="left")
    gains = ["", *(signed_interval(point.difference.auroc) for point in curve.points)]
    for (labels, scores), gain in zip(rows.items(), gains, strict=True):
        discrimination.add_row(labels, interval(scores.auroc), gain, interval(scores.brier))
    decisions = Table("labels", "accuracy", "sensitivity", "specificity")
    for labels, scores in rows.items():
        decisions.add_row(labels, *map(interval, (scores.accuracy, scores.sensitivity, scores.specificity)))
    yield from (discrimination, decisions)


def _trait_table(measured: Adaptation) -> Table:
    acquisition = measured.acquisition
    table = Table("acquisition alone", "AUROC", title_justify="left")
    table.add_row("all traits together", interval(acquisition.all_traits))
    for trait, estimate in acquisition.strongest(len(acquisition.by_trait)):
        table.add_row(TRAITS[trait].title, interval(estimate))
    return table
