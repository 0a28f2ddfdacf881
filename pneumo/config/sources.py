"""Reading settings: the command line above the environment above a YAML file above the defaults."""

import argparse
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError, create_model
from pydantic_settings import BaseSettings, CliSettingsSource, SettingsError, YamlConfigSettingsSource
from pydantic_settings import PydanticBaseSettingsSource as Source

from pneumo.config.cohort import BriefCohort
from pneumo.config.whole import Config
from pneumo.errors import UserError, did_you_mean

AS_JSON = """write a list as JSON, such as '["a", "b"]'; a group of settings has no value itself"""


def load(
    parser: argparse.ArgumentParser, groups: Sequence[str], arguments: Sequence[str], *, brief: bool = False
) -> tuple[Config, argparse.Namespace]:
    """Parse a command's arguments and read all sources into one validated configuration.

    Args:
        parser: of the command; gains `--config` and an option for each setting of the groups.
        groups: names of the fields of `Config` that the command takes from the command line.
        brief: whether `--help` leaves out how a cohort is read; the options are accepted all the same.

    Raises:
        UserError: an unknown or invalid setting, in whichever source, or a file that is not YAML.
    """
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML file of settings, with the names of the options below")
    command_line: CliSettingsSource[Any] = CliSettingsSource(
        _only(tuple(groups), brief),
        root_parser=parser,
        cli_avoid_json=True,
        cli_hide_none_type=True,
        cli_use_class_docs_for_groups=True,
    )
    # Intermixed: an optional operand may follow an option.
    parsed = parser.parse_intermixed_args(arguments)
    try:
        command_line(parsed_args=parsed)
    except SettingsError as error:
        raise UserError(f"{error}; {AS_JSON}") from error
    _check_environment()
    if parsed.config is not None:
        _check_yaml(parsed.config)

    class FromAllSources(Config):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], init_settings: Source, env_settings: Source, *_: Source, **__: Source
        ) -> tuple[Source, ...]:
            return command_line, env_settings, YamlConfigSettingsSource(settings_cls, parsed.config)

    try:
        # A plain Config, which can be pickled for another process.
        return Config(**FromAllSources().model_dump()), parsed
    except ValidationError as error:
        raise UserError(_one_line(error)) from None
    except SettingsError as error:
        raise UserError(f"{error}; {AS_JSON}") from error


@cache
def setting_names() -> list[str]:
    """Dotted name of every setting, groups included."""
    return _names(Config)


def _nearest_setting(name: str) -> str:
    """Suggest the setting whose name is nearest to an unknown one, as the end of a message."""
    return did_you_mean(name, setting_names()) or "; `pneumo COMMAND --help` lists the settings of a command"


def _only(groups: tuple[str, ...], brief: bool) -> type[BaseSettings]:
    """A settings class with some fields of `Config`, in the order of their names: `--help` shows a command's own groups first."""
    fields: dict[str, Any] = {name: (Config.model_fields[name].annotation, Config.model_fields[name]) for name in groups}
    if brief and "cohort" in fields:
        fields["cohort"] = (BriefCohort, BriefCohort())
    return create_model("CommandSettings", __base__=_Base, **fields)


class _Base(BaseSettings):
    model_config = Config.model_config


def _check_environment() -> None:
    """Refuse a misspelt variable, which pydantic would ignore: without PNEUMO_DATA, the phantom cohort would be used."""
    prefix = str(Config.model_config["env_prefix"])
    known = {f"{prefix}{name.replace('.', '__').upper()}" for name in setting_names()}
    for variable in os.environ:
        if variable.upper().startswith(prefix) and variable.upper() not in known:
            advice = did_you_mean(variable.upper(), known) or "; unset it"
            raise UserError(f"environment variable `{variable}` is not a setting{advice}")


def _check_yaml(path: Path) -> None:
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UserError(f"--config {path}: {error.strerror}; give a YAML file such as those in `configs/`") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UserError(f"--config {path} is not YAML ({line}{error.problem}); compare it with those in `configs/`") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"--config {path} is not YAML: {' '.join(str(error).split())}") from None
    if isinstance(content, dict) and (not_text := [key for key in content if not isinstance(key, str)]):
        raise UserError(f"--config {path}: {not_text[0]!r} is not a setting; `pneumo COMMAND --help` lists them")
    if content is not None and not isinstance(content, dict):
        raise UserError(f"--config {path} holds no settings: expected lines such as `baseline:` and below it `image_size_px: 150`")


def _one_line(error: ValidationError) -> str:
    """All validation errors in one line, with the nearest valid name for an unknown one."""
    problems = error.errors()
    # A list that is too short only because one of its values is wrong does not need a second message.
    parents = {problem["loc"][:depth] for problem in problems for depth in range(len(problem["loc"]))}
    return "; ".join(
        _message(problem["type"], problem["loc"], problem["msg"], problem["input"])
        for problem in problems
        if problem["loc"] not in parents
    )


def _message(kind: str, location: tuple[int | str, ...], message: str, value: object) -> str:
    name = ".".join(str(part) for part in location)
    if kind == "extra_forbidden":
        return f"unknown setting `{name}`{_nearest_setting(name)}"
    return f"setting `{name}`: {message[0].lower()}{message[1:]}, got {value!r}"


def _names(model: type[BaseModel]) -> list[str]:
    names = []
    for name, field in model.model_fields.items():
        names.append(name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names += [f"{name}.{inner}" for inner in _names(field.annotation)]
    return names
