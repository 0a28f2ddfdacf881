"""Where a result comes from: the state of the source tree, and the machine."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tensorflow as tf

from pneumo.cohort.index import Cohort
from pneumo.training.dataset import software


def git_commit() -> str | None:
    """Commit of this source tree, marked where files differ from it; None outside a checkout."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()


def hardware() -> str:
    """Say what it was computed on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {len(tf.config.list_physical_devices('GPU'))} GPUs"


def experiment_facts(
    cohort: Cohort, name: str, settings: dict[str, Any], *, seed: int, precision: str, seconds: float
) -> dict[str, Any]:
    """Gather what an experiment says of itself, whatever it found."""
    return {
        "name": name,
        "created": datetime.now(UTC),
        "synthetic": cohort.synthetic,
        "data_name": cohort.root.name,
        "data_fingerprint": cohort.fingerprint,
        "settings": settings,
        "seed": seed,
        "precision": precision,
        "git_commit": git_commit(),
        "software": software(),
        "hardware": hardware(),
        "seconds": seconds,
    }
