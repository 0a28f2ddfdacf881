"""The robustness curves."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from pneumo.cohort.index import Cohort, index
from pneumo.cohort.layout import printable
from pneumo.cohort.splits import partition, validation_fingerprint
from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.parallel import in_parallel
from pneumo.radiographs.decode import decode, decode_again
from pneumo.radiographs.perturbation import FRAME_PX, PERTURBATIONS, Pixels, definition
from pneumo.radiographs.raster import UnreadableError
from pneumo.registry import Entry, Registry
from pneumo.results.files import load_result, save_result
from pneumo.results.robustness import FILE, Curve, ModelRobustness, Point, Robustness, draw_radiographs, score, sentence

# The same for every model, so that all are shown the same radiographs.
SEED = 0
BATCH_SIZE = 32


def run(config: Config, console: Console) -> None:
    """Score each recipe's newest model on some of its validation radiographs, acquired worse or otherwise, and keep it for the report.

    The test split stays closed: it is opened once a model, when that is registered.
    """
    registry = Registry(config.registry)
    cohort = index(config)
    file = config.report.directory / FILE
    found = load_result(file, Robustness)
    measured = found.models if found else ()
    models: list[ModelRobustness] = []
    validated_on = validation_fingerprint(cohort, partition(cohort, config.cohort))
    for entry in registry.newest(cohort.fingerprint, validated_on):
        before = next((model for model in measured if _is_of(model, entry, config.robustness.radiographs)), None)
        models.append(before or _measure(registry, entry, cohort, config.robustness.radiographs, console))
        console.print(f"{sentence(models[-1])}{' (measured before)' if before else ''}", highlight=False, soft_wrap=True)
        # After each model, so that a run which is killed goes on with the next; what is still to come is kept as it was.
        done = {model.version for model in models}
        save_result(file, Robustness(models=(*models, *(model for model in measured if model.version not in done))))
    save_result(file, Robustness(models=tuple(models)))
    console.print(f"Kept for the report in {file}\nNext: pneumo report", highlight=False, soft_wrap=True)


def _is_of(model: ModelRobustness, entry: Entry, radiographs: int) -> bool:
    """Tell whether curves are of this very model, and were made as they would be now."""
    made = (model.version, model.model_sha256, model.data_fingerprint, model.definition, model.radiographs_at_most)
    return made == (entry.version, entry.model_sha256, entry.data_fingerprint, definition(), radiographs)


def _measure(registry: Registry, entry: Entry, cohort: Cohort, radiographs: int, console: Console) -> ModelRobustness:
    record, model = registry.record(entry), registry.load(entry)
    drawn = draw_radiographs(registry.predictions(entry, "validation"), radiographs, SEED)
    frame_px = max(FRAME_PX, record.image_size_px)
    decoded = in_parallel(partial(_decode, cohort.root, frame_px), drawn["path"].tolist(), f"Decoding radiographs at {frame_px} px")
    frames = np.stack(list(decoded))
    table = cohort.table.set_index("path").loc[drawn["path"]]
    sizes = list(zip(table["width"], table["height"], strict=True))

    def point(changed: Pixels, severity: float) -> Point:
        pairs = zip(changed, sizes, strict=True)
        shown = np.stack([decode_again(radiograph, size, record.image_size_px, record.resize) for radiograph, size in pairs])
        y_score = model.predict(shown[..., None].astype(np.float32), batch_size=BATCH_SIZE, verbose=0)[:, 0]
        return score(drawn, y_score, record.threshold, severity)

    unchanged = point(frames, 0)
    ways = [(name, severity) for name, each in PERTURBATIONS.items() for severity in each.severities if severity != each.neutral]
    tracked = track(ways, f"{entry.recipe} v{entry.version}", console=console, transient=True, disable=not console.is_terminal)
    points = {(name, severity): point(PERTURBATIONS[name](frames, severity), severity) for name, severity in tracked}
    return ModelRobustness(
        version=entry.version,
        recipe=entry.recipe,
        model_sha256=entry.model_sha256,
        data_fingerprint=entry.data_fingerprint,
        definition=definition(),
        radiographs_at_most=radiographs,
        created=datetime.now(UTC),
        threshold=record.threshold,
        images=len(drawn),
        patients=drawn["patient"].nunique(),
        frame_px=frame_px,
        curves=tuple(_curve(name, points, unchanged) for name in PERTURBATIONS),
    )


def _curve(name: str, points: Mapping[tuple[str, float], Point], unchanged: Point) -> Curve:
    each = PERTURBATIONS[name]
    return Curve(
        perturbation=name,
        title=each.title,
        unit=each.unit,
        written=each.written,
        neutral=each.neutral,
        points=tuple(
            points.get((name, severity)) or unchanged.model_copy(update={"severity": severity}) for severity in each.severities
        ),
    )


def _decode(root: Path, size_px: int, path: str) -> Pixels:
    try:
        return decode(root / path, size_px, "squash")
    except UnreadableError as error:
        raise UserError(f"{printable(root / path)}: {error}; it could be read when the cohort was indexed, run again") from error
