"""The embedded registry: one folder that holds MLflow's sqlite database and the artifacts, and may be moved or copied.

Callers hold the folder's lock: MLflow itself cannot take two processes that create or upgrade one database.
"""

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from pneumo.errors import UserError
from pneumo.registry.connection import connect, import_mlflow

EXPERIMENT = "pneumo"
BUSY_TIMEOUT_SECONDS = 20
# Every column in which MLflow keeps where artifacts lie.
LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def database(directory: Path) -> Path:
    """Say where the database of a folder lies."""
    return directory / "mlflow.db"


def artifacts(directory: Path) -> Path:
    """Say where the artifacts of a folder lie."""
    return directory / "artifacts"


def uri(directory: Path) -> str:
    """Return MLflow's address of a folder, which must be absolute: MLflow would look up another from its working directory."""
    return f"sqlite:///{database(directory).as_posix()}"


def create(directory: Path) -> None:
    """Make the database in one step: built elsewhere and moved into place whole, since MLflow cannot go on with half a schema."""
    with tempfile.TemporaryDirectory() as elsewhere:
        connect(uri(Path(elsewhere)))
        whole = database(directory).with_suffix(".db.new")
        shutil.copyfile(database(Path(elsewhere)), whole)
        whole.replace(database(directory))


def open_folder(directory: Path) -> Any:
    """Return MLflow's client of a folder, wherever that lay when it was last written.

    Raises:
        UserError: the database is damaged, or of a version that MLflow does not upgrade by itself.
    """
    path, location = database(directory), artifacts(directory).as_uri()
    _check(path)
    try:
        client = connect(uri(directory))
    except import_mlflow().MlflowException as error:
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
    """Mark the runs of killed processes, and drop the models they had begun to write."""
    experiment = client.get_experiment_by_name(EXPERIMENT)
    for run in client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'"):
        client.set_terminated(run.info.run_id, "KILLED")
    for model in client.search_logged_models([experiment.experiment_id], "status = 'PENDING'"):
        client.delete_logged_model(model.model_id)


def _check(path: Path) -> None:
    """Find damage first: MLflow would try to open the file again and again for minutes."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS)) as connection:
            problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            # An empty file passes as a sound database.
            connection.execute("SELECT version_num FROM alembic_version")
    except sqlite3.DatabaseError as error:
        problem = str(error)
    if problem != "ok":
        raise UserError(f"{path} cannot be read as a registry ({problem}): restore it, or move it away to start anew")


def _relocate(path: Path, stored: str, location: str) -> None:
    """Rewrite where the artifacts lie, after the folder was moved or copied.

    MLflow stores absolute locations. Relative ones would be looked up from whatever directory a process happens to run in, and
    left alone a copied folder would go on writing into the one it was copied from.
    """
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS)) as connection, connection:
        for table, column in LOCATIONS:
            # The names come from the constant above.
            statement = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column} || '/', 1, ?) = ?"  # noqa: S608
            connection.execute(statement, (location, len(stored) + 1, len(stored) + 1, f"{stored}/"))
