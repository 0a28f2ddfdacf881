"""Provenance of a result: the cohort and protocol it was computed on, and the code, software and machine that computed it."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pneumo.evaluation.scores import Result

if TYPE_CHECKING:
    # Its decoders take two seconds to import, which listing models must not.
    from pneumo.cohort.index import Cohort

SOFTWARE = ("tensorflow", "keras", "scikit-learn", "numpy", "pillow", "mlflow")


class Provenance(Result):
    """Base of every record that is saved: which data, protocol, code, software and hardware it was computed with, and when."""

    created: datetime
    """In UTC."""
    synthetic: bool
    """Computed on the phantom cohort."""
    data_name: str
    """Name of the cohort's folder, never a path."""
    data_fingerprint: str
    """SHA-256 of the cohort's paths, labels, patients and pixels."""
    protocol_fingerprint: str
    """SHA-256 of the settings group `protocol`. Results of different protocols are never ranked together."""
    git_commit: str | None
    """Of the source tree, with the suffix -dirty where files differ from it; None outside a git checkout."""
    software: dict[str, str]
    """Versions by package, and whether TensorFlow computes with oneDNN."""
    hardware: str


def provenance(cohort: "Cohort", protocol_fingerprint: str) -> dict[str, Any]:
    """Return the fields of `Provenance` for a result that is computed now on a cohort."""
    return {
        "synthetic": cohort.synthetic,
        "data_name": cohort.root.name,
        "data_fingerprint": cohort.fingerprint,
        "protocol_fingerprint": protocol_fingerprint,
        **computed_now(),
    }


def computed_now() -> dict[str, Any]:
    """Return the fields of `Provenance` that do not depend on the data: time, commit, software and hardware."""
    return {"created": datetime.now(UTC), "git_commit": git_commit(), "software": software(), "hardware": hardware()}


def git_commit() -> str | None:
    """Return the git commit of this source tree, as `Provenance` records it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.check_output(command, cwd=Path(__file__).parent, stderr=subprocess.DEVNULL, text=True).strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None


def software() -> dict[str, str]:
    """Return the versions that a result may depend on, and whether TensorFlow computes with oneDNN."""
    versions = {"python": platform.python_version(), "pneumo": version("pneumo")} | {name: version(name) for name in SOFTWARE}
    return versions | {"oneDNN": "off" if os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0" else "on"}


def hardware() -> str:
    """Return processor architecture and cores, and the number of GPUs where this process has TensorFlow loaded."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    # Not imported here: audits and reports run without TensorFlow.
    tensorflow = sys.modules.get("tensorflow")
    return machine if tensorflow is None else f"{machine}, {len(tensorflow.config.list_physical_devices('GPU'))} GPUs"
