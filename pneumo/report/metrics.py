"""All numbers of the report, as metrics.json has them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from pneumo.report.adaptations import adaptation_metrics
from pneumo.report.content import Content
from pneumo.report.other_cohorts import metrics as external_metrics
from pneumo.report.pictures import ModelSection
from pneumo.report.reference import reference_systems
from pneumo.report.remarks import Remark
from pneumo.report.scores import COMPARED, VALIDATIONS, gap

FLOW_PARTS = ("training", "validation", "test", "unused")
SUBTYPES = ("normal", "bacterial", "viral", "unknown")


def metrics(content: Content, remarks: Sequence[Remark]) -> dict[str, Any]:
    """Return all numbers of the page but the checklist."""
    cohort = content.cohort
    return {
        "generated": datetime.now(UTC).isoformat(timespec="seconds"),
        "synthetic": cohort.synthetic,
        "cohort": {
            "name": cohort.name,
            "fingerprint": cohort.fingerprint,
            "flow": flow(cohort.table),
            "patients_in_several_parts": patients_in_several_parts(cohort.table),
            "patients_from": cohort.patients_from,
            "patients_known": cohort.patients_known,
            "splits_from": cohort.splits_from,
            "foreign": dict(cohort.foreign),
            "left_out": {str(problem): int(count) for problem, count in cohort.left_out["problem"].value_counts().items()},
        },
        "models": [_model_metrics(section) for section in content.all_sections],
        "comparisons": [
            {"first": pair.first, "second": pair.second, **pair.difference.model_dump(mode="json")} for pair in content.comparisons
        ],
        "cross_validations": [result.model_dump(mode="json") for result in content.experiments.cross_validations],
        "ablations": [result.model_dump(mode="json") for result in content.experiments.ablations],
        # Not for phantoms, whose scores are not comparable.
        "reference_systems": None if cohort.synthetic else reference_systems(),
        "selected_model": content.selected.metrics() | {"remarks": {remark.topic: remark.sentence for remark in remarks}},
        "referral": content.referral.metrics(),
        "seed_groups": [group.metrics() for group in content.seed_groups],
        "test_accesses": dict(content.test_accesses),
        "test_audits": cohort.audits,
        "audit": content.audit.result.model_dump(mode="json") if content.audit.result else None,
        "robustness": [curves.model_dump(mode="json") for curves in content.robustness.models],
        "blackout": [controls.model_dump(mode="json") for controls in content.blackout.models],
        "explanations": [scores.model_dump(mode="json") for scores in content.explanations.models],
    }


def _model_metrics(section: ModelSection) -> dict[str, Any]:
    model, paths = section.model, [path for group in COMPARED.values() for path in group]
    return {
        "version": model.version,
        "champion": model.champion,
        "sha256": model.sha256,
        **model.record.model_dump(mode="json"),
        "gap": {part: {path: gap(model, part, path) for path in paths} for part in VALIDATIONS},
        "statistics": section.statistics.model_dump(mode="json"),
        "external_evaluations": external_metrics(model),
        "adaptations": adaptation_metrics(model),
    }


def flow(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Count images and patients by part and split, for each subtype and for all."""
    rows = []
    for part in FLOW_PARTS:
        for split in ("train", "val", "test"):
            selected = table[(table["part"] == part) & (table["split"] == split)]
            if len(selected):
                groups = {name: selected[selected["subtype"] == name] for name in SUBTYPES} | {"all": selected}
                counts = {name: {"images": len(rows), "patients": int(rows["patient"].nunique())} for name, rows in groups.items()}
                rows.append({"part": part, "split": split, **counts})
    return rows


def patients_in_several_parts(table: pd.DataFrame) -> int:
    """Count the patients that are in more than one of training, validation and test: there should be none."""
    used = table[table["part"] != "unused"]
    return int((used.groupby("patient")["part"].nunique() > 1).sum())
