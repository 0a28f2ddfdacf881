"""A project folder, and the commands that a user types in it."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from pneumo.cli import main

# Stops at the first command that fails.
ONE_AFTER_ANOTHER = """
import sys
from pneumo.cli import main
stages, *options = sys.argv[1:]
sys.exit(next(filter(None, (main([stage, *options]) for stage in stages.split(","))), 0))
"""


class Project:
    """Runs commands with settings of its own; on the phantom, whatever cohort the machine has."""

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
        """Run a command in this very process: for those that train nothing."""
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as printed:
            patch.delenv("PNEUMO_DATA", raising=False)
            assert main([*arguments, "--config", str(self.file)]) == 0
        return printed.getvalue()

    def run_all(self, *stages: str) -> None:
        """Run stages in one process, so that TensorFlow starts once."""
        command = [sys.executable, "-c", ONE_AFTER_ANOTHER, ",".join(stages), "--config", str(self.file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment
        )
