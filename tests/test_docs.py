"""What the README and the guide name exists, and the guide builds into a site that needs no network."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from pneumo.config import Config
from pneumo.config.sources import setting_names
from pneumo.stages import STAGES

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
GUIDE = sorted(ROOT.glob("docs/**/*.md"))
PAGES = [README, ROOT / "CHANGELOG.md", *GUIDE, *sorted(ROOT.glob("*/README.md"))]
TEXT = "\n".join(page.read_text() for page in (README, *GUIDE))


@pytest.fixture(scope="module")
def hook():
    specification = importlib.util.spec_from_file_location("guide", ROOT / "docs/hooks/guide.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith(("https://", "http://")):
            assert (page.parent / target).exists(), target


def test_every_target_named_is_in_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    targets = {name for line in re.findall(r"^([a-z0-9 -]+):(?!=)", makefile, re.MULTILINE) for name in line.split()}
    lines = re.findall(r"`make ([a-z0-9 -]+)|^\$ make ([a-z0-9-]+)", TEXT, re.MULTILINE)
    named = {word for line in lines for word in " ".join(line).split()}
    assert named
    assert named <= targets


def test_every_command_named_exists_and_the_readme_names_every_command():
    pattern = re.compile(r"`(?:\.venv/bin/)?pneumo ([a-z0-9]+)|^\$ (?:PNEUMO_\S+ )?pneumo ([a-z0-9]+)", re.MULTILINE)
    named = {"".join(match) for match in pattern.findall(TEXT)}
    assert named <= set(STAGES)
    assert set(STAGES) - {"".join(match) for match in pattern.findall(README.read_text())} == set()


def test_every_setting_named_exists():
    options = re.findall(r"--([a-z_0-9]+(?:\.[a-z_0-9]+)+)", TEXT)
    settings = re.findall(rf"`((?:{'|'.join(Config.model_fields)})\.[a-z_0-9.]+)", TEXT)
    variables = [name.lower().replace("__", ".") for name in re.findall(r"PNEUMO_([A-Z0-9_]+)", TEXT)]
    assert options
    assert settings
    assert variables
    assert {*options, *settings, *variables} <= set(setting_names())


def test_the_guide_lists_every_group_of_settings():
    table = (ROOT / "docs/configuration.md").read_text().split("## Groups")[1]
    named = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `")))
    assert sorted(named) == sorted(Config.model_fields)


def test_every_example_takes_only_the_settings_of_its_command():
    examples = re.findall(r"pneumo ([a-z0-9]+)((?: [^`\n#]*)?)", TEXT)
    used = {(command, group) for command, options in examples for group in re.findall(r"--([a-z_0-9]+)\.", options)}
    assert len(used) > 5
    assert [(command, group) for command, group in used if group not in STAGES[command].settings] == []


def test_every_module_named_exists():
    for module in re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", TEXT):
        assert (ROOT / module).exists() or (ROOT / "pneumo" / module).exists(), module


def test_every_page_of_decisions_is_listed():
    decisions = ROOT / "docs/decisions"
    assert re.findall(r"\((\d{4}-[^)]+)\)", (decisions / "index.md").read_text()) == sorted(
        file.name for file in decisions.glob("0*")
    )


def test_the_glossary_is_in_alphabetical_order_and_names_a_source_for_every_term():
    rows = [line.split("|")[1:-1] for line in (ROOT / "docs/glossary.md").read_text().splitlines() if line.startswith("| ")][2:]
    terms = [term.strip().lower().replace("_", " ") for term, *_ in rows]
    assert terms == sorted(terms)
    assert all(meaning.strip() and source.strip() for _, meaning, source in rows)


def test_the_reference_has_every_command_and_every_setting_once(hook):
    reference = hook.command_reference()
    assert re.findall(r"^\| `pneumo (\w+)", reference, re.MULTILINE) == list(STAGES)
    groups = {name for name in setting_names() if any(other.startswith(f"{name}.") for other in setting_names())}
    assert re.findall(r"^\| `--([a-z_0-9.]+)`", reference, re.MULTILINE) == [name for name in setting_names() if name not in groups]


def test_the_reference_gives_type_default_range_and_description(hook):
    rows = hook.command_reference().splitlines()
    assert "| `--weighted.fit.epochs` | integer | `30` | > 0 | Passes over the training set, at most. |" in rows
    assert any(row.startswith("| `--robust.seeds` | list of integer | `[0, 1, 2]` | at least 1, at most 20, ≥ 0, ") for row in rows)
    assert any(row.startswith("| `--protocol.threshold_rule` | `calibration`, `youden`, `half` | `calibration` |") for row in rows)


def test_the_reference_page_links_to_the_settings_of_each_command(hook):
    reference = hook.command_reference()
    headings = set(re.findall(r"^### (\w+)", reference, re.MULTILINE))
    assert set(re.findall(r"\(#(\w+)\)", reference)) == headings


def test_a_mermaid_diagram_becomes_an_svg(hook):
    page = SimpleNamespace(file=SimpleNamespace(src_uri="architecture.md"))
    drawn = hook.on_page_markdown("Before.\n\n```mermaid\nflowchart TD\n  cli --> stages\n```\n\nAfter.\n", page)
    assert re.fullmatch(r'Before\.\n\n<div class="diagram"><svg .*stages.*</svg>\n?</div>\n\nAfter\.\n', drawn, re.DOTALL)
    assert "\n\n" not in drawn.removeprefix("Before.\n\n").removesuffix("\n\nAfter.\n")


@pytest.mark.slow
def test_the_guide_builds_without_warnings_and_its_pages_need_no_network(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    pages = {page.relative_to(tmp_path).as_posix(): page.read_text() for page in tmp_path.rglob("*.html")}
    assert "commands.html" in pages
    for name, page in pages.items():
        assert not re.findall(r"""(?:src=|<link[^>]+href=)["']?(?:https?:)?//[^"'> ]+""", page), name
        assert 'class="mermaid"' not in page, name


@pytest.mark.parametrize("file", sorted(ROOT.glob("configs/*.yaml")), ids=lambda file: file.name)
def test_every_config_is_valid(file):
    assert Config.model_validate(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize("extra", ["gpu", "cluster", "download", "docs"])
def test_every_extra_named_exists(extra):
    assert f"{extra} = [" in (ROOT / "pyproject.toml").read_text()
