"""Parallel work on many items in threads, and function calls in a fresh process."""

import importlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from rich.console import Console
from rich.progress import track

from pneumo.startup import quiet_start

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
    """Call a module-level function in a new process, without caches or global state of this one."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_import_quietly, initargs=(work.__module__,)) as process:
        return process.submit(work, *arguments, **named).result()


def _import_quietly(module: str) -> None:
    with quiet_start():
        importlib.import_module(module)
