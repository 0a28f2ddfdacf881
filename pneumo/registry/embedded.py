"""The embedded registry: a folder with MLflow's sqlite database and the artifacts, which can be moved and copied as a whole.

Callers hold the folder's lock: MLflow does not support two processes that create or upgrade the same database.
"""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from pneumo.errors import UserError
from pneumo.files import remove_partial, write_atomically
from pneumo.registry.connection import connect, import_mlflow

DATABASE, ARTIFACTS = "mlflow.db", "artifacts"
EXPERIMENT = "pneumo"
BUSY_TIMEOUT_SECONDS = 20
# Every table and column in which MLflow stores the location of artifacts.
LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def uri(directory: Path) -> str:
    """Tracking URI of a registry folder, whose path must be absolute: MLflow resolves a relative one from the working directory."""
    return f"sqlite:///{(directory / DATABASE).as_posix()}"


def create(directory: Path) -> None:
    """Create the database in a temporary folder, then move it into place: MLflow cannot continue with an incomplete schema."""
    with tempfile.TemporaryDirectory() as folder:
        connect(uri(Path(folder)))
        remove_partial(directory, DATABASE)
        write_atomically(directory / DATABASE, Path(folder, DATABASE).read_bytes())


def open_folder(directory: Path) -> Any:
    """Return an `MlflowClient` of a registry folder; after the folder was moved, update the stored artifact locations first.

    Raises:
        UserError: the database is damaged, or of a version that MLflow does not upgrade automatically.
    """
    path, location = directory / DATABASE, (directory / ARTIFACTS).as_uri()
    _check_integrity(path)
    mlflow = import_mlflow()
    try:
        client = connect(uri(directory))
    except mlflow.MlflowException as error:
        if "database schema" not in error.message:
            raise
        remedy = f"back it up, then run `mlflow db upgrade '{uri(directory)}'`"
        raise UserError(f"{path} was written by another version of MLflow: {remedy}") from error
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        client.create_experiment(EXPERIMENT, artifact_location=location)
    elif experiment.artifact_location != location:
        _relocate(path, experiment.artifact_location, location)
    return client


def end_abandoned_runs(client: Any) -> None:
    """Mark the runs of killed processes as KILLED, and delete the models that they had begun to write."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    for run in client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'"):
        client.set_terminated(run.info.run_id, "KILLED")
    for model in client.search_logged_models([experiment.experiment_id], "status = 'PENDING'"):
        client.delete_logged_model(model.model_id)


def _check_integrity(path: Path) -> None:
    """Raise a UserError for a damaged database at once: MLflow would retry for minutes."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS)) as connection:
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            # Fails for an empty file, which passes the check.
            connection.execute("SELECT version_num FROM alembic_version")
    except sqlite3.DatabaseError as error:
        problem = str(error)
    if problem != "ok":
        raise UserError(f"{path} cannot be read as a registry ({problem}): restore it from a backup, or move it away")


def _relocate(path: Path, stored: str, location: str) -> None:
    """Replace the stored location of the artifacts by the current one, after the folder was moved or copied.

    MLflow stores absolute locations. Relative ones would be resolved from the working directory of each process, and with the old
    absolute ones a copied folder would still write into the original.
    """
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS)) as connection, connection:
        for table, column in LOCATIONS:
            # The names come from the constant above.
            statement = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column} || '/', 1, ?) = ?"  # noqa: S608
            connection.execute(statement, (location, len(stored) + 1, len(stored) + 1, f"{stored}/"))
