"""The stage `hpo`: killed and resumed, and on a cluster."""

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


def finished_fits(folder: Path) -> int:
    return len(list(folder.glob("models/training/hpo-*/fits/*.json")))


def points_and_scores(folder: Path) -> tuple[list[tuple[dict[str, float], tuple[float, ...]]], np.ndarray]:
    """The points of the search with their scores, and the predictions of the registered model."""
    registry = Registry(Config.model_validate(settings(folder)).registry)
    entry = registry.get("hpo")
    points = registry.record(entry).search.points
    return [(point.parameters, point.fold_scores) for point in points], registry.predictions(entry, "test")["y_score"].to_numpy()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hpo") / "uninterrupted"
    assert start(folder).wait() == 0
    return folder


def test_a_killed_and_resumed_search_ends_as_an_uninterrupted_one(uninterrupted):
    folder = uninterrupted.parent / "killed"
    with start(folder) as process:
        while finished_fits(folder) < 3:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 3 <= finished_fits(folder) < 8
    assert start(folder).wait() == 0
    (points, scores), (points_again, scores_again) = points_and_scores(uninterrupted), points_and_scores(folder)
    assert points_again == points
    assert np.array_equal(scores_again, scores)
    assert finished_fits(folder) == 0, "finished fits are deleted once the best point is registered"


def test_a_cluster_of_two_workers_of_which_one_is_killed_gives_the_points_of_one_process(uninterrupted, monkeypatch):
    monkeypatch.delenv("PNEUMO_DATA", raising=False)
    folder = uninterrupted.parent / "cluster"
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        victim = next(iter(cluster.workers.values())).pid

        def kill() -> None:
            while finished_fits(folder) < 1:
                time.sleep(0.02)
            os.kill(victim, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        cluster_settings = settings(folder, backend="dask", dask_address=cluster.scheduler_address)
        hpo.run(Config.model_validate(cluster_settings), Console(quiet=True))
        killer.join()
        assert victim not in {worker.pid for worker in cluster.workers.values()}
    points, _ = points_and_scores(uninterrupted)
    points_again, _ = points_and_scores(folder)
    assert points_again == points
