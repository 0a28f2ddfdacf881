"""Comparison of all explanation methods on one registered model, and the pictures of its mistakes."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Self

import keras
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from pneumo.cohort.index import Cohort
from pneumo.config import Config
from pneumo.explain.cam import labels, resize_maps
from pneumo.explain.comparison import RANDOMIZATIONS, Comparison, ExplainedImages
from pneumo.explain.explainer import Explainer
from pneumo.explain.faithfulness import BLUR_SHARE, STEPS
from pneumo.explain.inspection import inspect
from pneumo.explain.selection import add_rows_and_mistakes, known_lesions, mistakes_and_uncertain, most_confident_mistakes
from pneumo.figures import inspection as inspection_figure
from pneumo.figures import side_by_side
from pneumo.files import write_atomically, writing
from pneumo.radiographs.decode import decode_for_overlay
from pneumo.radiographs.errors import unreadable_as_user_error
from pneumo.registry import Entry, Registry
from pneumo.results.explanations import FOLDER, ModelExplanations, ShownMistake
from pneumo.results.model import ModelRecord
from pneumo.results.provenance import provenance

PICTURE_HEIGHT_PX = 240


@dataclass(frozen=True)
class ExplainedModel:
    """A registered model and its predictions on the test radiographs of its cohort."""

    entry: Entry
    record: ModelRecord
    model: keras.Model
    cohort: Cohort
    pixels: np.ndarray
    """Of all radiographs of the cohort at the model's size, (N, H, W) uint8."""
    predictions: pd.DataFrame
    """On test, with the columns of `add_rows_and_mistakes`."""

    @classmethod
    def load(cls, registry: Registry, entry: Entry, cohort: Cohort) -> Self:
        """Load a model and its predictions from the registry."""
        record = registry.record(entry)
        predictions = add_rows_and_mistakes(registry.predictions(entry, "test"), record.threshold, cohort)
        return cls(entry, record, registry.load(entry), cohort, cohort.pixels(record.image_size_px, record.resize), predictions)

    @property
    def name(self) -> str:
        """Recipe and version."""
        return f"{self.entry.recipe} v{self.entry.version}"

    def images(self, predictions: pd.DataFrame) -> ExplainedImages:
        """Return the images of some of the predictions, and the predicted classes."""
        pixels = self.pixels[predictions["row"].to_numpy()][..., None]
        return ExplainedImages(pixels, labels(predictions["y_score"] >= self.record.threshold))


def measurement_settings(config: Config) -> dict[str, Any]:
    """Return the settings and constants that the results of `explain_model` depend on, as JSON values."""
    return {
        "heatmaps": config.heatmaps.model_dump(mode="json"),
        "lots": config.lots.model_dump(mode="json"),
        "constants": {"steps": STEPS, "blur_share": BLUR_SHARE, "randomizations": RANDOMIZATIONS},
    }


def explain_model(explained: ExplainedModel, config: Config, console: Console) -> ModelExplanations:
    """Score every explanation method on test radiographs, and draw all methods on the most confident mistakes.

    Raises:
        UserError: a picture cannot be written.
    """
    entry, record, cohort, settings = explained.entry, explained.record, explained.cohort, config.heatmaps
    predictions = explained.predictions
    measured = mistakes_and_uncertain(predictions, record.threshold, settings.radiographs)
    lesions = known_lesions(predictions, record, cohort, explained.pixels, settings.lesions)
    comparison = Comparison(
        explained.model,
        config.lots,
        explained.images(measured),
        randomized_radiographs=settings.randomized_radiographs,
        lesions=lesions,
    )
    methods = track(settings.methods, explained.name, console=console, transient=True, disable=not console.is_terminal)
    scores = tuple(comparison.score(method) for method in methods)
    mistakes = most_confident_mistakes(predictions, record.threshold, settings.mistakes_per_kind)
    shown = tuple(_shown_mistake(mistake, record.threshold) for mistake in mistakes.to_dict("records"))
    return ModelExplanations(
        **provenance(cohort, entry.protocol_fingerprint),
        version=entry.version,
        recipe=entry.recipe,
        model_sha256=entry.model_sha256,
        settings=measurement_settings(config),
        layer=comparison.explainer.activation_model.layer,
        threshold=record.threshold,
        radiographs=len(measured),
        mistakes=int(measured["misclassified"].sum()),
        mistakes_in_test=int(predictions["misclassified"].sum()),
        lesions=len(lesions.images) if lesions else 0,
        randomized_radiographs=min(settings.randomized_radiographs, len(measured)),
        methods=scores,
        shown=shown,
        pictures=_write_pictures(explained, comparison.explainer, mistakes, shown, config) if shown else {},
    )


def _shown_mistake(mistake: dict[Hashable, Any], threshold: float) -> ShownMistake:
    true, predicted = labels([mistake["y_true"] == 1, mistake["y_score"] >= threshold])
    return ShownMistake(path=mistake["path"], true_label=true, predicted_label=predicted, probability=mistake["y_score"])


def _write_pictures(
    explained: ExplainedModel, explainer: Explainer, mistakes: pd.DataFrame, shown: tuple[ShownMistake, ...], config: Config
) -> dict[str, str]:
    """Draw all methods on the mistakes, and all layers on the first; return the names of the files."""
    images = explained.images(mistakes)
    radiographs = []
    for file in map(explained.cohort.file, mistakes["path"]):
        with unreadable_as_user_error(file):
            radiographs.append(decode_for_overlay(file, PICTURE_HEIGHT_PX, explained.record.resize))
    titles = [f"{row.true_label}, predicted {row.predicted_label} ({row.probability:.3f})" for row in shown]
    maps = explainer.maps(images.images, images.targets, config.heatmaps.methods)
    rows = []
    for number, (radiograph, title) in enumerate(zip(radiographs, titles, strict=True)):
        resized = {str(method): resize_maps(values[number][None], *radiograph.shape)[0] for method, values in maps.items()}
        rows.append(side_by_side.Row(radiograph, title, resized))
    note = "synthetic phantom radiographs, no patients" if explained.cohort.synthetic else None
    inspection = inspect(explained.model, images.images[0, ..., 0], images.targets[0], radiographs[0])
    pictures = {
        "methods": side_by_side.draw(rows, note),
        "layers": inspection_figure.draw(inspection, f"{explained.name}: {titles[0]}"),
    }
    files = {kind: f"v{explained.entry.version}-{kind}.png" for kind in pictures}
    for kind, png in pictures.items():
        file = config.report.directory / FOLDER / files[kind]
        with writing(file, "report.directory"):
            write_atomically(file, png)
    return files
