"""Where a registry is stored: embedded in a folder, or on an MLflow tracking server."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import filelock

from pneumo import config
from pneumo.errors import UserError
from pneumo.registry import embedded
from pneumo.registry.connection import as_user_error, connect, import_mlflow, one_line

LOCK_TIMEOUT_SECONDS = 300


class Backend:
    """The store behind a registry: MLflow's client, locked for writing where it is embedded, and the stored files."""

    def __init__(self, settings: config.Registry) -> None:
        self.tracking_uri = settings.tracking_uri
        self.directory = settings.directory.resolve()
        self.location = settings.tracking_uri or str(self.directory)
        self.setting = "registry.tracking_uri" if settings.tracking_uri else "registry.directory"
        """The setting that chooses another registry."""
        # One object for all calls, so that a call that holds the lock can make further calls that acquire it.
        self._lock: AbstractContextManager[Any] = (
            nullcontext()
            if settings.tracking_uri
            else filelock.FileLock(self.directory / "registry.lock", timeout=LOCK_TIMEOUT_SECONDS)
        )

    def remedy(self, action: str) -> str:
        """Advise what to do where something stored cannot be used: an action again, or another registry."""
        return f"{action} again, or set another {self.setting}"

    @property
    def exists(self) -> bool:
        """Whether there is anything to read: an embedded registry is created by the first write."""
        return self.tracking_uri is not None or (self.directory / embedded.DATABASE).exists()

    def client(self) -> Any:
        """Return an `MlflowClient` of the registry, which must exist."""
        if self.tracking_uri is not None:
            return connect(self.tracking_uri)
        with self._locked():
            return embedded.open_folder(self.directory)

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """Yield an `MlflowClient` of the registry, created if necessary; an embedded one is locked against other processes."""
        with as_user_error(self.location):
            if self.tracking_uri is not None:
                yield self.client()
                return
            self.directory.mkdir(parents=True, exist_ok=True)
            with self._locked():
                if not self.exists:
                    embedded.create(self.directory)
                client = self.client()
                # This process holds the lock, so runs that have not ended are of processes that were killed.
                embedded.end_abandoned_runs(client)
                yield client

    @contextmanager
    def download(self, uri: str, owner: str, remedy: str) -> Iterator[Path]:
        """Yield a temporary copy of the artifact at an MLflow URI.

        Raises:
            UserError: it is missing or cannot be read; the message names its `owner` and advises a backup or the `remedy`.
        """
        with as_user_error(self.location), tempfile.TemporaryDirectory() as folder:
            self.client()
            mlflow = import_mlflow()
            try:
                path = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder)
            except (mlflow.MlflowException, OSError) as error:
                raise UserError(
                    f"{uri.rpartition('/')[2]} of {owner} in {self.location} cannot be read: "
                    f"restore it from a backup, or {remedy} ({one_line(error)})"
                ) from error
            yield Path(path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except filelock.Timeout as error:
            raise UserError(
                f"Another process has held {error.lock_file} for {LOCK_TIMEOUT_SECONDS} s: wait for it, or stop it"
            ) from error
