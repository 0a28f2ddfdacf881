"""Blackout controls of the registered models, and the energy of their heatmaps inside the lungs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from pneumo.cohort.index import Cohort, index
from pneumo.cohort.splits import partition
from pneumo.config import Config, ExplanationMethod
from pneumo.errors import UserError
from pneumo.evaluation.heatmap_metrics import MapMetric, energy_inside
from pneumo.explain.cam import labels, resize_maps
from pneumo.explain.explainer import Explainer
from pneumo.files import printable
from pneumo.radiographs.blackout import Fill, Region, black_out, dilated
from pneumo.radiographs.decode import resize_squashed_mask
from pneumo.registry import Entry, LungEntry, LungModels, Registry
from pneumo.results.blackout import DEFINITION, FILE, Blackouts, LungEnergy, ModelBlackout, Removed, auroc, score
from pneumo.results.measurements import measure_models
from pneumo.results.model import ModelRecord
from pneumo.results.provenance import provenance
from pneumo.results.robustness import sample_radiographs
from pneumo.training.predict import score_images, score_shifted
from pneumo.training.segment import LungMasks, segment

# Fixed, so that all models are scored on the same radiographs.
SEED = 0
# Radiographs with an accepted mask, below which nothing is measured.
FEWEST = 20
CONDITIONS: tuple[tuple[Region, Fill], ...] = (
    ("lungs", "black"),
    ("lungs", "mean"),
    ("surroundings", "black"),
    ("surroundings", "mean"),
)


def run(config: Config, console: Console) -> None:
    """Score each recipe's newest model on validation radiographs without lungs and without anything else, and save the scores.

    The test split is not accessed: that happens once for each model, when it is registered.
    """
    registry, lungs = Registry(config.registry), LungModels(config.registry)
    cohort = index(config.data, config.cohort)
    entries = registry.newest(cohort.fingerprint, config.protocol.fingerprint)
    rows = np.flatnonzero(partition(cohort, config.protocol) == "validation")
    validation = Validation(lungs, lungs.newest(), cohort, rows)
    settings = config.blackout.model_dump(mode="json") | {
        "lots": config.lots.model_dump(mode="json"),
        "lungs_sha256": validation.segmentation.model_sha256,
    }
    measure_models(
        config.report.directory / FILE,
        Blackouts,
        entries,
        settings=settings,
        measure=lambda entry: _measure(registry, entry, validation, config, settings),
        console=console,
    )


@dataclass(frozen=True, eq=False)
class Validation:
    """The validation radiographs of a cohort, with their lung masks by the newest segmentation."""

    models: LungModels
    segmentation: LungEntry
    cohort: Cohort
    rows: NDArray[np.intp]
    """Positions in the cohort's table."""

    @cached_property
    def masks(self) -> LungMasks:
        """Lung masks of the radiographs; computed on first use, for all models."""
        network = self.models.load(self.segmentation)
        return segment(network, self.cohort.pixels(network.inputs[0].shape[1], "squash")[self.rows])

    def positions(self, paths: pd.Series) -> NDArray[np.intp]:
        """Positions of radiographs among these, by their paths."""
        return pd.Index(self.cohort.table["path"].iloc[self.rows]).get_indexer(paths)


@dataclass(frozen=True, eq=False)
class Sample:
    """Validation radiographs with an accepted lung mask, as a model takes them."""

    radiographs: pd.DataFrame
    """Columns path, patient, y_true."""
    images: NDArray[np.uint8]
    """(N, H, H)."""
    masks: NDArray[np.bool_]
    """(N, H, H), of the lungs, undilated."""
    checked: int
    """Validation radiographs whose masks were checked."""
    accepted: int
    """Those with an accepted mask, from which these were sampled."""


def _measure(registry: Registry, entry: Entry, validation: Validation, config: Config, settings: dict[str, Any]) -> ModelBlackout:
    record, model, margin = registry.record(entry), registry.load(entry), config.blackout.margin
    sample = _sample(registry.predictions(entry, "validation"), record, validation, config.blackout.radiographs)
    around = dilated(sample.masks, margin)
    variants: list[tuple[Removed, Fill | None, NDArray[np.uint8]]] = [("nothing", None, sample.images)]
    variants += [(removed, fill, black_out(sample.images, around, removed, fill)) for removed, fill in CONDITIONS]
    scores = [score_images(model, images) for *_, images in variants]
    rows = np.arange(len(sample.images))
    # In one view, the same for all: each image is changed alike, whatever is removed from it.
    shifted = [score_shifted(model, images, rows, config.protocol, view=0) for *_, images in variants]
    explainer = Explainer(model, config.lots)
    return ModelBlackout(
        **provenance(validation.cohort, entry.protocol_fingerprint),
        version=entry.version,
        recipe=entry.recipe,
        model_sha256=entry.model_sha256,
        settings=settings,
        definition=DEFINITION,
        lungs_version=validation.segmentation.version,
        checked=sample.checked,
        accepted=sample.accepted,
        images=len(sample.images),
        patients=sample.radiographs["patient"].nunique(),
        margin=margin,
        conditions=tuple(
            score(sample.radiographs, plain, changed, removed, fill)
            for plain, changed, (removed, fill, _) in zip(scores, shifted, variants, strict=True)
        ),
        lung_area=auroc(sample.radiographs, sample.masks.mean(axis=(1, 2))),
        method=config.blackout.method,
        layer=explainer.layer_of(config.blackout.method),
        energy=_energy(explainer, sample, scores[0] >= record.threshold, config.blackout.method),
    )


def _sample(predictions: pd.DataFrame, record: ModelRecord, validation: Validation, number: int) -> Sample:
    """Sample radiographs with an accepted mask.

    Raises:
        UserError: too few have one.
    """
    predictions = predictions.assign(position=validation.positions(predictions["path"]))
    accepted = predictions[validation.masks.accepted[predictions["position"]]]
    if accepted["y_true"].nunique() < predictions["y_true"].nunique() or len(accepted) < FEWEST:
        raise UserError(
            f"Only {len(accepted)} of {len(predictions)} validation radiographs of {printable(validation.cohort.root.name)} have "
            f"an accepted lung mask, and {FEWEST} of both labels are needed: look at the masks that `pneumo lungs` draws"
        )
    chosen = sample_radiographs(accepted, number, SEED)
    rows = validation.rows[chosen["position"]]
    sizes = validation.cohort.table.iloc[rows][["width", "height"]].to_numpy().tolist()
    masks = [
        resize_squashed_mask(mask, tuple(size), record.image_size_px, record.resize)
        for mask, size in zip(validation.masks.masks[chosen["position"]], sizes, strict=True)
    ]
    images = validation.cohort.pixels(record.image_size_px, record.resize)[rows]
    return Sample(chosen, images, np.stack(masks), len(predictions), len(accepted))


def _energy(explainer: Explainer, sample: Sample, pneumonia: NDArray[np.bool_], method: ExplanationMethod) -> dict[str, LungEnergy]:
    """Energy of the heatmaps inside the lungs, by predicted class, each radiograph explained for its own."""
    targets = np.array(labels(pneumonia))
    maps = explainer.maps(sample.images[..., None], list(targets), [method])[method]
    inside = energy_inside(resize_maps(maps, *sample.images.shape[1:]), sample.masks)
    area = sample.masks.mean(axis=(1, 2))
    return {
        label: LungEnergy(energy=MapMetric.of(inside[targets == label]), area=MapMetric.of(area[targets == label]))
        for label in ("NORMAL", "PNEUMONIA")
        if (targets == label).any()
    }
