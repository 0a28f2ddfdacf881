"""Every number of the report, as metrics.json has them."""

import operator
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import pandas as pd
import yaml

from pneumo.evaluation.predictions import Part
from pneumo.evaluation.scores import Evaluation
from pneumo.report.inputs import CohortFacts, Experiments
from pneumo.report.statistics import Statistics
from pneumo.results.registered import RegisteredModel

OFFICIAL_TEST_IMAGES = 624
PARTS = ("training", "validation", "test", "unused")
SUBTYPES = ("normal", "bacterial", "viral", "unknown")
_AT = {
    "accuracy": "Accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "pneumonia.precision": "Precision of PNEUMONIA",
    "macro.f1": "F1, macro average",
}
# What the models are compared on, in groups: path into an Evaluation, and its name on the page.
COMPARED = {
    "At any threshold": {"loss": "Loss (cross-entropy)", "auroc": "AUROC", "average_precision": "Average precision"},
    "At the threshold locked on validation": {f"locked.{path}": name for path, name in _AT.items()},
    "At 0.5": {f"half.{path}": name for path, name in _AT.items()},
}


def metrics(
    cohort: CohortFacts, models: Sequence[RegisteredModel], statistics: Statistics, experiments: Experiments
) -> dict[str, Any]:
    """Gather every number of the page, as metrics.json has them."""
    return {
        "generated": datetime.now(UTC).isoformat(timespec="seconds"),
        "synthetic": cohort.synthetic,
        "cohort": {
            "name": cohort.name,
            "fingerprint": cohort.fingerprint,
            "flow": flow(cohort.table),
            "patients_in_several_parts": patients_in_several_parts(cohort.table),
            "foreign": dict(cohort.foreign),
            "left_out": {str(problem): int(count) for problem, count in cohort.left_out["problem"].value_counts().items()},
        },
        "models": [
            {
                "version": model.version,
                "champion": model.champion,
                "sha256": model.sha256,
                **model.facts.model_dump(mode="json"),
                "gap": {
                    part: {path: gap(model, part, path) for group in COMPARED.values() for path in group}
                    for part in ("validation", "validation_shifted")
                },
                "statistics": each.model_dump(mode="json"),
            }
            for model, each in zip(models, statistics.models, strict=True)
        ],
        "comparisons": [
            {"first": pair.first, "second": pair.second, **pair.difference.model_dump(mode="json")}
            for pair in statistics.comparisons
        ],
        "cross_validations": [each.model_dump(mode="json") for each in experiments.cross_validations],
        "ablations": [each.model_dump(mode="json") for each in experiments.ablations],
        "ingredients": [each.model_dump(mode="json") for each in experiments.ingredients],
        # A phantom's figures beside those of radiographs would be a comparison of nothing.
        "reference_systems": None if cohort.synthetic else reference_systems(),
    }


def flow(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Count images and patients by what they are used for, the folder they come from, and what they show."""
    rows = []
    for part in PARTS:
        for split in ("train", "val", "test"):
            here = table[(table["part"] == part) & (table["split"] == split)]
            if len(here):
                groups = {name: here[here["subtype"] == name] for name in SUBTYPES} | {"all": here}
                counts = {name: {"images": len(rows), "patients": int(rows["patient"].nunique())} for name, rows in groups.items()}
                rows.append({"part": part, "split": split, **counts})
    return rows


def patients_in_several_parts(table: pd.DataFrame) -> int:
    """Count the patients that are in more than one of training, validation and test: there should be none."""
    used = table[table["part"] != "unused"]
    return int((used.groupby("patient")["part"].nunique() > 1).sum())


def value(evaluation: Evaluation, path: str) -> float | None:
    """Read one number of an evaluation, such as "locked.macro.f1"."""
    number: float | None = operator.attrgetter(path)(evaluation)
    return number


def gap(model: RegisteredModel, part: Part, path: str) -> float | None:
    """Subtract what a part of validation promised from what test kept."""
    test, promised = value(model.facts.test, path), value(model.evaluation(part), path)
    return None if test is None or promised is None else test - promised


def reference_systems() -> list[dict[str, Any]]:
    """Read what others report on the official test split."""
    systems: list[dict[str, Any]] = yaml.safe_load(resources.files(__package__).joinpath("reference_systems.yaml").read_bytes())
    return systems
