"""Search of the head on the frozen backbone."""

from rich.console import Console
from rich.table import Table

from pneumo.config import Config
from pneumo.search.head_search import search_heads
from pneumo.training.precision import prepare
from pneumo.training.run import load_run

SHOWN = 10


def run(config: Config, console: Console) -> None:
    """Search for the best head on the frozen backbone of the `resnet50` recipe."""
    recipe = config.resnet50
    prepare(recipe.fit)
    training_run = load_run(config, "heads", recipe, console)
    result, file = search_heads(training_run, recipe, config.head_search, config.registry.directory / "searches", console)
    columns = ("units", "dropout", "learning rate", "batch", "loss", "validation accuracy")
    table = Table(*columns, title=f"Best of {len(result.evaluated)} heads")
    for evaluated in sorted(result.evaluated, key=lambda evaluated: evaluated.accuracy, reverse=True)[:SHOWN]:
        head = evaluated.head
        numbers = (f"{head.dropout:.2f}", f"{head.learning_rate:.2g}", str(head.batch_size), head.loss, f"{evaluated.accuracy:.4f}")
        table.add_row(" + ".join(map(str, head.units)), *numbers)
    console.print(table)
    console.print(f"The recipe with the best head: {file}\nNext: pneumo resnet50 --config {file}")
