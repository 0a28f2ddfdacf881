"""Forms of reporting guidelines: the numbered items, and where the answer to each comes from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import groupby
from typing import Any, Literal

import yaml

from pneumo.report.inputs import CohortSummary

Origin = Literal["record", "cohort documentation", "not available"]
"""record: the records of models and results, and the index of the cohort; cohort documentation: what is published of the cohort."""
FORMS = ("claim_2024", "tripod_ai")
_AUTHORS = "The authors of a study state this."


@dataclass(frozen=True)
class Missing:
    """Why there is no answer, as a sentence."""

    reason: str


@dataclass(frozen=True)
class Item:
    """A numbered item of a guideline."""

    number: str
    section: str
    gist: str
    """What the item asks for, in words of this project."""
    answers: Sequence[str] = ()
    """Where an answer is looked for, in this order: "record TOPIC" or "cohort TOPIC"."""
    otherwise: str | None = None
    """Reason where none of them has one; None: the reason of the last."""


@dataclass(frozen=True)
class Guideline:
    """A guideline with its items."""

    title: str
    name: str
    citation: str
    doi: str
    items: Sequence[Item]


@dataclass(frozen=True)
class Answer:
    """The answer to one item."""

    item: Item
    origin: Origin
    text: str
    """The answer, or the reason why there is none."""


@dataclass(frozen=True)
class Form:
    """A guideline with the answer to each item."""

    guideline: Guideline
    answers: Sequence[Answer]

    @property
    def sections(self) -> list[tuple[str, list[Answer]]]:
        """The answers by section, in the order of the guideline."""
        return [(section, list(answers)) for section, answers in groupby(self.answers, lambda answer: answer.item.section)]

    def count(self, origin: Origin) -> int:
        """Return the number of answers of one origin."""
        return sum(answer.origin == origin for answer in self.answers)


@dataclass(frozen=True)
class Documentation:
    """What is documented of a cohort."""

    name: str
    citation: str
    topics: Mapping[str, str]


def load_guideline(name: str) -> Guideline:
    """Return one of FORMS."""
    content = _load(f"{name}.yaml")
    return Guideline(**content | {"items": [Item(**item) for item in content["items"]]})


def documentation(cohort: CohortSummary) -> Documentation | None:
    """Return what is documented of a cohort; None where this software does not know it."""
    name = "phantom" if cohort.synthetic else "published" if cohort.published else None
    if name is None:
        return None
    content = _load("cohorts.yaml")[name]
    return Documentation(content["name"], content["source_citation"], content["topics"])


def answer_form(guideline: Guideline, records: Mapping[str, Callable[[], str | Missing]], documented: Documentation | None) -> Form:
    """Answer each item of a guideline from the first place that has an answer.

    Args:
        records: by topic, what the records say of it.
    """
    return Form(guideline, [_answer(item, records, documented) for item in guideline.items])


def _answer(item: Item, records: Mapping[str, Callable[[], str | Missing]], documented: Documentation | None) -> Answer:
    reason = item.otherwise or _AUTHORS
    for place in item.answers:
        kind, topic = place.split()
        found = records[topic]() if kind == "record" else _documented(topic, documented)
        if isinstance(found, str):
            return Answer(item, "record" if kind == "record" else "cohort documentation", found)
        reason = item.otherwise or found.reason
    return Answer(item, "not available", reason)


def _documented(topic: str, documented: Documentation | None) -> str | Missing:
    if documented is None:
        return Missing("Not documented: this software does not know the cohort, so its owner has to state this.")
    return documented.topics.get(topic, Missing("The source of the cohort does not document this."))


@cache
def _load(name: str) -> Any:
    return yaml.safe_load(resources.files(__package__).joinpath(name).read_text("utf-8"))
