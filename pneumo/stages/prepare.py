"""Indexing, checking and decoding of the cohort."""

from rich.console import Console
from rich.table import Table

from pneumo.cohort.index import index
from pneumo.cohort.splits import partition
from pneumo.config import Config
from pneumo.stages import RECIPES


def run(config: Config, console: Console) -> None:
    """Index and check the cohort, print its composition, and decode it at the image size of every recipe."""
    if config.data is None:
        console.print("No data given (`make train DATA=…` or PNEUMO_DATA): using a SYNTHETIC phantom cohort")
    cohort = index(config.data, config.cohort)
    parts = partition(cohort, config.protocol)
    table = Table("part", "label", "radiographs", "patients", title=cohort.title)
    for key, radiographs in cohort.table.groupby([parts, "label"]):
        table.add_row(*map(str, key), str(len(radiographs)), str(radiographs["patient"].nunique()))
    console.print(table)
    for kind, count in cohort.foreign.items():
        console.print(f"Ignored {count} foreign files: {kind}")
    for problem, radiographs in cohort.left_out.groupby("problem"):
        console.print(f"Left out {len(radiographs)} radiographs: {problem}")
    recipes = [getattr(config, name) for name in RECIPES]
    for size_px, resize in sorted({(recipe.image_size_px, recipe.resize) for recipe in recipes}):
        cohort.pixels(size_px, resize)
    console.print(f"Table and pixels in {cohort.cache_folder}\nNext: pneumo audit")
