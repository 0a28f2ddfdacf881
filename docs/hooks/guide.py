"""What the guide computes when it is built: the command reference from the settings, and diagrams as SVG."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import mmdr
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pneumo.config import Config
from pneumo.stages import STAGES

REFERENCE = "commands.md"
TYPES = {bool: "true or false", int: "integer", float: "number", str: "text", Path: "path", NoneType: "none"}
SIGNS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Append the reference to its page, and draw the Mermaid diagrams of any page."""
    if page.file.src_uri == REFERENCE:
        markdown += command_reference()
    return MERMAID.sub(lambda match: _drawn(match[1]), markdown)


def command_reference() -> str:
    """Markdown of all commands, and of all groups of settings that they take."""
    commands = [
        f"| `{_cell(f'pneumo {name} {stage.usage}')}` | {stage.summary} | {_links(stage.settings)} |"
        for name, stage in STAGES.items()
    ]
    groups = [_group(name, field) for name, field in Config.model_fields.items()]
    header = "| command | | groups of settings |\n| --- | --- | --- |"
    return "\n".join(["\n## Commands\n", header, *commands, "\n## Settings", *groups, ""])


def _links(groups: Iterable[str]) -> str:
    return ", ".join(f"[{group}](#{group})" for group in groups)


def _group(name: str, field: FieldInfo) -> str:
    """One table of a top-level group, its nested groups included."""
    users = ", ".join(f"`{command}`" for command, stage in STAGES.items() if name in stage.settings)
    summary = f"{(type(field.default).__doc__ or '').splitlines()[0]} " if isinstance(field.default, BaseModel) else ""
    rows = [_row(*option) for option in _options(name, field, field.default)]
    header = "| option | type | default | range | |\n| --- | --- | --- | --- | --- |"
    return "\n".join([f"\n### {name}\n", f"{summary}Taken by {users}.\n", header, *rows])


def _options(name: str, field: FieldInfo, default: Any) -> Iterator[tuple[str, FieldInfo, Any]]:
    """Every setting below a field: its dotted name, its declaration, and its default in this group."""
    if not isinstance(default, BaseModel):
        yield name, field, default
        return
    for inner, inner_field in type(default).model_fields.items():
        yield from _options(f"{name}.{inner}", inner_field, getattr(default, inner))


def _row(option: str, setting: FieldInfo, default: Any) -> str:
    bounds = ", ".join(dict.fromkeys(_bounds(setting.annotation, setting.metadata)))
    return f"| `--{option}` | {_type(setting.annotation)} | {_default(default)} | {bounds} | {_cell(setting.description or '')} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in {Union, UnionType}:
        return " or ".join(map(_type, arguments))
    if origin is dict:
        return " to ".join(map(_type, arguments))
    if origin is tuple:
        return f"list of {_type(arguments[0])}" if arguments[-1] is Ellipsis else f"{len(arguments)} × {_type(arguments[0])}"
    return TYPES[annotation]


def _bounds(annotation: Any, metadata: Any) -> Iterator[str]:
    """Bounds of a value, or of the values in a list."""
    for bound in metadata:
        if isinstance(bound, FieldInfo):
            yield from _bounds(None, bound.metadata)
        elif sign := SIGNS.get(type(bound)):
            yield f"{sign[0]} {getattr(bound, sign[1]):.10g}"
        elif isinstance(bound, MinLen):
            yield f"at least {bound.min_length}"
        elif isinstance(bound, MaxLen):
            yield f"at most {bound.max_length}"
    for inner in get_args(annotation):
        yield from _bounds(inner, getattr(inner, "__metadata__", ()))


def _default(value: Any) -> str:
    if value is None:
        return "none"
    return f"`{value}`" if isinstance(value, str | Path) else f"`{json.dumps(value)}`"


def _drawn(diagram: str) -> str:
    return f'<div class="diagram">{mmdr.render(diagram, backend="mermaid-rs-renderer").svg()}</div>'
