"""What every method of explanation is worth."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import keras
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from pneumo.cohort.index import Cohort, index
from pneumo.cohort.splits import partition, validation_fingerprint
from pneumo.config import Config
from pneumo.explain.cam import labels
from pneumo.explain.comparison import RANDOMIZATIONS, Comparison, ExplainedImages, KnownLesions
from pneumo.explain.faithfulness import BLUR_SHARE, STEPS
from pneumo.explain.gallery import most_confident_mistakes
from pneumo.explain.inspection import inspect
from pneumo.figures import inspection as inspection_picture
from pneumo.figures import side_by_side
from pneumo.files import replacing
from pneumo.phantom.cohort import marker, masks
from pneumo.radiographs.cache import pixel_cache
from pneumo.radiographs.decode import mask_as_decoded
from pneumo.radiographs.view import for_overlay
from pneumo.registry import Entry, Registry
from pneumo.results.explanations import FILE, FOLDER, Explanations, MethodScores, ModelExplanations, ShownCase
from pneumo.results.files import in_report, load_result, save_result
from pneumo.results.model import ModelRecord
from pneumo.training.provenance import hardware

PICTURE_HEIGHT_PX = 240
# Of the phantoms that are drawn, so that a rerun measures the same.
SEED = 0


def run(config: Config, console: Console) -> None:
    """Measure every method on each recipe's newest model, an ensemble standing for its members, and keep it for the report."""
    registry = Registry(config.registry)
    cohort = index(config)
    file = config.report.directory / FILE
    before = load_result(file, Explanations)
    models: list[ModelExplanations] = []
    measured = before.models if before else ()
    for subject in _subjects(registry, cohort, validation_fingerprint(cohort, partition(cohort, config.cohort))):
        found = next((one for one in measured if _is_of(one, subject.entry, config)), None)
        models.append(found or _measure(subject, cohort, config, console))
        console.print(f"{_sentence(models[-1])}{' (measured before)' if found else ''}", highlight=False, soft_wrap=True)
        # After each model, so that a run which is killed goes on with the next; what is still to come is kept as it was.
        done = {model.version for model in models}
        save_result(file, Explanations(models=(*models, *(model for model in measured if model.version not in done))))
    save_result(file, Explanations(models=tuple(models)))
    console.print(f"Kept for the report in {file}\nNext: pneumo report", highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Subject:
    """A registered model to be explained."""

    registry: Registry
    entry: Entry
    record: ModelRecord


def _subjects(registry: Registry, cohort: Cohort, validated_on: str) -> list[Subject]:
    """Each recipe's newest model; those whose ensemble is among them are left out."""
    entries = registry.newest(cohort.fingerprint, validated_on)
    subjects = [Subject(registry, entry, registry.record(entry)) for entry in entries]
    members = {version for subject in subjects for version in subject.record.members}
    return [subject for subject in subjects if subject.entry.version not in members]


def _settings(config: Config) -> dict[str, object]:
    measures = {"steps": STEPS, "blur_share": BLUR_SHARE, "shuffles": RANDOMIZATIONS}
    return {"heatmaps": config.heatmaps.model_dump(mode="json"), "lots": config.lots.model_dump(mode="json"), "measures": measures}


def _is_of(model: ModelExplanations, entry: Entry, config: Config) -> bool:
    """Tell whether what was kept is of this very model, and was measured as it would be now."""
    made = (model.version, model.model_sha256, model.data_fingerprint, model.settings)
    pictures = (config.report.directory / FOLDER / name for name in model.pictures.values())
    return made == (entry.version, entry.model_sha256, entry.data_fingerprint, _settings(config)) and all(
        picture.is_file() for picture in pictures
    )


def _sentence(model: ModelExplanations) -> str:
    worst = [each.method for each in model.methods if each.fails_randomization_check]
    survivors = f"; drawn much the same without what the model learned: {', '.join(worst)}" if worst else ""
    return f"{model.name}: {len(model.methods)} methods on {model.radiographs} test radiographs, {model.mistakes} of them mistakes{survivors}"


def _measure(subject: Subject, cohort: Cohort, config: Config, console: Console) -> ModelExplanations:
    entry, record, settings = subject.entry, subject.record, config.heatmaps
    model = subject.registry.load(entry)
    pixels = pixel_cache(cohort, record.image_size_px, record.resize, config.cohort.cache_dir)
    predictions = subject.registry.predictions(entry, "test")
    rows = predictions["path"].map({path: row for row, path in enumerate(cohort.table["path"])}).to_numpy()
    predictions = predictions.assign(row=rows, wrong=(predictions["y_score"] >= record.threshold) != (predictions["y_true"] == 1))
    asked = _to_ask_about(predictions, record.threshold, settings.radiographs)
    radiographs = ExplainedImages(pixels[asked["row"].to_numpy()][..., None], labels(asked["y_score"] >= record.threshold))
    known = _known_lesions(predictions, record, cohort, pixels, settings.lesions)
    comparison = Comparison(model, config.lots, radiographs, randomized_radiographs=settings.randomized_radiographs, known=known)
    methods = track(
        settings.methods, f"{entry.recipe} v{entry.version}", console=console, transient=True, disable=not console.is_terminal
    )
    worth: list[MethodScores] = [comparison.score(method) for method in methods]
    shown = most_confident_mistakes(predictions, record.threshold, settings.cases)
    return ModelExplanations(
        version=entry.version,
        recipe=entry.recipe,
        model_sha256=entry.model_sha256,
        data_fingerprint=entry.data_fingerprint,
        created=datetime.now(UTC),
        settings=_settings(config),
        hardware=hardware(),
        layer=comparison.explainer.opened.layer,
        threshold=record.threshold,
        radiographs=len(asked),
        mistakes=int(asked["wrong"].sum()),
        mistakes_in_all=int(predictions["wrong"].sum()),
        lesions=len(known.images) if known else 0,
        randomized_radiographs=min(settings.randomized_radiographs, len(asked)),
        methods=tuple(worth),
        cases=tuple(_case(each, record.threshold) for each in shown.to_dict("records")),
        pictures=_draw(subject, model, comparison, shown, pixels=pixels, cohort=cohort, config=config),
    )


def _to_ask_about(predictions: pd.DataFrame, threshold: float, radiographs: int) -> pd.DataFrame:
    """All mistakes, or some drawn at random where there are more than `radiographs`, and then those nearest to the threshold."""
    margin = (predictions["y_score"] - threshold).abs().where(~predictions["wrong"], 0.0)
    drawn = predictions.assign(margin=margin).sample(frac=1, random_state=SEED)
    return drawn.sort_values(["wrong", "margin"], ascending=[False, True], kind="stable").head(radiographs)


def _known_lesions(
    predictions: pd.DataFrame, record: ModelRecord, cohort: Cohort, pixels: np.ndarray, at_most: int
) -> KnownLesions | None:
    """Phantoms whose lesion the model found, drawn at random; None on radiographs of patients, and where it found none."""
    if not cohort.synthetic:
        return None
    found = predictions[(predictions["y_true"] == 1) & ~predictions["wrong"]]
    if found.empty:
        return None
    found = found.sample(min(at_most, len(found)), random_state=SEED)
    size, resize = record.image_size_px, record.resize
    truth = [(*masks(cohort.root, path), marker(cohort.root, path)) for path in found["path"]]
    lungs, lesions, markers = (
        np.stack([mask_as_decoded(mask, size, resize) for mask in each]) for each in zip(*truth, strict=True)
    )
    return KnownLesions(pixels[found["row"].to_numpy()][..., None], lesions, lungs, markers)


def _case(mistake: dict[Hashable, Any], threshold: float) -> ShownCase:
    true, predicted = labels([mistake["y_true"] == 1, mistake["y_score"] >= threshold])
    return ShownCase(path=mistake["path"], true_label=true, predicted_label=predicted, probability=mistake["y_score"])


def _draw(
    subject: Subject,
    model: keras.Model,
    comparison: Comparison,
    shown: pd.DataFrame,
    *,
    pixels: np.ndarray,
    cohort: Cohort,
    config: Config,
) -> dict[str, str]:
    """Draw all methods on the cases, and each layer on the first of them: the pictures' names."""
    if shown.empty:
        return {}
    record, stem = subject.record, f"v{subject.entry.version}"
    images, targets = pixels[shown["row"].to_numpy()][..., None], labels(shown["y_score"] >= record.threshold)
    maps = comparison.explainer.maps(images, targets, config.heatmaps.methods)
    radiographs = [for_overlay(cohort.root / path, PICTURE_HEIGHT_PX, record.resize) for path in shown["path"]]
    cases = [_case(each, record.threshold) for each in shown.to_dict("records")]
    rows = [
        side_by_side.Row(
            radiograph,
            f"{case.true_label}, called {case.predicted_label} ({case.probability:.3f})",
            {name: each[number] for name, each in maps.items()},
        )
        for number, (radiograph, case) in enumerate(zip(radiographs, cases, strict=True))
    ]
    note = "synthetic phantom radiographs, no patients" if cohort.synthetic else None
    inspected = inspect(model, images[0, ..., 0], targets[0])
    drawn = {
        "methods": (f"{stem}-methods.png", side_by_side.draw(rows, note)),
        "layers": (
            f"{stem}-layers.png",
            inspection_picture.draw(inspected, f"{subject.entry.recipe} {stem}: {rows[0].title}", radiographs[0]),
        ),
    }
    folder = config.report.directory / FOLDER
    with in_report(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, png in drawn.values():
            with replacing(folder / name) as stream:
                stream.write(png)
    return {kind: name for kind, (name, _) in drawn.items()}
