"""Evaluation of a registered model on another cohort, at the threshold and temperature that were locked on its own validation."""

from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from pneumo.cohort.index import Cohort, index
from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.evaluation.external import ExternalStatistics, external_statistics
from pneumo.evaluation.feature_distance import FeatureReference, measure_shift
from pneumo.evaluation.subgroups import COLUMNS, MIN_IMAGES
from pneumo.files import printable
from pneumo.registry import Entry, Registry
from pneumo.registry.runs import FEATURE_REFERENCE, OWN_RADIOGRAPHS
from pneumo.registry.test_access import AUDIT
from pneumo.report.other_cohorts import SCORES, meaning, notes
from pneumo.report.scores import value
from pneumo.results.external import ExternalEvaluation
from pneumo.results.formatting import interval, rounded
from pneumo.results.model import ModelRecord
from pneumo.results.provenance import provenance
from pneumo.training.feature_reference import score_radiographs

MAX_SHARED = 0.5
"""Largest share of a cohort that may be left out: one that shares more is the model's own, differently arranged."""
OTHER_COHORT = "give another cohort with --data"


def run(config: Config, console: Console, reference: str) -> None:
    """Score all radiographs of another cohort, whatever their split, and store the evaluation with the model.

    Raises:
        UserError: there is no such model, or the cohort is the one that it was trained on.
    """
    registry = Registry(config.registry)
    entry = registry.get(reference)
    record = registry.record(entry)
    _refuse_phantoms_by_default(config, record)
    cohort = index(config.data, config.cohort, to_train=False)
    rows, left_out = _other_radiographs(registry, entry, cohort)
    features = registry.arrays(entry, FEATURE_REFERENCE, FeatureReference)
    model = registry.load(entry)
    table = cohort.table.iloc[rows]
    console.print(
        f"{entry.recipe} v{entry.version} on {cohort.title}: all {len(table)} radiographs, whatever their split", markup=False
    )
    pixels = cohort.pixels(record.image_size_px, record.resize)
    accesses = registry.log_test_access(entry.recipe, cohort.fingerprint, cohort.content_fingerprint)
    scored = score_radiographs(model, pixels, rows, features, console)
    predictions = _predictions(table, scored)
    with console.status("Intervals by bootstrap of the patients"):
        statistics = _statistics(registry, entry, record, features, predictions)
    evaluation = ExternalEvaluation(
        **provenance(cohort, entry.protocol_fingerprint),
        version=entry.version,
        recipe=entry.recipe,
        model_sha256=entry.model_sha256,
        training_data_name=entry.data_name,
        training_data_fingerprint=entry.data_fingerprint,
        threshold=record.threshold,
        temperature=record.temperature,
        left_out=left_out,
        **_of_cohort(cohort),
        accesses=sum(access.recipe != AUDIT for access in accesses),
        statistics=statistics,
    )
    registry.add_external_evaluation(evaluation, predictions)
    _print(evaluation, record, config, console)


def _refuse_phantoms_by_default(config: Config, record: ModelRecord) -> None:
    """Refuse to score a model of patients on the phantoms that stand in where no data are given."""
    if config.data is None and not record.synthetic:
        raise UserError(f"no cohort is given to evaluate {record.recipe} on; {OTHER_COHORT}")


def _other_radiographs(registry: Registry, entry: Entry, cohort: Cohort) -> tuple[np.ndarray, int | None]:
    """Return the rows of the cohort that the model's own cohort does not have, and the number of the rows that it has.

    A patient with one radiograph of the own cohort is left out with all; the number is None where this cannot be checked.

    Raises:
        UserError: the cohort is the one that the model was trained on, or most of it.
    """
    name = f"{printable(cohort.root.name)} is the cohort that {entry.recipe} v{entry.version} was trained on"
    content = registry.attachment(entry, OWN_RADIOGRAPHS)
    own = None if content is None else set(content.decode().split())
    # Where splits were drawn for training, the fingerprints differ.
    if cohort.fingerprint == entry.data_fingerprint or set(cohort.table["sha256"]) == own:
        raise UserError(f"{name}, and `pneumo report` has its scores on the test split; {OTHER_COHORT}")
    rows = np.arange(len(cohort.table))
    if own is None:
        return rows, None
    shared = cohort.table["sha256"].isin(own)
    left_out = cohort.table["patient"].isin(cohort.table.loc[shared, "patient"]).to_numpy()
    if left_out.mean() > MAX_SHARED:
        counted = f"{left_out.sum()} of {len(rows)} radiographs are of patients with an identical radiograph there"
        raise UserError(f"{name}, for the most part: {counted}; {OTHER_COHORT}")
    return rows[~left_out], int(left_out.sum())


def _of_cohort(cohort: Cohort) -> dict[str, Any]:
    """What the index of the other cohort ignored and left out, and where its patients are from: fields of ExternalEvaluation."""
    return {
        "foreign": dict(cohort.foreign),
        "problems": cohort.left_out.groupby("problem")["path"].nunique().to_dict(),
        "patients_known": cohort.patients_known,
        "patients_from": cohort.patients_from,
    }


def _predictions(table: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """Columns path, patient, subtype, y_true, y_score, distance, and those of subgroups that the table has."""
    attributes = [column for column in COLUMNS if column in table]
    predictions = table[["path", "patient", "subtype", *attributes]].reset_index(drop=True)
    predictions.insert(3, "y_true", (table["label"] == "PNEUMONIA").astype(int).to_numpy())
    predictions[["y_score", "distance"]] = scored[["y_score", "distance"]]
    return predictions


def _statistics(
    registry: Registry, entry: Entry, record: ModelRecord, features: FeatureReference | None, predictions: pd.DataFrame
) -> ExternalStatistics:
    shift = None
    if features is not None:
        validation_patient = registry.predictions(entry, "validation")["patient"]
        shift = measure_shift(features, validation_patient, predictions["distance"].to_numpy(), predictions["patient"])
    return external_statistics(
        predictions,
        predictions["y_score"].to_numpy(),
        own_test=registry.predictions(entry, "test"),
        threshold=record.threshold,
        temperature=record.temperature,
        shift=shift,
    )


def _print(evaluation: ExternalEvaluation, record: ModelRecord, config: Config, console: Console) -> None:
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


def _score_table(evaluation: ExternalEvaluation, record: ModelRecord) -> Table:
    """Main scores on shifted validation and test of the model's own cohort, and on the other cohort."""
    headers = ("score", "shifted\nvalidation", "own\ntest", "this cohort\n(95 % interval)")
    table = Table(*headers, title=f"{evaluation.name} at its locked threshold {evaluation.threshold:.3f}", title_justify="left")
    estimates = evaluation.statistics.certainty.scores
    for path, label in SCORES.items():
        own = (rounded(value(scores, path)) for scores in (record.validation_shifted, record.test))
        table.add_row(label, *own, interval(estimates[path]))
    calibration = evaluation.statistics.calibration
    for name, measured in (("raw", calibration.raw), ("temperature-scaled", calibration.scaled)):
        if measured is not None:
            table.add_row(f"ECE, {name}", "", "", rounded(measured.expected_calibration_error))
    if shift := evaluation.statistics.shift:
        table.add_row("further from training\nthan validation", "", "", interval(shift.further))
    return table


def _subgroup_table(evaluation: ExternalEvaluation) -> Table:
    title = f"Subgroups; those of fewer than {MIN_IMAGES} radiographs or of one class have no scores"
    table = Table("", "group", "radiographs", "PNEUMONIA", "AUROC", "sensitivity", "specificity", title=title, title_justify="left")
    for group in evaluation.statistics.subgroups:
        scores = (interval(estimate) for estimate in (group.auroc, group.sensitivity, group.specificity))
        table.add_row(group.attribute, printable(group.group), str(group.images), str(group.pneumonia), *scores)
    return table
