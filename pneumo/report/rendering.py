"""How a template becomes a page: everything is escaped, and a name that is not there is an error."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import jinja2

from pneumo.figures.drawing import embedded, rounded
from pneumo.results import formatting as words

FILTERS = {
    "number": rounded,
    "percent": words.percent,
    "interval": words.interval,
    "percent_interval": words.percent_interval,
    "signed": words.signed,
    "signed_interval": words.signed_interval,
    "spread": words.spread,
    "times": words.times,
    "inside": words.inside,
    "p": words.probability,
    "url": quote,
    "duration": words.duration,
    "embedded": embedded,
}


def render(template: str, content: Mapping[str, Any]) -> str:
    """Fill in one of the report's templates."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pneumo.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment.get_template(template).render(content)
