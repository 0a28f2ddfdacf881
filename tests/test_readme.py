"""What the README says can be done, can be done."""

import re
from pathlib import Path

import pytest
import yaml

from pneumo.cli import _names
from pneumo.config import Config
from pneumo.stages import STAGES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("*/README.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith(("https://", "http://")):
            assert (page.parent / target).exists(), target


def test_every_target_named_is_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    targets = {name for line in re.findall(r"^([a-z0-9 -]+):(?!=)", makefile, re.MULTILINE) for name in line.split()}
    named = {
        word
        for line in re.findall(r"`make ([a-z0-9 -]+)|^\$ make ([a-z0-9-]+)", README, re.MULTILINE)
        for word in " ".join(line).split()
    }
    assert named
    assert named <= targets


def test_every_command_named_exists_and_every_command_is_named():
    named = set(re.findall(r"`(?:\.venv/bin/)?pneumo ([a-z0-9]+)|^\$ pneumo ([a-z0-9]+)", README, re.MULTILINE))
    named = {one or other for one, other in named}
    assert named <= {*STAGES, "explain", "registry"}
    assert {*STAGES, "registry"} - named <= {"fetch"}  # which is `make data`


def test_every_setting_named_exists():
    settings = re.findall(r"--([a-z_0-9]+(?:\.[a-z_0-9]+)+)", README)
    assert settings
    assert set(settings) <= set(_names(Config))


@pytest.mark.parametrize("file", sorted(ROOT.glob("configs/*.yaml")), ids=lambda file: file.name)
def test_every_config_is_valid(file):
    assert Config.model_validate(yaml.safe_load(file.read_text()))


def test_the_gpu_extra_exists():
    assert "gpu = [" in (ROOT / "pyproject.toml").read_text()
