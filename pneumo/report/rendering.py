"""Rendering of the report's templates: everything is escaped, and an undefined name is an error."""

from collections.abc import Mapping
from functools import cache
from types import FunctionType
from typing import Any
from urllib.parse import quote

import jinja2

from pneumo.figures.drawing import data_uri
from pneumo.results import formatting

# Besides these, every function of results.formatting is a filter by its own name.
FILTERS = {"number": formatting.rounded, "url": quote, "data_uri": data_uri}


def render(template: str, content: Mapping[str, Any]) -> str:
    """Return one of the report's templates filled in."""
    return _environment().get_template(template).render(content)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pneumo.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    functions = {name: function for name, function in vars(formatting).items() if isinstance(function, FunctionType)}
    environment.filters |= functions | FILTERS
    return environment
