"""joblib backends for the fits of a search: this process, local processes, or a Dask cluster."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
from rich.console import Console
from rich.progress import Progress

from pneumo.config import Hpo
from pneumo.errors import UserError


@contextmanager
def backend(settings: Hpo) -> Iterator[None]:
    """Set the joblib backend of the settings."""
    if settings.backend == "serial":
        yield
    elif settings.backend == "processes":
        with joblib.parallel_config(backend="loky", n_jobs=settings.workers):
            yield
    else:
        with _dask_client(settings.dask_address), joblib.parallel_config(backend="dask"):
            yield


def _dask_client(address: str | None) -> Any:
    if address is None:
        raise UserError("`hpo.backend` is dask: name its scheduler, such as `--hpo.dask_address tcp://10.0.0.1:8786`")
    try:
        # Imported here: an optional dependency.
        from distributed import Client  # noqa: PLC0415
    except ModuleNotFoundError:
        raise UserError("`hpo.backend` is dask, which is not installed: `pip install '.[cluster]'`") from None
    try:
        return Client(address, timeout=10)
    except (OSError, ValueError) as error:
        raise UserError(f"No Dask scheduler answers at {address} ({error}): start one with `dask scheduler`") from error


@contextmanager
def show_progress(directory: Path, total: int, console: Console) -> Iterator[None]:
    """Show how many fits are finished, counted by their files, wherever they run."""
    done = threading.Event()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Fits", total=total)

        def count_files() -> None:
            while not done.wait(1):
                progress.update(task, completed=len(list(directory.glob("*.json"))))

        watcher = threading.Thread(target=count_files, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
