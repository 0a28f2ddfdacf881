"""The forms as files of the report: a page, and Markdown and CSV to attach to a paper."""

import csv
import io
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, get_args

from pneumo.report.content import Content
from pneumo.report.guidelines.cohort_topics import COHORT_TOPICS
from pneumo.report.guidelines.forms import FORMS, Documentation, Form, Origin, answer_form, documentation, load_guideline
from pneumo.report.guidelines.model_topics import MODEL_TOPICS
from pneumo.report.guidelines.score_topics import SCORE_TOPICS
from pneumo.report.rendering import render
from pneumo.results.formatting import spreadsheet_cell

PAGE, MARKDOWN, CSV = "guidelines.html", "guidelines.md", "guidelines.csv"
NOTE = (
    "Items are paraphrased; the wording that counts is that of the guidelines. Answers come from the records of the selected model"
    " and its results, or from what is documented of the cohort; where neither has one, the item says why. An answered item is"
    " reported, which does not make it good."
)


def answered_forms(content: Content) -> list[Form]:
    """Answer the items of all guidelines for the selected model."""
    records = {name: partial(topic, content) for name, topic in (MODEL_TOPICS | COHORT_TOPICS | SCORE_TOPICS).items()}
    documented = documentation(content.cohort)
    return [answer_form(load_guideline(name), records, documented) for name in FORMS]


def render_guidelines(content: Content, names: Mapping[str, Any]) -> dict[str, str]:
    """Return page, Markdown and CSV by their file names; the template uses `names` besides the content."""
    forms, documented = answered_forms(content), documentation(content.cohort)
    details = {"forms": forms, "documentation": documented, "origins": get_args(Origin), "guidelines_note": NOTE}
    return {
        PAGE: render("guidelines.html.j2", {**names, **details}),
        MARKDOWN: _markdown(content, forms, documented),
        CSV: _csv(forms),
    }


def _markdown(content: Content, forms: Sequence[Form], documented: Documentation | None) -> str:
    synthetic = ["**Synthetic phantom radiographs: this says nothing about patients.**", ""] if content.cohort.synthetic else []
    cohort = f"{documented.name}. {documented.citation}" if documented else "not documented here"
    lines = [
        f"# Reporting guidelines: {_cell(content.selected.model.name)}",
        "",
        *synthetic,
        NOTE,
        "",
        f"Cohort {_cell(content.cohort.name)}: {cohort}",
    ]
    for form in forms:
        guideline = form.guideline
        lines += ["", f"## {guideline.title}", "", f"{guideline.name}. {guideline.citation} doi:{guideline.doi}", ""]
        lines += ["| No. | Section | Asks for | Origin | Answer |", "| --- | --- | --- | --- | --- |"]
        lines += [
            "| " + " | ".join(map(_cell, (item.number, item.section, item.gist, answer.origin, answer.text))) + " |"
            for answer in form.answers
            for item in (answer.item,)
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text as a cell of a Markdown table: no markup of HTML, no separator, no line break."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("|", "\\|")
    return " ".join(escaped.split())


def _csv(forms: Sequence[Form]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["guideline", "item", "section", "asks_for", "origin", "answer"])
    for form in forms:
        for answer in form.answers:
            item = answer.item
            cells = (form.guideline.title, item.number, item.section, item.gist, answer.origin, answer.text)
            writer.writerow([spreadsheet_cell(cell) for cell in cells])
    return stream.getvalue()
