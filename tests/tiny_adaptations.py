"""Learning curves and records of adapted models, without networks."""

import numpy as np

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.learning_curve import CurvePoint, LearningCurve
from pneumo.evaluation.linear_head import Penalty
from pneumo.evaluation.out_of_fold import SCORES, CurveScores
from pneumo.evaluation.scores import evaluate
from pneumo.results.adaptation import AcquisitionBaseline, Adaptation, AdaptedRecord
from tests.tiny_experiments import predictions, provenance_fields

HOSPITAL = "other <hospital>"


def estimate(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.05, high=value + 0.05)


def curve_scores(auroc: float) -> CurveScores:
    return CurveScores(**{name: estimate(auroc if name == "auroc" else 0.4) for name in SCORES})


def point(labels: int | None, auroc: float, unadapted: float = 0.45) -> CurvePoint:
    return CurvePoint(
        labels=labels,
        labelled=labels or 392.4,
        scores=curve_scores(auroc),
        difference=CurveScores(**{name: estimate(auroc - unadapted) for name in SCORES}),
        auroc_sd=0.01,
        corrections=0.2,
    )


def adaptation(*, fingerprint: str = "0ther", gains: tuple[float, ...] = (0.47, 0.7, 0.86), **changes: object) -> Adaptation:
    """A curve of an AUROC for 25, 100 and all labels, from 0.45 without; other `changes` are of the result."""
    points = tuple(point(labels, auroc) for labels, auroc in zip((25, 100, None), gains, strict=True))
    fields = provenance_fields(fingerprint, synthetic=False) | {
        "data_name": HOSPITAL,
        "version": 1,
        "recipe": "baseline",
        "model_sha256": "a5" * 32,
        "training_data_name": "chest_xray",
        "training_data_fingerprint": "f1" * 32,
        "threshold": 0.3,
        "threshold_rule": "calibration",
        "images": 493,
        "pneumonia": 256,
        "patients": 341,
        "left_out": 0,
        "foreign": {"other (*, ?)": 2},
        "problems": {},
        "patients_known": True,
        "patients_from": "",
        "accesses": 2,
        "seed": 0,
        "seconds": 61.5,
        "curve": LearningCurve(folds=5, repeats=5, unadapted=curve_scores(0.45), points=points),
        "acquisition": AcquisitionBaseline(all_traits=estimate(0.75), by_trait={"mean": estimate(0.3), "width": estimate(0.6)}),
    }
    return Adaptation(**(fields | changes))


def adapted_record(*, fingerprint: str = "0ther", **changes: object) -> AdaptedRecord:
    rows = predictions()
    fields = provenance_fields(fingerprint, synthetic=False) | {
        "data_name": HOSPITAL,
        "protocol_fingerprint": "of no protocol",
        "recipe": "baseline-adapted",
        "partition": {"labelled": {"NORMAL": {"images": 12, "patients": 11}, "PNEUMONIA": {"images": 13, "patients": 10}}},
        "class_names": ("NORMAL", "PNEUMONIA"),
        "image_size_px": 16,
        "resize": "squash",
        "preprocessing": "grey 0..255 in",
        "threshold": 0.5,
        "threshold_rule": "calibration",
        "thresholds": {"calibration": 0.5, "youden": 0.3, "half": 0.5},
        "temperature": 1.5,
        "settings": {"adaptation": {"labels": 25}},
        "history": {},
        "parameters": 257,
        "training_seconds": 0.5,
        "seed": 0,
        "precision": "float32",
        "precision_reason": "asked for",
        "parent_version": 1,
        "parent_recipe": "baseline",
        "parent_sha256": "a5" * 32,
        "training_data_name": "chest_xray",
        "training_data_fingerprint": "f1" * 32,
        "training_partition": {"training": {"NORMAL": {"images": 2, "patients": 1}, "PNEUMONIA": {"images": 3, "patients": 2}}},
        "labels": 25,
        "penalties": (Penalty(target="zero", strength=0.01),),
        "out_of_fold": evaluate(rows["y_true"], rows["y_score"], np.where(rows["y_true"], "unknown", "normal"), 0.5),
        "expected": point(25, 0.7),
    }
    return AdaptedRecord(**(fields | changes))
