"""The command line: argv and YAML → a validated config → one stage."""

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, CliSettingsSource, PydanticBaseSettingsSource, SettingsError, YamlConfigSettingsSource
from rich.console import Console

from pneumo import __version__
from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.stages import STAGES
from pneumo.startup import quiet_start

USER_MISTAKE = 2
INTERRUPTED = 130
EXPLAIN = "Draw heatmaps of a registered model on radiographs of your own, by several methods side by side."
REGISTRY = "List, show and promote registered models; open MLflow's own page on them."
AS_JSON = """a list is written as JSON, such as '["a", "b"]', and a group has no value of its own"""
DESCRIPTION = "From a folder of chest radiographs to registered, explained pneumonia classifiers and an honest report."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 if it did what was asked, 2 for a mistake of the user's (one line on stderr), 1 for a check that failed.
    """
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except UserError as error:
        sys.stderr.write(f"pneumo: {error}\n")
        return USER_MISTAKE
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"pneumo: {where}{error.strerror or error}; see that it exists, may be written, and has room\n")
        return USER_MISTAKE
    except KeyboardInterrupt:
        sys.stderr.write("pneumo: interrupted; the same command goes on where it stopped\n")
        return INTERRUPTED


def _run(arguments: list[str]) -> int:
    parser = _Parser(prog="pneumo", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"pneumo {__version__}")
    commands = STAGES | {"explain": EXPLAIN, "registry": REGISTRY}
    parser.add_argument("command", choices=list(commands), metavar="COMMAND", help="one of those below")
    listed = "\n".join(f"  {name:<10} {text}" for name, text in commands.items())
    parser.epilog = f"commands:\n{listed}\n\n`pneumo COMMAND --help` documents every setting."
    command = parser.parse_args(arguments[:1]).command
    if command == "registry":
        return _registry(arguments[1:])
    if command == "explain":
        return _explain(arguments[1:])
    config = _configure(_Parser(prog=f"pneumo {command}", description=STAGES[command]), arguments[1:])[0]
    with quiet_start():
        stage = importlib.import_module(f"pneumo.stages.{command}")
    return int(stage.run(config, Console()) or 0)


def _explain(arguments: list[str]) -> int:
    parser = _Parser(prog="pneumo explain", description=EXPLAIN)
    parser.add_argument("radiographs", nargs="+", type=Path, metavar="IMAGE", help="a radiograph, of any size")
    config, chosen = _configure(parser, arguments, takes="IMAGE … ")
    # Imported here, as every stage: TensorFlow takes seconds, and `--help` must not.
    with quiet_start():
        from pneumo.stages import explain  # noqa: PLC0415

    explain.run(config, Console(), chosen.radiographs)
    return 0


def _registry(arguments: list[str]) -> int:
    parser = _Parser(prog="pneumo registry", description=REGISTRY)
    parser.add_argument("action", choices=["list", "show", "promote", "ui"])
    parser.add_argument("reference", nargs="?", help="for show and promote: a version, a recipe (its newest version), or champion")
    parser.add_argument("--json", action="store_true", help="print machine-readable entries")
    config, chosen = _configure(parser, arguments, takes="list|show|promote|ui [REFERENCE] [--json] ")
    if chosen.action in {"show", "promote"} and chosen.reference is None:
        parser.error(f"{chosen.action} needs a version, a recipe or `champion`")
    # Imported here: MLflow takes seconds, and `--help` must not.
    from pneumo.stages import models  # noqa: PLC0415

    console = Console()
    if chosen.action == "list":
        models.show_list(config, console, as_json=chosen.json)
    elif chosen.action == "show":
        models.show(config, console, chosen.reference, as_json=chosen.json)
    elif chosen.action == "promote":
        models.promote(config, console, chosen.reference)
    else:
        models.serve(config, console)
    return 0


def _configure(parser: "_Parser", arguments: list[str], takes: str = "") -> tuple[Config, argparse.Namespace]:
    """Read every source of settings into one validated config."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file of settings, named as the options below")
    parser.usage = f"{parser.prog} {takes}[--config FILE] [--GROUP.SETTING VALUE …]"
    command_line: CliSettingsSource[Any] = CliSettingsSource(
        Config, root_parser=parser, cli_avoid_json=True, cli_hide_none_type=True, cli_use_class_docs_for_groups=True
    )
    chosen = parser.parse_args(arguments)
    try:
        command_line(parsed_args=chosen)
    except SettingsError as error:
        raise UserError(f"{error}; {AS_JSON}") from error
    _check_environment()
    if chosen.config is not None:
        _check_yaml(chosen.config)

    class Sourced(Config):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return command_line, env_settings, YamlConfigSettingsSource(settings_cls, chosen.config)

    try:
        # A plain Config, which can be handed to another process.
        return Config(**Sourced().model_dump()), chosen
    except ValidationError as error:
        raise UserError(_readable(error)) from None
    except SettingsError as error:
        raise UserError(f"{error}; {AS_JSON}") from error


def _check_environment() -> None:
    """Refuse a misspelt variable, which pydantic would pass over: a lost PNEUMO_DATA would bring in the phantom cohort."""
    prefix = str(Config.model_config["env_prefix"])
    known = {f"{prefix}{name.replace('.', '__').upper()}" for name in _names(Config)}
    for variable in os.environ:
        if variable.upper().startswith(prefix) and variable.upper() not in known:
            nearest = difflib.get_close_matches(variable.upper(), known, n=1)
            advice = f"did you mean `{nearest[0]}`?" if nearest else "unset it"
            raise UserError(f"environment variable `{variable}` names no setting; {advice}")


def _check_yaml(path: Path) -> None:
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UserError(f"--config {path}: {error.strerror}; name a YAML file such as those in `configs/`") from None
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UserError(f"--config {path} is not YAML ({where}{error.problem}); compare it with those in `configs/`") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"--config {path} is not YAML: {' '.join(str(error).split())}") from None
    if isinstance(content, dict) and (odd := [key for key in content if not isinstance(key, str)]):
        raise UserError(f"--config {path}: {odd[0]!r} names no setting; `pneumo COMMAND --help` lists them all")
    if content is not None and not isinstance(content, dict):
        raise UserError(f"--config {path} holds no settings: expected lines such as `baseline:` and below it `image_size_px: 150`")


def _readable(error: ValidationError) -> str:
    """Say all that is wrong with the settings in one line, with the nearest valid name for an unknown one."""
    found = error.errors()
    # A list that is too short only because one of its values is wrong is not worth a second complaint.
    places = {each["loc"][:depth] for each in found for depth in range(len(each["loc"]))}
    kept = [each for each in found if each["loc"] not in places]
    return "; ".join(_complaint(each["type"], each["loc"], each["msg"], each["input"]) for each in kept)


def _complaint(kind: str, location: tuple[int | str, ...], message: str, value: object) -> str:
    name = ".".join(str(part) for part in location)
    if kind != "extra_forbidden":
        return f"setting `{name}`: {message[0].lower()}{message[1:]}, got {value!r}"
    return f"unknown setting `{name}`{_nearest(name)}"


def _nearest(name: str) -> str:
    nearest = difflib.get_close_matches(name, _names(Config), n=1)
    return f"; did you mean `{nearest[0]}`?" if nearest else "; `pneumo COMMAND --help` lists them all"


def _names(model: type[BaseModel]) -> list[str]:
    """Every setting's dotted name, groups included."""
    found = []
    for name, field in model.model_fields.items():
        found.append(name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found += [f"{name}.{inner}" for inner in _names(field.annotation)]
    return found


class _Parser(argparse.ArgumentParser):
    """Complains in one line, without the usage of a hundred settings."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            name = unknown.split()[0].split("=")[0].removeprefix("--")
            message = f"unknown setting `--{name}`{_nearest(name)}"
        raise UserError(f"{message} (`{self.prog} --help` says more)")
