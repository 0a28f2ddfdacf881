"""Work in processes of its own."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


def in_fresh_process(work: Callable[Parameters, Returned], *arguments: Parameters.args, **named: Parameters.kwargs) -> Returned:
    """Call a module's function in a process of its own, which nothing has warmed up."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments, **named).result()
