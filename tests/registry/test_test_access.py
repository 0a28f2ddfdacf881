"""The test-access log: no access is lost, in a file or on a tracking server."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pneumo import config
from pneumo.errors import UserError
from pneumo.registry import Registry
from pneumo.registry.connection import connect
from pneumo.registry.test_access import FILE
from tests.registry.tiny_models import registry_in


def registry_on_server(folder: Path) -> Registry:
    """A registry that takes a database for a tracking server: the same calls of MLflow's client, without a server's start."""
    folder.mkdir(parents=True, exist_ok=True)
    return Registry(config.Registry(directory=folder / "unused", tracking_uri=f"sqlite:///{folder / 'served.db'}"))


both_backends = pytest.mark.parametrize("open_registry", [registry_in, registry_on_server])


@both_backends
def test_accesses_are_counted_by_cohort(tmp_path, open_registry: Callable[[Path], Registry]):
    registry = open_registry(tmp_path / "models")
    registry.log_test_access("baseline", "this cohort")
    registry.log_test_access("baseline", "another cohort")
    accesses = registry.log_test_access("weighted", "this cohort")
    assert [access.recipe for access in accesses] == ["baseline", "weighted"]
    assert accesses[0].time <= accesses[1].time
    assert accesses[1].time.utcoffset().total_seconds() == 0
    assert open_registry(tmp_path / "models").test_accesses("this cohort") == accesses


@both_backends
def test_reading_logs_no_access(tmp_path, open_registry):
    registry = open_registry(tmp_path / "models")
    assert registry.test_accesses("cohort") == []
    registry.log_test_access("baseline", "cohort")
    assert len(registry.test_accesses("cohort")) == len(registry.test_accesses("cohort")) == 1


@both_backends
def test_concurrent_accesses_are_all_logged(tmp_path, open_registry):
    registry = open_registry(tmp_path)
    registry.log_test_access("first", "cohort")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: open_registry(tmp_path).log_test_access(f"recipe {number}", "cohort"), range(24)))
    accesses = registry.log_test_access("last", "cohort")
    assert len({access.recipe for access in accesses}) == len(accesses) == 26
    assert accesses[-1].recipe == "last"


def test_with_a_server_no_file_is_written_and_deleted_runs_count(tmp_path):
    registry = registry_on_server(tmp_path)
    registry.log_test_access("baseline", "cohort")
    client = connect(f"sqlite:///{tmp_path / 'served.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("pneumo").experiment_id])
    assert run.info.status == "FINISHED"
    client.delete_run(run.info.run_id)
    assert [access.recipe for access in registry.log_test_access("weighted", "cohort")] == ["baseline", "weighted"]
    assert list(tmp_path.rglob(FILE)) == []
    assert registry.entries() == []


@pytest.mark.parametrize("torn", ['{"time":"2026-', '{"time":"2026-01-01T00:00:00Z","recipe":"ba\n', "\n\n"])
def test_a_torn_line_hides_no_access_before_or_after_it(tmp_path, torn):
    registry = registry_in(tmp_path)
    registry.log_test_access("baseline", "cohort")
    with (tmp_path / FILE).open("a") as file:
        file.write(torn)
    assert len(registry.test_accesses("cohort")) == 1
    assert len(registry.log_test_access("weighted", "cohort")) == 2
    assert len(registry.log_test_access("weighted", "cohort")) == 3


FILE_OF_LIMITED_SIZE = """
import resource, signal, sys
from pathlib import Path
from tests.registry.tiny_models import registry_in

registry = registry_in(Path(sys.argv[1]))
registry.log_test_access("baseline", "cohort")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = (Path(sys.argv[1]) / "test-access.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30, resource.RLIM_INFINITY))
registry.log_test_access("torn", "cohort")
"""


def test_a_full_disk_is_reported_and_the_next_access_is_logged(tmp_path):
    run = subprocess.run([sys.executable, "-c", FILE_OF_LIMITED_SIZE, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "UserError: The model registry" in run.stderr
    assert not (tmp_path / FILE).read_bytes().endswith(b"\n")
    assert [access.recipe for access in registry_in(tmp_path).log_test_access("next", "cohort")] == ["baseline", "next"]


def test_an_unwritable_log_is_reported_in_one_line(tmp_path):
    (tmp_path / "models").write_text("a file in place of the folder")
    with pytest.raises(UserError, match=r"^The model registry .*models failed: check that it can be reached, read and written"):
        registry_in(tmp_path / "models").log_test_access("baseline", "cohort")
