"""MLflow, imported on first use since the import takes four seconds, with telemetry off and its log reduced to warnings."""

import os
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pneumo.errors import UserError

MESSAGE_LENGTH = 500
# Read by MLflow during its import or later. A variable that the user has set keeps its value.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Below the level of warnings it only reports each table of a new database and each step of logging.
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Report an unreachable server after seconds: MLflow's defaults retry for four minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def import_mlflow() -> Any:
    """Set MLflow's environment variables, import it and return the module."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: PLC0415

    return mlflow


def connect(uri: str) -> Any:
    """Return an `MlflowClient` of a tracking URI.

    The URI also becomes MLflow's global one in this process: `log_model` and the look-ups behind a new version take no other.
    """
    mlflow = import_mlflow()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow.MlflowClient(uri, uri)


@contextmanager
def as_user_error(location: str) -> Iterator[None]:
    """Turn errors of the file system, the network and MLflow into a UserError that names the registry."""
    try:
        yield
    except _failures() as error:
        raise UserError(
            f"The model registry {location} failed: check that it can be reached, read and written ({one_line(error)})"
        ) from error


def _failures() -> tuple[type[Exception], ...]:
    # Without an import: the log of test accesses in a folder needs no MLflow, and what is not loaded has raised nothing.
    exceptions = sys.modules.get("mlflow.exceptions")
    return (OSError,) if exceptions is None else (OSError, exceptions.MlflowException)


def one_line(error: Exception) -> str:
    """Shorten a library's error message to one line."""
    return textwrap.shorten(str(error) or type(error).__name__, MESSAGE_LENGTH)
