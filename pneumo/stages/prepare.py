"""The cohort, checked and decoded."""

from rich.console import Console
from rich.table import Table

from pneumo.cohort.index import cache_folder, index
from pneumo.cohort.splits import partition
from pneumo.config import Config
from pneumo.radiographs.cache import pixel_cache


def run(config: Config, console: Console) -> None:
    """Index and check the cohort, show who is in it, and decode it once for every recipe."""
    if config.data is None:
        console.print("No data given (`make train DATA=…` or PNEUMO_DATA): a SYNTHETIC phantom cohort stands in", highlight=False)
    cohort = index(config)
    parts = partition(cohort, config.cohort)
    title = f"{'SYNTHETIC phantom cohort' if cohort.synthetic else 'Cohort'} {cohort.root}"
    table = Table("part", "label", "radiographs", "patients", title=title)
    for key, radiographs in cohort.table.groupby([parts, "label"]):
        table.add_row(*map(str, key), str(len(radiographs)), str(radiographs["patient"].nunique()))
    console.print(table)
    for kind, count in cohort.foreign.items():
        console.print(f"Ignored {count} foreign entries: {kind}")
    for problem, radiographs in cohort.left_out.groupby("problem"):
        console.print(f"Left out {len(radiographs)} radiographs: {problem}")
    recipes = (config.baseline, config.weighted, config.robust, config.resnet50)
    for size_px, resize in sorted({(recipe.image_size_px, recipe.resize) for recipe in recipes}):
        pixel_cache(cohort, size_px, resize, config.cohort.cache_dir)
    console.print(f"Table and pixels in {cache_folder(cohort.root, config.cohort.cache_dir)}\nNext: pneumo audit", highlight=False)
