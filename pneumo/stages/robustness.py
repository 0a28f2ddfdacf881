"""Robustness of the registered models' scores to perturbed radiographs."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from rich.console import Console
from rich.progress import track

from pneumo.cohort.index import Cohort, index
from pneumo.config import Config
from pneumo.parallel import in_parallel
from pneumo.radiographs.decode import decode_indexed, resize_squashed
from pneumo.radiographs.perturbation import FRAME_PX, PERTURBATIONS, Pixels, definition
from pneumo.registry import Entry, Registry
from pneumo.results.measurements import measure_models
from pneumo.results.provenance import provenance
from pneumo.results.robustness import FILE, Curve, ModelRobustness, Point, Robustness, sample_radiographs, score
from pneumo.training.predict import score_images

# Fixed, so that all models are scored on the same radiographs.
SEED = 0


def run(config: Config, console: Console) -> None:
    """Score each recipe's newest model on perturbed validation radiographs, and save the scores for the report.

    The test split is not accessed: that happens once for each model, when it is registered.
    """
    registry = Registry(config.registry)
    cohort = index(config.data, config.cohort)
    measure_models(
        config.report.directory / FILE,
        Robustness,
        registry.newest(cohort.fingerprint, config.protocol.fingerprint),
        settings=config.robustness.model_dump(mode="json"),
        measure=lambda entry: _measure(registry, entry, cohort, config, console),
        console=console,
    )


def _measure(registry: Registry, entry: Entry, cohort: Cohort, config: Config, console: Console) -> ModelRobustness:
    record, model, settings = registry.record(entry), registry.load(entry), config.robustness
    radiographs = sample_radiographs(registry.predictions(entry, "validation"), settings.radiographs, SEED)
    frame_px = max(FRAME_PX, record.image_size_px)
    files = [cohort.file(path) for path in radiographs["path"]]
    frames = np.stack(
        list(in_parallel(partial(decode_indexed, frame_px, "squash"), files, f"Decoding radiographs at {frame_px} px"))
    )
    sizes = cohort.table.set_index("path").loc[radiographs["path"], ["width", "height"]].to_numpy().tolist()

    def score_frames(perturbed: Pixels, severity: float) -> Point:
        pairs = zip(perturbed, sizes, strict=True)
        images = np.stack([resize_squashed(frame, tuple(size), record.image_size_px, record.resize) for frame, size in pairs])
        return score(radiographs, score_images(model, images), record.threshold, severity)

    unperturbed = score_frames(frames, 0)
    steps = [(name, severity) for name, way in PERTURBATIONS.items() for severity in way.severities if severity != way.neutral]
    tracked = track(steps, f"{entry.recipe} v{entry.version}", console=console, transient=True, disable=not console.is_terminal)
    points = {(name, severity): score_frames(PERTURBATIONS[name](frames, severity), severity) for name, severity in tracked}
    return ModelRobustness(
        **provenance(cohort, entry.protocol_fingerprint),
        version=entry.version,
        recipe=entry.recipe,
        model_sha256=entry.model_sha256,
        settings=settings.model_dump(mode="json"),
        definition=definition(),
        threshold=record.threshold,
        images=len(radiographs),
        patients=radiographs["patient"].nunique(),
        frame_px=frame_px,
        curves=tuple(_curve(name, points, unperturbed) for name in PERTURBATIONS),
    )


def _curve(name: str, points: Mapping[tuple[str, float], Point], unperturbed: Point) -> Curve:
    perturbation = PERTURBATIONS[name]
    return Curve(
        perturbation=name,
        title=perturbation.title,
        unit=perturbation.unit,
        severity_format=perturbation.severity_format,
        neutral=perturbation.neutral,
        points=tuple(
            points.get((name, severity)) or unperturbed.model_copy(update={"severity": severity})
            for severity in perturbation.severities
        ),
    )
