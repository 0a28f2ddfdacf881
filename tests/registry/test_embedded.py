import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import alembic.command
import alembic.config
import pytest
import sqlalchemy

from pneumo import config
from pneumo.errors import UserError
from pneumo.registry import Registry
from pneumo.registry.connection import import_mlflow
from tests.registry.tiny_models import images, register, registry_in, start, tiny_model, wait_for


def write_old_database(folder: Path, revision: str) -> None:
    """Create the database of an older MLflow."""
    folder.mkdir(parents=True)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    package = Path(import_mlflow().__file__).parent
    # Imported here, after MLflow's environment is set.
    from mlflow.store.tracking.dbmodels.initial_models import Base  # noqa: PLC0415

    Base.metadata.create_all(sqlalchemy.create_engine(uri))
    migrations = alembic.config.Config()
    migrations.set_main_option("script_location", str(package / "store" / "db_migrations"))
    migrations.set_main_option("sqlalchemy.url", uri)
    alembic.command.upgrade(migrations, revision)


MLFLOW_3_0 = "400f98739977"


def every_entry_is_complete(registry: Registry) -> bool:
    for entry in registry.entries():
        registry.load(entry)
        assert registry.record(entry).recipe == entry.recipe
        assert len(registry.predictions(entry, "test")) == 4
    return True


@pytest.mark.parametrize("carry", [shutil.move, shutil.copytree])
def test_a_moved_or_copied_folder_is_read_and_written_where_it_lies(tmp_path, monkeypatch, carry):
    model = tiny_model()
    register(registry_in(tmp_path / "here" / "models"), "baseline", model)
    (tmp_path / "there 100%, naïve").mkdir()
    carry(tmp_path / "here", tmp_path / "there 100%, naïve" / "project")
    before = sorted((tmp_path / "here").rglob("*"))
    folder = tmp_path / "there 100%, naïve" / "project" / "models"
    monkeypatch.chdir(folder.parent)

    registry = registry_in(Path("models"))
    assert (registry.load(registry.get("baseline")).predict(images()) == model.predict(images())).all()
    register(registry, "weighted")
    monkeypatch.chdir(tmp_path)
    assert every_entry_is_complete(registry_in(folder))
    assert len(list(folder.rglob("model.keras"))) == 2
    assert sorted((tmp_path / "here").rglob("*")) == before
    # Every location that MLflow stores, except that of its default experiment 0, which is never written to.
    stored = sqlite3.connect(folder / "mlflow.db").iterdump()
    assert not [line for line in stored if (tmp_path / "here").as_uri() in line]


def register_at_once(folders: list[Path]) -> None:
    """Have two processes register in one folder after another, both at the same time."""
    with start("baseline") as first_process, start("weighted") as second_process:
        for already, folder in enumerate(folders):
            for process in (first_process, second_process):
                print(folder, file=process.stdin, flush=True)
            versions = {int(process.stdout.readline()) for process in (first_process, second_process)}
            lowest = 2 * folders[:already].count(folder) + 1
            assert versions == {lowest, lowest + 1}
    for folder in set(folders):
        registry = registry_in(folder)
        entries = registry.entries()
        assert [entry.version for entry in entries] == list(range(1, 2 * folders.count(folder) + 1))
        assert len(registry.entries("baseline")) == len(registry.entries("weighted"))
        assert [entry.version for entry in entries if entry.aliases] == [1]
        assert every_entry_is_complete(registry)


def test_two_processes_register_at_once_on_a_fresh_database_and_on_one_in_use(tmp_path):
    register_at_once([tmp_path / "models"] * 2)


@pytest.mark.slow
def test_two_processes_register_at_once_repeatedly_and_on_an_older_schema(tmp_path):
    write_old_database(tmp_path / "old", MLFLOW_3_0)
    register_at_once([tmp_path / "old", tmp_path / "1", tmp_path / "2", tmp_path / "3", *[tmp_path / "4"] * 8])


def killed_when(folder: Path, ready: Callable[[], object], delay_seconds: float = 0) -> None:
    with start("killed") as process:
        print(folder, file=process.stdin, flush=True)
        wait_for(ready)
        time.sleep(delay_seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()


def check_recovery(folder: Path) -> None:
    """Nothing incomplete is listed, and the next model is registered as usual."""
    registry = registry_in(folder)
    before = registry.entries()
    assert every_entry_is_complete(registry)
    added = register(registry)
    # Also a model whose process was killed before it made it the champion.
    assert [entry.model_sha256 for entry in registry.entries()[:-1]] == [entry.model_sha256 for entry in before]
    assert registry.get("baseline") == added
    assert every_entry_is_complete(registry)
    assert registry.get("champion").version == 1
    statuses = [run.info.status for run in import_mlflow().MlflowClient().search_runs(["1"])]
    assert "RUNNING" not in statuses
    assert statuses.count("FINISHED") >= len(registry.entries())


def test_a_process_killed_while_it_writes_leaves_nothing_listed(tmp_path):
    killed_when(tmp_path, lambda: list(tmp_path.glob("artifacts/*/artifacts/*")))
    assert registry_in(tmp_path).entries() == []
    check_recovery(tmp_path)
    assert [run.info.status for run in import_mlflow().MlflowClient().search_runs(["1"])] == ["FINISHED", "KILLED"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "delay_seconds"),
    [
        ("registry.lock", 0),
        ("registry.lock", 1),
        ("mlflow.db", 0),
        ("artifacts/models/*", 0),
        ("artifacts/**/model.keras", 0),
        ("artifacts/**/model.keras", 0.05),
    ],
)
def test_a_process_killed_at_any_point_leaves_nothing_incomplete(tmp_path, pattern, delay_seconds):
    killed_when(tmp_path, lambda: list(tmp_path.glob(pattern)), delay_seconds)
    check_recovery(tmp_path)


def test_a_database_that_was_not_completed_is_created_again(tmp_path):
    (tmp_path / ".mlflow.db.123.partial").write_bytes(b"half a database")
    assert registry_in(tmp_path).entries() == []
    check_recovery(tmp_path)
    assert not list(tmp_path.glob(".mlflow.db.*"))


def test_a_damaged_database_is_named(tmp_path):
    register(registry_in(tmp_path))
    database = tmp_path / "mlflow.db"
    content = database.read_bytes()
    for damaged in (b"no database at all" * 100, content[: len(content) // 2], b""):
        database.write_bytes(damaged)
        with pytest.raises(UserError, match=r"mlflow\.db cannot be read as a registry .*: restore it from a backup, or move it"):
            registry_in(tmp_path).entries()


def test_a_schema_that_mlflow_does_not_upgrade_automatically_is_reported_with_the_command(tmp_path):
    register(registry_in(tmp_path / "models"))
    # A process opens a database once: as after a change of MLflow, this one has not been opened yet.
    shutil.copytree(tmp_path / "models", tmp_path / "older")
    with sqlite3.connect(tmp_path / "older" / "mlflow.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '75868b020152'")
    with pytest.raises(
        UserError, match=r"another version of MLflow: back it up, then run `mlflow db upgrade 'sqlite:////.*mlflow.db'`"
    ):
        registry_in(tmp_path / "older").entries()


def answer(url: str) -> bytes | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - the server below
            return bytes(response.read())
    except (urllib.error.URLError, ConnectionError):
        return None


@contextmanager
def serving(command: list[str], folder: Path) -> Iterator[str]:
    """Start an MLflow server in a folder, and yield its URL when it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen([*command, "--port", str(port)], cwd=folder, start_new_session=True) as server:
        try:
            wait_for(lambda: answer(f"{address}/health"))
            yield address
        finally:
            os.killpg(server.pid, signal.SIGTERM)


@pytest.mark.slow
def test_mlflows_own_page_finds_the_artifacts_of_a_moved_folder(tmp_path):
    register(registry_in(tmp_path / "here"))
    shutil.move(tmp_path / "here", tmp_path / "there")
    registry = registry_in(tmp_path / "there")
    run_id = registry.get("baseline").run_id
    with serving(registry.ui_command(), tmp_path) as address:
        record = answer(f"{address}/get-artifact?path=record.json&run_uuid={run_id}")
    assert record is not None
    assert json.loads(record)["recipe"] == "baseline"
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.mark.slow
def test_a_tracking_server_serves_as_registry(tmp_path):
    model = tiny_model()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--workers", "1"]
    stores = ["--backend-store-uri", f"sqlite:///{tmp_path}/served.db", "--artifacts-destination", str(tmp_path / "artifacts")]
    with serving([*command, *stores], tmp_path) as address:
        registry = Registry(config.Registry(directory=tmp_path / "models", tracking_uri=address))
        assert registry.entries() == []
        entry = register(registry, "baseline", model)
        register(registry, "weighted")
        assert [(listed.version, listed.recipe, listed.aliases) for listed in registry.entries()] == [
            (1, "baseline", ("champion",)),
            (2, "weighted", ()),
        ]
        assert (registry.load(entry).predict(images()) == model.predict(images())).all()
        assert every_entry_is_complete(registry)
        check_test_accesses_of_two_machines(address, tmp_path)
    assert not (tmp_path / "models").exists()


def check_test_accesses_of_two_machines(address: str, folder: Path) -> None:
    """Machines that use the same server share one log of test accesses, also concurrent ones, and write no file."""
    first, second = (Registry(config.Registry(directory=folder / name, tracking_uri=address)) for name in ("first", "second"))
    assert len(first.log_test_access("baseline", "f00d")) == 1
    assert [access.recipe for access in second.log_test_access("weighted", "f00d")] == ["baseline", "weighted"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda registry: registry.log_test_access("robust", "f00d"), [first, second] * 8))
    assert len(first.test_accesses("f00d")) == len(second.test_accesses("f00d")) == 18
    assert first.test_accesses("another cohort") == []
    assert not (folder / "first").exists()
