"""Heatmaps of the mistakes."""

from rich.console import Console
from rich.progress import track

from pneumo.cohort.index import index
from pneumo.cohort.splits import partition, validation_fingerprint
from pneumo.config import Config
from pneumo.explain.explainer import Explainer
from pneumo.explain.gallery import most_confident_mistakes, write_gallery
from pneumo.registry import Registry


def run(config: Config, console: Console) -> None:
    """Draw heatmaps of each recipe's newest model on its most confident false positives and false negatives."""
    registry = Registry(config.registry)
    cohort = index(config)
    entries = registry.newest(cohort.fingerprint, validation_fingerprint(cohort, partition(cohort, config.cohort)))
    for entry in track(entries, "Heatmaps", console=console, transient=True):
        record = registry.record(entry)
        mistakes = most_confident_mistakes(registry.predictions(entry, "test"), record.threshold, config.gradcam.cases)
        folder = config.report.directory / "gradcam" / f"{entry.recipe}-v{entry.version}"
        write_gallery(
            folder,
            mistakes,
            Explainer(registry.load(entry), config.lots, config.gradcam.layer),
            method=config.gradcam.method,
            root=cohort.root,
            image_size_px=record.image_size_px,
            resize=record.resize,
            threshold=record.threshold,
            model_sha256=entry.model_sha256,
        )
        counts = mistakes["kind"].value_counts()
        console.print(
            f"{entry.recipe} v{entry.version}: {counts.get('false_positive', 0)} false positives and "
            f"{counts.get('false_negative', 0)} false negatives in {folder}",
            highlight=False,
        )
    console.print("Next: pneumo report")
