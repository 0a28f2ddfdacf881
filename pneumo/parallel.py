"""The same work on many items, in threads, and work in a process of its own."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")
Result = TypeVar("Result")
Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


def in_parallel(work: Callable[[Item], Result], items: Sequence[Item], description: str) -> Iterator[Result]:
    """Yield `work(item)` for every item, in order. Threads suffice: Pillow releases the interpreter lock while it decodes."""
    console = Console(stderr=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from track(
            pool.map(work, items), description, total=len(items), console=console, transient=True, disable=not console.is_terminal
        )


def in_fresh_process(work: Callable[Parameters, Returned], *arguments: Parameters.args, **named: Parameters.kwargs) -> Returned:
    """Call a module's function in a new process, without caches or global state of this one."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments, **named).result()
