"""Where a result comes from: the state of the source tree, and the machine."""

import os
import platform
import subprocess
from pathlib import Path

import tensorflow as tf


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
