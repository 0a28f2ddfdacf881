"""A project folder, and the commands that a user runs in it."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pandas as pd
import pytest

from pneumo.cli import main
from pneumo.registry.embedded import open_folder
from pneumo.registry.runs import newest_runs
from pneumo.results.experiment import Experiment
from pneumo.results.files import read_predictions

# Stops at the first command that fails.
RUN_IN_SEQUENCE = """
import sys
from pneumo.cli import main
stages, *options = sys.argv[1:]
sys.exit(next(filter(None, (main([stage, *options]) for stage in stages.split(","))), 0))
"""
# The head of the settings of a project: a small phantom cohort, and everything in the project's folder.
SMALL_PHANTOM = """
cohort:
  cache_dir: {root}/data
  phantom: {{patients: 60, size_px: 96}}
registry: {{directory: {root}/models}}
report: {{directory: {root}/reports}}
"""


class Project:
    """Runs commands with given settings, on the phantom cohort even where PNEUMO_DATA is set."""

    def __init__(self, root: Path, settings: str, **environment: str) -> None:
        self.root = root
        self.file = root / "config.yaml"
        self.file.write_text(settings.format(root=root))
        self.environment = {name: value for name, value in os.environ.items() if name != "PNEUMO_DATA"} | environment

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "pneumo", *arguments, "--config", str(self.file)]

    def attempt(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False, env=self.environment)

    def run(self, *arguments: str) -> str:
        done = self.attempt(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def call(self, *arguments: str) -> str:
        """Run a command that trains nothing in this process."""
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as printed:
            patch.delenv("PNEUMO_DATA", raising=False)
            assert main([*arguments, "--config", str(self.file)]) == 0
        return printed.getvalue()

    def run_all(self, *stages: str) -> None:
        """Run stages in one process, so that TensorFlow starts once."""
        command = [sys.executable, "-c", RUN_IN_SEQUENCE, ",".join(stages), "--config", str(self.file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment
        )


def experiment_predictions(models: Path, kind: type[Experiment], data_fingerprint: str) -> pd.DataFrame:
    """Predictions of the only experiment of a kind and cohort in the folder of a registry."""
    (run_id,) = newest_runs(open_folder(models), kind.KIND, data_fingerprint)
    return read_predictions(models / "artifacts" / run_id / "artifacts" / "predictions.csv")
