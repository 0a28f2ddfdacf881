"""Adaptation of a registered network to a site: features of its radiographs, learning curve, and the adapted model."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from pneumo.cohort.index import Cohort
from pneumo.evaluation.calibration import scale_temperature
from pneumo.evaluation.labelling import draw_labelled
from pneumo.evaluation.learning_curve import (
    OUTER_FOLDS,
    LearningCurve,
    Site,
    Unadapted,
    curve_point,
    curve_sizes,
    repeated_folds,
    unadapted_scores,
)
from pneumo.evaluation.linear_head import AdaptedHead
from pneumo.evaluation.out_of_fold import OutOfFold
from pneumo.evaluation.scores import FEATURES, PROBABILITY, evaluate
from pneumo.nets.heads import by_member, heads, replace_heads
from pneumo.registry import Entry, Registry
from pneumo.registry.runs import OWN_RADIOGRAPHS, REFUSAL
from pneumo.results.adaptation import Adaptation, AdaptedRecord
from pneumo.results.model import ModelRecord
from pneumo.results.provenance import provenance
from pneumo.training.dataset import CLASS_NAMES
from pneumo.training.feature_reference import outputs_of
from pneumo.training.other_cohort import OtherCohort


@dataclass(frozen=True, eq=False)
class Parent:
    """A registered model that is adapted."""

    entry: Entry
    record: ModelRecord
    model: keras.Model


def site_features(parent: Parent, other: OtherCohort, console: Console) -> tuple[Site, Unadapted]:
    """Compute the frozen features of a site's radiographs, and what the unadapted model says of them."""
    used, rows = other.table, other.rows
    pixels = other.cohort.pixels(parent.record.image_size_px, parent.record.resize)
    y_true = (used["label"] == CLASS_NAMES[1]).to_numpy().astype(np.int64)
    outputs = list(outputs_of(parent.model, pixels, rows, "Features", console))
    features = by_member(parent.model, np.concatenate([output[FEATURES] for output in outputs]))
    score = np.concatenate([output[PROBABILITY][:, 0] for output in outputs]).astype(np.float64)
    temperature = parent.record.temperature
    probability = score if temperature is None else scale_temperature(score, temperature)
    site = Site(features, y_true, used["patient"].to_numpy(str), heads(parent.model))
    return site, Unadapted(probability, score >= parent.record.threshold)


def learning_curve(
    site: Site, unadapted: Unadapted, labels: int | None, *, rule: str, repeats: int, seed: int, console: Console
) -> tuple[LearningCurve, dict[str, OutOfFold]]:
    """Measure the learning curve, and return also what was computed out of fold, by number of labels."""
    folds = repeated_folds(site, repeats, seed)
    points, scored = [], {"0": unadapted.out_of_fold(folds)}
    sizes = curve_sizes(site.y_true, labels)
    for size in track(sizes, "Nested cross-validation", console=console, transient=True, disable=not console.is_terminal):
        point, out_of_fold = curve_point(site, folds, unadapted, size, rule=rule, seed=seed)
        points.append(point)
        scored[str(size or "all")] = out_of_fold
    before = unadapted_scores(site, folds, unadapted)
    return LearningCurve(folds=OUTER_FOLDS, repeats=repeats, unadapted=before, points=tuple(points)), scored


def curve_predictions(table: pd.DataFrame, site: Site, scored: dict[str, OutOfFold]) -> pd.DataFrame:
    """Table of all that a learning curve was computed from; "0" labels are the unadapted model.

    Columns path, patient, y_true, labels, repeat, fold, probability and predicted.
    """
    return pd.concat(list(_long(table[["path", "patient"]].assign(y_true=site.y_true), scored)), ignore_index=True)


def _long(table: pd.DataFrame, scored: dict[str, OutOfFold]) -> Iterator[pd.DataFrame]:
    for labels, out_of_fold in scored.items():
        for repeat, fold in enumerate(out_of_fold.fold):
            yield table.assign(
                labels=labels,
                repeat=repeat + 1,
                fold=fold + 1,
                probability=out_of_fold.probability[repeat],
                predicted=out_of_fold.predicted[repeat].astype(int),
            )


def register_adapted(
    registry: Registry, parent: Parent, other: OtherCohort, site: Site, *, labels: int | None, measured: Adaptation
) -> tuple[Entry, AdaptedRecord]:
    """Refit the heads to so many radiographs of the site, or all, and register the network with them as a model of its own.

    Args:
        site: features and labels of the other cohort's radiographs.
        measured: what nested cross-validation gave on the site; its seed is that of the draw.
    """
    table, seed = other.table, measured.seed
    rows = np.arange(len(table))
    if labels is not None:
        rows = draw_labelled(site.y_true, site.patient, labels, seed)
    started = time.monotonic()
    adapted, drawn = site.rows(rows).adapt(seed), table.iloc[rows]
    replace_heads(parent.model, adapted.heads)
    predictions = drawn[["path", "patient"]].assign(y_true=site.y_true[rows], y_score=adapted.out_of_fold)
    threshold = adapted.thresholds[parent.record.threshold_rule]
    record = AdaptedRecord(
        **_provenance(parent, other.cohort),
        **_of_parent(parent),
        **_of_heads(adapted, threshold),
        partition={"labelled": _counts(drawn)},
        settings=parent.record.settings | {"adaptation": {"labels": labels, "seed": seed}},
        training_seconds=time.monotonic() - started,
        seed=seed,
        labels=labels,
        out_of_fold=evaluate(predictions["y_true"], predictions["y_score"], drawn["subtype"], threshold),
        expected=measured.curve.point(labels),
    )
    entry = registry.add(record, parent.model, {"out_of_fold": predictions}, attachments=_attachments(registry, parent, drawn))
    return entry, record


def _provenance(parent: Parent, cohort: Cohort) -> dict[str, Any]:
    """Provenance on the site, with a fingerprint that no protocol has."""
    fingerprint = hashlib.sha256(f"adapted, {parent.record.protocol_fingerprint}".encode()).hexdigest()
    fields = provenance(cohort, fingerprint)
    return fields | {"synthetic": cohort.synthetic or parent.record.synthetic}


def _of_parent(parent: Parent) -> dict[str, Any]:
    entry, record = parent.entry, parent.record
    copied = ("class_names", "image_size_px", "resize", "preprocessing", "threshold_rule", "precision", "precision_reason")
    return {name: getattr(record, name) for name in copied} | {
        "recipe": f"{entry.recipe}-adapted",
        "history": {},
        "parent_version": entry.version,
        "parent_recipe": entry.recipe,
        "parent_sha256": entry.model_sha256,
        "training_data_name": record.data_name,
        "training_data_fingerprint": record.data_fingerprint,
        "training_partition": record.partition,
    }


def _of_heads(adapted: AdaptedHead, threshold: float) -> dict[str, Any]:
    return {
        "threshold": threshold,
        "thresholds": adapted.thresholds,
        "temperature": adapted.temperature,
        "parameters": sum(head.kernel.size + 1 for head in adapted.heads),
        "penalties": adapted.penalties,
    }


def _counts(drawn: pd.DataFrame) -> dict[str, dict[str, int]]:
    patients = {label: drawn.loc[drawn["label"] == label, "patient"] for label in CLASS_NAMES}
    return {label: {"images": len(names), "patients": names.nunique()} for label, names in patients.items()}


def _attachments(registry: Registry, parent: Parent, drawn: pd.DataFrame) -> dict[str, bytes]:
    """Hashes of the radiographs of both cohorts that it must not be evaluated on, and the parent's detector where it has one."""
    own = registry.attachment(parent.entry, OWN_RADIOGRAPHS) or b""
    hashes = sorted({*own.decode().split(), *drawn["sha256"]})
    files = {OWN_RADIOGRAPHS: "".join(f"{digest}\n" for digest in hashes).encode()}
    detector = registry.attachment(parent.entry, REFUSAL)
    return files if detector is None else files | {REFUSAL: detector}
