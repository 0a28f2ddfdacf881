"""The command line: argv, environment and YAML → the settings that one command takes → its stage."""

import argparse
import importlib
import os
import shutil
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from pneumo import __version__
from pneumo.config import sources
from pneumo.errors import UserError, did_you_mean
from pneumo.files import printable
from pneumo.stages import STAGES, Stage

USER_MISTAKE = 2
INTERRUPTED, BROKEN_PIPE = 130, 141
"""128 + the number of the signal, as a shell has it."""
DESCRIPTION = "From a folder of chest radiographs to registered, explained pneumonia classifiers, and a report on their mistakes."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 on success, 2 for a mistake of the user (one line on stderr), 1 for a check that failed, 130 if interrupted, 141 where the
        reader of the output, such as `head`, ended first.
    """
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except BrokenPipeError:
        # Python flushes again when it ends, and would report the error then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except UserError as error:
        sys.stderr.write(f"pneumo: {error}\n")
        return USER_MISTAKE
    except OSError as error:
        path = f"{error.filename}: " if error.filename else ""
        message = f"{path}{error.strerror or error}; check that it exists, that it can be written, and that the disk is not full"
        sys.stderr.write(f"pneumo: {message}\n")
        return USER_MISTAKE
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"pneumo: {'; '.join(['interrupted', *interrupt.args])}\n")
        return INTERRUPTED


def _run(arguments: list[str]) -> int:
    parser = Parser(prog="pneumo", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"pneumo {__version__}")
    parser.add_argument("command", metavar="COMMAND", help="one of the commands below")
    commands = "\n".join(f"  {name:<10} {stage.summary}" for name, stage in STAGES.items())
    parser.epilog = f"commands:\n{commands}\n\n`pneumo COMMAND --help` documents the settings of a command."
    command = parser.parse_args(arguments[:1]).command
    if command not in STAGES:
        raise UserError(f"no command `{printable(command)}`{did_you_mean(command, STAGES) or '; `pneumo --help` lists them'}")
    stage = STAGES[command]
    parser = command_parser(command, stage)
    config, parsed = sources.load(parser, stage.settings, arguments[1:], brief=not stage.documents_cohort)
    try:
        return _run_stage(command, stage, config, parsed)
    except KeyboardInterrupt as interrupt:
        if stage.resumes:
            raise KeyboardInterrupt("run the same command again to resume") from interrupt
        raise


def command_parser(command: str, stage: Stage) -> "Parser":
    """The parser of one command, without the options of its settings groups."""
    parser = Parser(prog=f"pneumo {command}", description=stage.summary, formatter_class=_wide_help)
    operands = f"{stage.usage} " if stage.operands else ""
    parser.usage = f"{parser.prog} {operands}[--config FILE] [--GROUP.SETTING VALUE …]"
    for operand in stage.operands:
        if operand.flag and operand.metavar:
            parser.add_argument(
                operand.flag,
                dest=operand.name,
                nargs=operand.number,
                type=operand.kind,
                choices=operand.choices or None,
                default=operand.default,
                metavar=operand.metavar,
                help=operand.help,
            )
        elif operand.flag:
            parser.add_argument(operand.flag, dest=operand.name, action="store_true", help=operand.help)
        else:
            parser.add_argument(
                operand.name,
                nargs=operand.number,
                type=operand.kind,
                choices=operand.choices or None,
                default=operand.default,
                metavar=operand.metavar or None,
                help=operand.help,
            )
    return parser


def _wide_help(prog: str) -> argparse.HelpFormatter:
    """Put an option's name and its help on one line where the terminal is wide enough."""
    width = shutil.get_terminal_size().columns - 2
    return argparse.HelpFormatter(prog, max_help_position=min(width // 2, 56), width=width)


def _run_stage(command: str, stage: Stage, config: Any, parsed: argparse.Namespace) -> int:
    # Imported here: TensorFlow and MLflow take seconds, which `--help` and a wrong option must not.
    from rich.console import Console  # noqa: PLC0415

    from pneumo.startup import quiet_start  # noqa: PLC0415

    with quiet_start():
        module = importlib.import_module(f"pneumo.stages.{stage.module or command}")
    operands = {operand.name: getattr(parsed, operand.name) for operand in stage.operands}
    if stage.module == "train":
        operands = {"recipe": command}
    status = int(module.run(config, Console(highlight=False, soft_wrap=True, markup=False), **operands) or 0)
    # Not when Python ends: an error is handled here.
    sys.stdout.flush()
    return status


class Parser(argparse.ArgumentParser):
    """Argument parser that reports an error in one line, without the usage of all settings."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise a UserError; a setting of other commands is refused with their names."""
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown == message:
            raise UserError(f"{message} (`{self.prog} --help` documents the command)")
        if not unknown.startswith("-"):
            raise UserError(f"unexpected argument `{unknown.split()[0]}` (`{self.prog} --help` documents the command)")
        option = unknown.split()[0].split("=")[0]
        name = option.removeprefix("--")
        commands = [command for command, stage in STAGES.items() if name.split(".")[0] in stage.settings]
        if name not in sources.setting_names():
            options = [*self._option_string_actions, *(f"--{setting}" for setting in sources.setting_names())]
            advice = did_you_mean(option, options) or f"; `{self.prog} --help` lists the options"
            raise UserError(f"unknown option `{printable(option)}`{advice}")
        raise UserError(f"`--{name}` is not a setting of `{self.prog}`, but of `pneumo {'`, `pneumo '.join(commands)}`")
