"""Model cards (Mitchell et al. 2019): for every registered model one HTML file that needs no other file."""

from collections.abc import Iterable, Mapping
from typing import Any

from pneumo.report.content import Content
from pneumo.report.remarks import seeds, test_access
from pneumo.report.rendering import render
from pneumo.report.seed_groups import seed_group_of
from pneumo.results.adaptation import AdaptedModel
from pneumo.results.model import RegisteredModel
from pneumo.results.registered import RegisteredRecord

INTENDED_USES = (
    "Research and teaching: how networks classify chest radiographs, and which mistakes they make.",
    "Comparison of recipes on the cohort that it was trained on, by the protocol of the report.",
)
OUT_OF_SCOPE_USES = (
    "Any decision about a patient, alone or with a reader: it is not a medical device and has not been tested in a clinic.",
    "Radiographs of other ages, hospitals or views, or acquired differently, unless its performance was measured on them first.",
    "Findings other than pneumonia: NORMAL means that it detects no pneumonia, not that the patient is healthy.",
    "Labelling of other radiographs without review by a reader.",
)
CARDS = "cards"
"""Folder of the model cards, beside the page."""
CODE_FIELDS = ("Git commit", "Data fingerprint", "Protocol fingerprint")
"""Titles of the fields of the provenance that are set as code."""


def card_file(model: RegisteredModel | AdaptedModel) -> str:
    """Return the file name of a model's card."""
    return f"{model.record.recipe}-v{model.version}.html"


def render_cards(content: Content, names: Mapping[str, Any]) -> dict[str, str]:
    """Return the cards of all models by their paths in the report; templates use `names` besides the content."""
    cards = {}
    for section in content.all_sections:
        model = section.model
        group = seed_group_of(model, content.seed_groups)
        details = {
            "section": section,
            "model": model,
            "seed_group": group,
            "seeds": seeds(group),
            "test_access": test_access(model, content.test_accesses),
            "provenance": provenance_fields(model.record),
            "blackout_controls": content.blackout.of(model.version),
        }
        cards[f"{CARDS}/{card_file(model)}"] = render("card.html.j2", {**names, **vars(content), **details})
    return cards | _adapted_cards(content, names)


def _adapted_cards(content: Content, names: Mapping[str, Any]) -> dict[str, str]:
    """Return the cards of the models that were adapted from those of the page."""
    cards = {}
    for curve in content.adaptations.curves:
        for model in curve.adapted:
            details = {"model": model, "result": curve.result, "provenance": provenance_fields(model.record)}
            cards[f"{CARDS}/{card_file(model)}"] = render("adapted_card.html.j2", {**names, **details})
    return cards


def provenance_fields(record: RegisteredRecord) -> dict[str, str]:
    """Return precision, hardware, software and fingerprints of one model, by title."""
    return {
        "Precision": f"{record.precision}: {record.precision_reason}",
        "Hardware": record.hardware,
        "Software": ", ".join(f"{name} {version}" for name, version in record.software.items()),
        "Git commit": record.git_commit or "not under git",
        "Data fingerprint": record.data_fingerprint,
        "Protocol fingerprint": record.protocol_fingerprint,
    }


def shared_provenance(models: Iterable[RegisteredModel]) -> dict[str, dict[str, list[str]]]:
    """Return the distinct values of each field of the provenance, with the names of the models that have each value."""
    fields: dict[str, dict[str, list[str]]] = {}
    for model in models:
        for title, text in provenance_fields(model.record).items():
            fields.setdefault(title, {}).setdefault(text, []).append(model.name)
    return fields
