"""The head of the backbone."""

from rich.console import Console
from rich.table import Table

from pneumo.config import Config
from pneumo.search.head_search import search_heads
from pneumo.training.dataset import load
from pneumo.training.precision import prepare

SHOWN = 10


def run(config: Config, console: Console) -> None:
    """Search for the best head on the frozen backbone of the `resnet50` recipe."""
    recipe, settings = config.resnet50, config.head_search
    prepare(recipe.fit)
    study = load(config, "heads", recipe, console)
    result, file = search_heads(study, recipe, settings, config.registry.directory / "searches", console)
    table = Table(
        "units", "dropout", "learning rate", "batch", "loss", "validation accuracy", title=f"Best of {len(result.tried)} heads"
    )
    for tried in sorted(result.tried, key=lambda one: one.accuracy, reverse=True)[:SHOWN]:
        head = tried.head
        numbers = (f"{head.dropout:.2f}", f"{head.learning_rate:.2g}", str(head.batch_size), head.loss, f"{tried.accuracy:.4f}")
        table.add_row(" + ".join(map(str, head.units)), *numbers)
    console.print(table)
    console.print(f"The recipe with the best head: {file}\nNext: pneumo resnet50 --config {file}", highlight=False, soft_wrap=True)
