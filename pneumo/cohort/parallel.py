"""The same work on many films: threads, and a progress bar where somebody watches."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(work: Callable[[Item], Result], items: Sequence[Item], description: str) -> Iterator[Result]:
    """Yield `work(item)` for every item, in order. Threads suffice: Pillow lets go of the interpreter lock while it decodes."""
    console = Console(stderr=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from track(
            pool.map(work, items), description, total=len(items), console=console, transient=True, disable=not console.is_terminal
        )
