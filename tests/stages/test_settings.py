"""Every command takes the groups of settings that its stage reads, and no others."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

import pneumo
from pneumo.config import Config, Crossval
from pneumo.stages import RECIPES, STAGES

PACKAGE = Path(pneumo.__file__).parent


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse((PACKAGE.parent / module.replace(".", "/")).with_suffix(".py").read_text())


@cache
def imported(module: str) -> dict[str, tuple[str, str]]:
    """Module and name of everything that a module imports by name from the package."""
    imports = [node for node in ast.walk(parsed(module)) if isinstance(node, ast.ImportFrom)]
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in imports
        if node.module and (PACKAGE.parent / node.module.replace(".", "/")).with_suffix(".py").exists()
        for alias in node.names
    }


def is_config(node: ast.AST) -> bool:
    """Whether an expression is the configuration, or a changed copy of it."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "model_copy":
        node = node.func.value
    return isinstance(node, ast.Name) and node.id == "config"


def groups_read(module: str, tree: ast.AST, command: str) -> Iterator[str]:
    """Groups that code reads as `config.GROUP`, by name, or in a function that it passes `config` to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_config(node.value) and node.attr in Config.model_fields:
            yield node.attr
        if isinstance(node, ast.Call) and any(map(is_config, [*node.args, *(keyword.value for keyword in node.keywords)])):
            name = ast.unparse(node.func)
            if name == "getattr":
                yield from recipes_by_name(module, command)
            elif name in imported(module):
                other, function = imported(module)[name]
                yield from groups_read(other, definitions(other)[function], command)
            elif name in definitions(module) and tree is not parsed(module):
                yield from groups_read(module, definitions(module)[name], command)


def definitions(module: str) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    return {node.name: node for node in parsed(module).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def recipes_by_name(module: str, command: str) -> list[str]:
    """Groups that a stage reads by a name that is known when it runs."""
    if module == "pneumo.stages.train":
        return [command]
    if module == "pneumo.stages.prepare":
        return list(RECIPES)
    assert module == "pneumo.stages.crossval", f"{module} reads a group by name: state here which"
    return list(get_args(Crossval.model_fields["recipe"].annotation))


@pytest.mark.parametrize("command", STAGES)
def test_a_command_takes_the_groups_that_its_stage_reads_and_no_others(command):
    stage = STAGES[command]
    module = f"pneumo.stages.{stage.module or command}"
    read = set(groups_read(module, parsed(module), command))
    assert read == set(stage.settings)


def test_groups_are_found_in_functions_that_the_configuration_is_passed_to():
    code = ast.parse("def run(config):\n    load_run(config, 'robust', config.robust, None)")
    assert set(groups_read("pneumo.stages.train", code, "baseline")) == {"robust", "data", "cohort", "protocol", "registry"}


@pytest.mark.parametrize("command", STAGES)
def test_every_command_has_a_stage_module_with_run(command):
    module = f"pneumo.stages.{STAGES[command].module or command}"
    assert isinstance(definitions(module)["run"], ast.FunctionDef)
    assert set(STAGES[command].settings) <= set(Config.model_fields)


def test_every_stage_module_is_run_by_a_command_and_every_group_is_taken_by_one():
    modules = {file.stem for file in (PACKAGE / "stages").glob("*.py")} - {"__init__"}
    assert modules == {stage.module or command for command, stage in STAGES.items()}
    assert {group for stage in STAGES.values() for group in stage.settings} == set(Config.model_fields)
