"""Evaluations on another cohort, computed from drawn scores without a model."""

import numpy as np
import pandas as pd

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.external import external_statistics
from pneumo.evaluation.feature_distance import Shift
from pneumo.results.external import ExternalEvaluation, ScoredCohort
from tests.tiny_experiments import provenance_fields

SHIFT = Shift(further=Estimate(value=0.93, low=0.9, high=0.96), training_images=90, validation_images=30, features=8)

OWN_TEST = pd.DataFrame({"patient": [f"p{row}" for row in range(80)], "y_true": [0, 1] * 40})
OWN_TEST["y_score"] = 1 / (1 + np.exp(-np.random.default_rng(7).normal(4 * OWN_TEST["y_true"] - 2, 1.5)))
"""Predictions of a good model on its own test split."""


def scored_cohort(version: int = 1, recipe: str = "baseline", *, fingerprint: str = "0ther", **changes: object) -> ScoredCohort:
    """A model on 90 radiographs of 45 patients; `changes` are of the evaluation, but for `separation` of the classes' mean logits.

    With `one_class`, none shows PNEUMONIA.
    """
    separation, one_class = changes.pop("separation", 1.0), changes.pop("one_class", False)
    images = 90
    y_true = np.zeros(images, int) if one_class else np.arange(images) % 2
    logit = np.random.default_rng(version).normal(separation * (y_true - 0.5), 1.0)
    predictions = pd.DataFrame(
        {
            "path": [f"images/{number:03}.png" for number in range(images)],
            "patient": [f"{number // 2:03}" for number in range(images)],
            "subtype": np.where(y_true == 1, "unknown", "normal"),
            "y_true": y_true,
            "age_years": np.linspace(2, 90, images),
            "sex": np.where(np.arange(images) % 10 == 0, "F", "M"),
            "y_score": 1 / (1 + np.exp(-logit)),
            "distance": np.nan,
        }
    )
    statistics = external_statistics(
        predictions,
        predictions["y_score"].to_numpy(),
        own_test=OWN_TEST,
        threshold=0.3,
        temperature=1.2,
        shift=changes.pop("shift", SHIFT),
    )
    fields = provenance_fields(fingerprint, synthetic=False) | {
        "data_name": "other <hospital>",
        "version": version,
        "recipe": recipe,
        "model_sha256": "a5" * 32,
        "training_data_name": "chest_xray",
        "training_data_fingerprint": "f1" * 32,
        "threshold": 0.3,
        "temperature": 1.2,
        "left_out": 0,
        "foreign": {},
        "problems": {},
        "patients_known": True,
        "patients_from": "",
        "accesses": 2,
        "statistics": statistics,
    }
    return ScoredCohort(ExternalEvaluation(**(fields | changes)), predictions)
