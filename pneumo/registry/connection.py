"""MLflow, imported on first use (it takes four seconds) and told to keep to itself."""

import os
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pneumo.errors import UserError

MESSAGE_LENGTH = 500
# MLflow reads these when it is imported or asked; whoever sets them differently keeps their way.
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Below a warning it only reports each table of a new database and each step of logging.
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # A server that cannot be reached is the user's to mend now, not after MLflow's own four minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def import_mlflow() -> Any:
    """Return the module, its environment set before it is read."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: PLC0415

    return mlflow


def connect(uri: str) -> Any:
    """Return MLflow's client of the store at an address.

    The address becomes MLflow's own for this process: `log_model`, and the look-ups behind a new version, take no other.
    """
    mlflow = import_mlflow()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow.MlflowClient(uri, uri)


@contextmanager
def as_user_error(location: str) -> Iterator[None]:
    """Turn what the disk, the network or MLflow refuses into an error that the user can act on."""
    try:
        yield
    except (import_mlflow().MlflowException, OSError) as error:
        raise UserError(
            f"The model registry {location} failed: see that it can be reached, read and written ({one_line(error)})"
        ) from error


def one_line(error: Exception) -> str:
    """Shorten a library's message."""
    return textwrap.shorten(str(error) or type(error).__name__, MESSAGE_LENGTH)
