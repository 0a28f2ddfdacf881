"""A small cohort, two models and their galleries, as the stage passes them to the report."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.scores import evaluate
from pneumo.evaluation.worst_view import worst_views
from pneumo.radiographs.perturbation import PERTURBATIONS, definition
from pneumo.report.adaptations import adaptations_section
from pneumo.report.content import Content
from pneumo.report.inputs import CohortSummary, Experiments, Sample
from pneumo.report.other_cohorts import other_cohorts_section
from pneumo.report.page import render_report, write_files
from pneumo.report.pictures import ModelSection
from pneumo.report.saved_results import gallery_section
from pneumo.report.selected_model import select_model
from pneumo.results.audit import Audit, Finding, Group, Leakage, LinearBaseline, Originals, Pair
from pneumo.results.model import ModelRecord, RegisteredModel
from pneumo.results.robustness import Curve, ModelRobustness, score
from tests.tiny_experiments import ablation, cross_validation, leave_one_out, provenance_fields

HOSTILE = "<img src=x onerror=alert(1)>.jpeg"
FINGERPRINT = "f1" * 32
MODEL_SHA256 = "a5" * 32


@dataclass(frozen=True)
class Inputs:
    directory: Path
    cohort: CohortSummary
    samples: tuple[Sample, ...]
    models: tuple[RegisteredModel, ...]
    experiments: Experiments

    def but(self, **changes) -> "Inputs":
        return replace(self, **changes)


def predictions(rng: np.random.Generator, normals: int, pneumonias: int, spread: float) -> pd.DataFrame:
    y_true = np.array([0] * normals + [1] * pneumonias)
    logit = rng.normal(np.where(y_true, 2.0, -2.0), spread)
    paths = [f"test/{index}.jpeg" for index in range(len(y_true))]
    y_score = 1 / (1 + np.exp(-logit))
    return pd.DataFrame({"path": paths, "patient": paths, "subtype": subtypes(y_true), "y_true": y_true, "y_score": y_score})


def subtypes(y_true: pd.Series | np.ndarray) -> np.ndarray:
    return np.where(y_true == 1, np.where(np.arange(len(y_true)) % 3, "bacterial", "viral"), "normal")


def trained(version: int, recipe: str, champion: bool, spread: float, threshold: float) -> RegisteredModel:
    rng = np.random.default_rng(version)
    validation, test = predictions(rng, 40, 110, spread / 2), predictions(rng, 60, 100, spread)
    shifted = pd.concat([predictions(rng, 40, 110, spread / 1.5).assign(view=view) for view in (1, 2, 3)], ignore_index=True)
    worst = worst_views(shifted)
    falling = [float(value) for value in 0.6 * 0.7 ** np.arange(6)]
    provenance = provenance_fields(FINGERPRINT, synthetic=False) | {"git_commit": "0123456789abcdef"}
    record = ModelRecord(
        recipe=recipe,
        **provenance,
        class_names=("NORMAL", "PNEUMONIA"),
        partition={
            part: {label: {"images": 2 * count, "patients": count} for label, count in (("NORMAL", 20), ("PNEUMONIA", 50))}
            for part in ("training", "validation", "test")
        },
        image_size_px=150,
        resize="squash",
        preprocessing="grey 0 to 255 goes in and is rescaled inside the model",
        threshold=threshold,
        threshold_rule="calibration",
        thresholds={"calibration": threshold, "youden": threshold + 0.05, "half": 0.5},
        temperature=1.2,
        test_accessed=datetime(2026, 1, 2, 3, 3, tzinfo=UTC),
        test_accesses=2,
        test_accesses_of_recipe=1,
        settings={"fit": {"epochs": 6, "seed": 0}, "note": "</code><script>alert(2)</script>"},
        history={
            "loss": falling,
            "val_loss": [1.1 * value for value in falling],
            "accuracy": [1 - value for value in falling],
            "auc": [1 - value / 2 for value in falling],
            "val_auc": [1 - value / 2.2 for value in falling],
            "learning_rate": [1e-3] * 4 + [2e-4] * 2,
        },
        validation=evaluate(validation["y_true"], validation["y_score"], subtypes(validation["y_true"]), threshold),
        validation_shifted=evaluate(shifted["y_true"], shifted["y_score"], subtypes(shifted["y_true"]), threshold),
        worst_views=evaluate(worst["y_true"], worst["y_score"], worst["subtype"], threshold),
        test=evaluate(test["y_true"], test["y_score"], subtypes(test["y_true"]), threshold),
        parameters=1_234_567,
        training_seconds=312.4,
        seed=0,
        precision="mixed_bfloat16",
        precision_reason="the processor computes in it",
    )
    predicted = {"validation": validation, "validation_shifted": shifted, "test": test}
    return RegisteredModel(version, champion, MODEL_SHA256, record, predicted)


def with_record(model: RegisteredModel, **changes: object) -> RegisteredModel:
    return replace(model, record=model.record.model_copy(update=changes))


def with_test(model: RegisteredModel, rows: pd.DataFrame) -> RegisteredModel:
    """The model with these predictions on test, and the scores that they give."""
    scores = evaluate(rows["y_true"], rows["y_score"], rows["subtype"], model.record.threshold)
    return replace(with_record(model, test=scores), predictions={**model.predictions, "test": rows})


def seeds_and_ensemble(first: int) -> tuple[RegisteredModel, ...]:
    """Three models of one recipe, and their ensemble."""
    versions = range(first, first + 3)
    seeds = [
        with_record(
            trained(version, f"robust-seed-{seed}", False, 1.0, 0.4),
            seed_group="robust",
            seed=seed,
            settings={"fit": {"epochs": 6, "seed": seed}, "seeds": [0, 1, 2]},
        )
        for seed, version in enumerate(versions)
    ]
    ensemble = trained(first + 3, "robust-ensemble", False, 0.8, 0.45)
    return (*seeds, with_record(ensemble, members=tuple(versions), seed=None, history={}))


def cohort(synthetic: bool) -> CohortSummary:
    rows = [
        (split, label, subtype, f"{part}-{subtype}-{index // 2}", 256 + index, 240, "L", part)
        for split, part, count in (("train", "training", 9), ("train", "validation", 4), ("val", "unused", 2), ("test", "test", 6))
        for label, subtype in (("NORMAL", "normal"), ("PNEUMONIA", "bacterial"), ("PNEUMONIA", "viral"))
        for index in range(count)
    ]
    return CohortSummary(
        name="phantom" if synthetic else "chest_xray",
        table=pd.DataFrame(rows, columns=["split", "label", "subtype", "patient", "width", "height", "mode", "part"]),
        synthetic=synthetic,
        foreign={"__MACOSX": 3, ".DS_Store": 2},
        left_out=pd.DataFrame([(HOSTILE, "unreadable", "truncated")], columns=["path", "problem", "detail"]),
        patients_from="Kermany's file names",
        patients_known=True,
        splits_from="Splits as listed: train, val, test.",
        fingerprint=FINGERPRINT,
        published=False,
        test_accesses={"baseline": 1, "weighted $x^$": 1},
        audits=1,
    )


def radiograph(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (120, 140), dtype=np.uint8)


def write_gallery(folder: Path, kinds: dict[str, int], sha256: str = MODEL_SHA256) -> None:
    folder.mkdir(parents=True)
    mistakes = []
    for kind, count in kinds.items():
        wrong = kind == "false_positive"
        for number in range(count):
            files = {name: f"{kind}-{number}-{name}.png" for name in ("original", "heatmap", "overlay")}
            for place, name in enumerate(files.values()):
                Image.fromarray(radiograph(place)).save(folder / name)
            mistake = {
                "kind": kind, "path": f"test/{HOSTILE}", "patient": "IM-0001", "true_label": "NORMAL" if wrong else "PNEUMONIA",
                "predicted_label": "PNEUMONIA" if wrong else "NORMAL", "explained_class": "PNEUMONIA" if wrong else "NORMAL",
                "probability": 0.97 if wrong else 0.04, "confidence": 0.97 if wrong else 0.96, "threshold": 0.4, "layer": "conv_3",
                "method": "grad-cam", "empty": number == 1, "files": files,
            }  # fmt: skip
            mistakes.append(mistake)
    (folder / "mistakes.json").write_text(json.dumps({"model_sha256": sha256, "mistakes": mistakes}))


def experiments(synthetic: bool) -> Experiments:
    # A recipe may have a name like the second.
    validations = (cross_validation("baseline", FINGERPRINT), cross_validation("weighted $x^$ <b>", FINGERPRINT))
    return Experiments(
        cross_validations=tuple(result.model_copy(update={"synthetic": synthetic}) for result in validations),
        ablations=tuple(result(FINGERPRINT).model_copy(update={"synthetic": synthetic}) for result in (ablation, leave_one_out)),
    )


def audited(synthetic: bool) -> Audit:
    def area(value: float) -> Estimate:
        return Estimate(value=value, low=value - 0.05, high=value + 0.05)

    def finding(trait: str, verdict: str, training: float, test: float | None, redundant_with: str | None = None) -> Finding:
        return Finding(
            trait=trait,
            training=area(training),
            validation=area(training),
            test=Estimate(value=None) if test is None else area(test),
            verdict=verdict,
            redundant_with=redundant_with,
        )

    undefined = Estimate(value=None)
    quantisation = finding("quantisation", "untested", 0.94, None)
    return Audit(
        **provenance_fields(FINGERPRINT, synthetic=synthetic),
        images=42,
        leakage=Leakage(
            patients=30, patients_in_several_splits=0, patients_in_several_parts=0, left_out={}, near_duplicate_correlation=0.92,
            identical=(Group(paths=(f"train/{HOSTILE}", "train/b.jpeg"), splits=("train",), labels=("NORMAL",), patients=1),),
            identical_across_splits=0, identical_with_two_labels=0, near_duplicates=(),
            most_similar=(Pair(first=HOSTILE, second="b.jpeg", correlation=0.81, across_splits=True, across_labels=False),),
        ),
        findings=(
            finding("aspect_ratio", "shortcut", 0.93, 0.55),
            finding("border", "redundant", 0.31, 0.48, "aspect_ratio"),
            Finding(trait="colour", training=undefined, validation=undefined, test=undefined, verdict="constant"),
            finding("mean", "shared", 0.71, 0.69),
        ),
        originals=Originals(images=9, findings=(quantisation,), stretch_follows_shape=area(0.8)),
        linear_baseline=LinearBaseline(
            side_px=32, folds=5, cross_validated=area(0.9), test=area(0.7), sensitivity=area(0.9), specificity=area(0.4)
        ),
    )  # fmt: skip


def robustness(version: int, /, **changes: object) -> ModelRobustness:
    """Robustness curves of model 1 or 2 of the inputs."""
    y_true = np.repeat([0, 1], 30)
    radiographs = pd.DataFrame({"patient": np.arange(60).astype(str), "y_true": y_true})
    y_score = 1 / (1 + np.exp(-np.random.default_rng(version).normal(np.where(y_true, 1.5, -1.5), 1)))
    perturbed = 0.4 * y_score[::-1] + 0.6 * y_score
    curves = tuple(
        Curve(
            perturbation=name,
            title=perturbation.title,
            unit=perturbation.unit,
            severity_format=perturbation.severity_format,
            neutral=perturbation.neutral,
            points=tuple(
                score(radiographs, y_score if severity == perturbation.neutral else perturbed, 0.5, severity)
                for severity in perturbation.severities
            ),
        )
        for name, perturbation in PERTURBATIONS.items()
    )
    return ModelRobustness(
        **provenance_fields(FINGERPRINT),
        version=version,
        recipe={1: "baseline", 2: "weighted $x^$"}[version],
        model_sha256=MODEL_SHA256,
        settings={"radiographs": 60},
        definition=definition(),
        threshold=0.5,
        images=60,
        patients=60,
        frame_px=224,
        curves=curves,
    ).model_copy(update=changes)


def write_audit(directory: Path, synthetic: bool) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "audit.json").write_text(audited(synthetic).model_dump_json())


def make_inputs(directory: Path, synthetic: bool) -> Inputs:
    write_audit(directory, synthetic)
    write_gallery(directory / "gradcam" / "baseline-v1", {"false_positive": 2})
    write_gallery(directory / "gradcam" / "weighted $x^$-v2", {"false_positive": 1, "false_negative": 2})
    samples = tuple(Sample(radiograph(number), f"NORMAL, {HOSTILE}") for number in range(3))
    models = (trained(1, "baseline", True, 1.8, 0.31), trained(2, "weighted $x^$", False, 1.2, 0.62))
    return Inputs(directory, cohort(synthetic), samples, models, experiments(synthetic))


def with_sections(content: Content, *sections: ModelSection) -> Content:
    """The content with these models, one of which is selected, in place of its own."""
    selected = select_model([section.model for section in sections], [section.statistics for section in sections])
    return replace(content, all_sections=list(sections), sections=list(sections), selected=selected)


def with_models(content: Content, *models: RegisteredModel) -> Content:
    """The content with these models, which have the same predictions, in place of its own."""
    sections = [replace(section, model=model) for section, model in zip(content.sections, models, strict=True)]
    synthetic = content.cohort.synthetic
    return replace(
        with_sections(content, *sections),
        other_cohorts=other_cohorts_section(models, [section.statistics for section in sections], synthetic),
        adaptations=adaptations_section(models, synthetic),
    )


def with_galleries(content: Content, directory: Path) -> Content:
    """The content with the galleries of this folder."""
    return with_sections(
        content, *(replace(section, gallery=gallery_section(directory, section.model)) for section in content.sections)
    )


def write_content(directory: Path, content: Content) -> Path:
    """Write a report from its content as `write_report` does."""
    return write_files(directory, *render_report(content), content.files())
