"""Evaluation of a registered model on another cohort, at the threshold and temperature that were locked on its own validation."""

import pandas as pd
from rich.console import Console
from rich.table import Table

from pneumo.config import Config
from pneumo.evaluation.external import ExternalStatistics, external_statistics
from pneumo.evaluation.feature_distance import FeatureReference, measure_shift
from pneumo.evaluation.subgroups import COLUMNS, MIN_IMAGES
from pneumo.files import printable
from pneumo.registry import Entry, Registry
from pneumo.registry.runs import FEATURE_REFERENCE
from pneumo.report.other_cohorts import SCORES, meaning, notes
from pneumo.report.scores import value
from pneumo.results.external import ExternalEvaluation
from pneumo.results.formatting import interval, rounded
from pneumo.results.registered import RegisteredRecord
from pneumo.training.feature_reference import score_radiographs
from pneumo.training.other_cohort import load_other_cohort

# Of the scores on a model's own cohort, by part.
OWN_HEADERS = {"validation_shifted": "shifted\nvalidation", "test": "own\ntest", "out_of_fold": "own labels,\nout of fold"}


def run(config: Config, console: Console, reference: str) -> None:
    """Score all radiographs of another cohort, whatever their split, and store the evaluation with the model.

    Raises:
        UserError: there is no such model, or the cohort is the one that it was trained on.
    """
    registry = Registry(config.registry)
    entry = registry.get(reference)
    record = registry.registered_record(entry)
    other = load_other_cohort(config, registry, entry)
    cohort, table = other.cohort, other.table
    features = registry.arrays(entry, FEATURE_REFERENCE, FeatureReference)
    model = registry.load(entry)
    console.print(
        f"{entry.recipe} v{entry.version} on {cohort.title}: all {len(table)} radiographs, whatever their split", markup=False
    )
    pixels = cohort.pixels(record.image_size_px, record.resize)
    accesses = registry.log_test_access(entry.recipe, cohort.fingerprint, cohort.content_fingerprint)
    scored = score_radiographs(model, pixels, other.rows, features, console)
    predictions = _predictions(table, scored)
    with console.status("Intervals by bootstrap of the patients"):
        statistics = _statistics(registry, entry, record, features, predictions)
    evaluation = ExternalEvaluation(
        **other.fields(entry, record.threshold, accesses),
        temperature=record.temperature,
        statistics=statistics,
    )
    registry.add_external_evaluation(evaluation, predictions)
    _print(evaluation, record, config, console)


def _predictions(table: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """Columns path, patient, subtype, y_true, y_score, distance, and those of subgroups that the table has."""
    attributes = [column for column in COLUMNS if column in table]
    predictions = table[["path", "patient", "subtype", *attributes]].reset_index(drop=True)
    predictions.insert(3, "y_true", (table["label"] == "PNEUMONIA").astype(int).to_numpy())
    predictions[["y_score", "distance"]] = scored[["y_score", "distance"]]
    return predictions


def _statistics(
    registry: Registry, entry: Entry, record: RegisteredRecord, features: FeatureReference | None, predictions: pd.DataFrame
) -> ExternalStatistics:
    shift = None
    if features is not None:
        validation_patient = registry.predictions(entry, "validation")["patient"]
        shift = measure_shift(features, validation_patient, predictions["distance"].to_numpy(), predictions["patient"])
    return external_statistics(
        predictions,
        predictions["y_score"].to_numpy(),
        own_test=registry.predictions(entry, record.OWN),
        threshold=record.threshold,
        temperature=record.temperature,
        shift=shift,
    )


def _print(evaluation: ExternalEvaluation, record: RegisteredRecord, config: Config, console: Console) -> None:
    statistics = evaluation.statistics
    for note in notes(evaluation):
        console.print(note, markup=False)
    console.print(_score_table(evaluation, record))
    if statistics.subgroups:
        console.print(_subgroup_table(evaluation))
    for sentence in meaning(evaluation, record):
        console.print(sentence, markup=False)
    place = config.registry.tracking_uri or config.registry.directory
    console.print(f"Saved in {place} with {evaluation.name}; no selection of a model reads it. For research; not a medical device.")
    console.print("Next: pneumo report, with the cohort that the model was trained on")


def _score_table(evaluation: ExternalEvaluation, record: RegisteredRecord) -> Table:
    """Main scores on the model's own cohort, and on the other cohort."""
    own = {OWN_HEADERS[part]: record.evaluations[part] for part in dict.fromkeys((record.REFERRAL, record.OWN))}
    headers = ("score", *own, "this cohort\n(95 % interval)")
    table = Table(*headers, title=f"{evaluation.name} at its locked threshold {evaluation.threshold:.3f}", title_justify="left")
    estimates = evaluation.statistics.certainty.scores
    for path, label in SCORES.items():
        table.add_row(label, *(rounded(value(scores, path)) for scores in own.values()), interval(estimates[path]))
    calibration, blank = evaluation.statistics.calibration, [""] * len(own)
    for name, measured in (("raw", calibration.raw), ("temperature-scaled", calibration.scaled)):
        if measured is not None:
            table.add_row(f"ECE, {name}", *blank, rounded(measured.expected_calibration_error))
    if shift := evaluation.statistics.shift:
        table.add_row("further from training\nthan validation", *blank, interval(shift.further))
    return table


def _subgroup_table(evaluation: ExternalEvaluation) -> Table:
    title = f"Subgroups; those of fewer than {MIN_IMAGES} radiographs or of one class have no scores"
    table = Table("", "group", "radiographs", "PNEUMONIA", "AUROC", "sensitivity", "specificity", title=title, title_justify="left")
    for group in evaluation.statistics.subgroups:
        scores = (interval(estimate) for estimate in (group.auroc, group.sensitivity, group.specificity))
        table.add_row(group.attribute, printable(group.group), str(group.images), str(group.pneumonia), *scores)
    return table
