"""The form of a review package: its columns and choices, as CSV and as a page, and what readers are told."""

import csv
import io
from functools import cache
from importlib import resources
from typing import get_args

import jinja2

from pneumo.config import Label

CANNOT_TELL = "cannot tell"
FINDINGS = (*get_args(Label), CANNOT_TELL)
QUALITIES = ("good", "limited", "poor")
CONFIDENCES = ("1", "2", "3", "4", "5")
COLUMNS = ("package", "reader", "number", "finding", "confidence", "image_quality", "comment")
"""Of the form. Readers fill in the last four, and who they are."""
GIVEN = ("package", "number")
"""Columns that are filled in before readers receive the form."""
FORM = "form.csv"


def image_name(number: int) -> str:
    """Return the file name of a radiograph of the package, such as 001.png."""
    return f"{number:03}.png"


def form_files(package: str, radiographs: int, *, synthetic: bool) -> dict[str, str]:
    """Return the text of all files of a package that are no images, by name.

    Args:
        radiographs: number of them.
    """
    given = {
        "package": package,
        "numbers": [f"{number:03}" for number in range(1, radiographs + 1)],
        "image_name": image_name,
        "findings": FINDINGS,
        "confidences": CONFIDENCES,
        "qualities": QUALITIES,
        "columns": COLUMNS,
        "form": FORM,
        "synthetic": synthetic,
    }
    return {
        FORM: _blank_form(package, radiographs),
        "form.html": _environment().get_template("form.html.j2").render(given),
        "README.txt": _environment().get_template("README.txt.j2").render(given),
        **{name: resources.files(__package__).joinpath("templates", name).read_text("utf-8") for name in ("form.css", "form.js")},
    }


def _blank_form(package: str, radiographs: int) -> str:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows({"package": package, "number": f"{number:03}"} for number in range(1, radiographs + 1))
    return stream.getvalue()


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("pneumo.review"),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
