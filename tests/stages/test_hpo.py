"""Whole searches: killed, resumed, and spread over processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from distributed import LocalCluster
from rich.console import Console

from pneumo.config import Config
from pneumo.registry import Registry
from pneumo.stages import hpo

pytestmark = pytest.mark.slow


def settings(folder: Path, **search: object) -> dict[str, object]:
    return {
        "cohort": {"cache_dir": str(folder.parent / "data"), "phantom": {"patients": 60, "size_px": 64}},
        "registry": {"directory": str(folder / "models")},
        "hpo": {
            "points": 4,
            "initial_points": 2,
            "folds": 2,
            "recipe": {
                "image_size_px": 32,
                "network": {"filters": [4, 8], "dense_units": 8},
                "fit": {"epochs": 2, "precision": "float32", "deterministic": True},
            },
            **search,
        },
    }


def start(folder: Path) -> subprocess.Popen:
    file = folder / "config.yaml"
    folder.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump(settings(folder)))
    environment = {name: value for name, value in os.environ.items() if name != "PNEUMO_DATA"}
    return subprocess.Popen([sys.executable, "-m", "pneumo", "hpo", "--config", str(file)], env=environment)


def finished(folder: Path) -> int:
    return len(list(folder.glob("models/training/hpo-*/fits/*.json")))


def found(folder: Path) -> tuple[list[tuple[dict[str, float], tuple[float, ...]]], np.ndarray]:
    """The search's points with their scores, and the registered winner's predictions."""
    registry = Registry(Config.model_validate(settings(folder)).registry)
    entry = registry.get("hpo")
    points = registry.record(entry).search.points
    return [(point.parameters, point.fold_scores) for point in points], registry.predictions(entry, "test")["y_score"].to_numpy()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hpo") / "whole"
    assert start(folder).wait() == 0
    return folder


def test_a_search_killed_and_started_again_ends_as_one_never_interrupted(uninterrupted):
    folder = uninterrupted.parent / "killed"
    with start(folder) as process:
        while finished(folder) < 3:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = finished(folder)
    assert 3 <= kept < 8
    assert start(folder).wait() == 0
    (points, scores), (points_again, scores_again) = found(uninterrupted), found(folder)
    assert points_again == points
    assert np.array_equal(scores_again, scores)
    assert finished(folder) == 0, "what a search leaves behind is of no use once its winner is registered"


def test_a_cluster_of_two_of_which_one_is_killed_finds_what_one_process_finds(uninterrupted, monkeypatch):
    monkeypatch.delenv("PNEUMO_DATA", raising=False)
    folder = uninterrupted.parent / "cluster"
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        victim = next(iter(cluster.workers.values())).pid

        def kill() -> None:
            while finished(folder) < 1:
                time.sleep(0.02)
            os.kill(victim, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        chosen = settings(folder, backend="dask", dask_address=cluster.scheduler_address)
        hpo.run(Config.model_validate(chosen), Console(quiet=True))
        killer.join()
        assert victim not in {worker.pid for worker in cluster.workers.values()}
    points, _ = found(uninterrupted)
    points_again, _ = found(folder)
    assert points_again == points
