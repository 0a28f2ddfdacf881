"""Heatmaps of the registered models' mistakes on the test split."""

from rich.console import Console
from rich.progress import track

from pneumo.cohort.index import index
from pneumo.config import Config
from pneumo.explain.explainer import Explainer
from pneumo.explain.gallery import write_gallery
from pneumo.explain.selection import most_confident_mistakes
from pneumo.registry import Registry
from pneumo.results.gallery import gallery_folder


def run(config: Config, console: Console) -> None:
    """Draw heatmaps of the most confident false positives and false negatives of each recipe's newest model."""
    registry = Registry(config.registry)
    cohort = index(config.data, config.cohort)
    settings = config.gradcam
    entries = registry.newest(cohort.fingerprint, config.protocol.fingerprint)
    for entry in track(entries, "Heatmaps", console=console, transient=True):
        record = registry.record(entry)
        mistakes = most_confident_mistakes(registry.predictions(entry, "test"), record.threshold, settings.mistakes_per_kind)
        explainer = Explainer(registry.load(entry), config.lots, settings.layer)
        folder = config.report.directory / gallery_folder(entry.recipe, entry.version)
        write_gallery(
            folder, mistakes, explainer, method=settings.method, file_of=cohort.file, record=record, model_sha256=entry.model_sha256
        )
        counts = mistakes["kind"].value_counts()
        console.print(
            f"{entry.recipe} v{entry.version}: {counts.get('false_positive', 0)} false positives and "
            f"{counts.get('false_negative', 0)} false negatives in {folder}"
        )
    console.print("Next: pneumo report")
