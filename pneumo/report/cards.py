"""A model card for every registered model (Mitchell et al. 2019): one file each, which needs nothing beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

from pneumo.report.contents import ModelSection
from pneumo.report.families import Family, family_of
from pneumo.report.files import CARDS
from pneumo.report.provenance import made_with
from pneumo.report.reasons import TestAccesses, opened
from pneumo.report.rendering import render
from pneumo.results.registered import RegisteredModel

INTENDED = (
    "Research and teaching: how networks read chest radiographs, and where they go wrong.",
    "Comparing recipes on the cohort it was trained on, by the protocol of the report.",
)
FORBIDDEN = (
    "Any decision about a patient, alone or beside a reader: it is not a medical device, and nobody has tried it in a clinic.",
    "Radiographs of other ages, hospitals or views, or made in another way, unless it has been measured on them first.",
    "Anything but pneumonia: NORMAL means that it sees no pneumonia, not that a patient is well.",
    "Labelling other collections of radiographs without a reader's check.",
)


def file_name(model: RegisteredModel) -> str:
    """Name a model's card."""
    return f"{model.facts.recipe}-v{model.version}.html"


def render_cards(
    content: Mapping[str, Any], sections: Sequence[ModelSection], families: Sequence[Family], openings: TestAccesses
) -> dict[str, str]:
    """Write the card of every model.

    Args:
        content: what the page is made from.

    Returns:
        The cards by their paths in the report.
    """
    cards = {}
    for section in sections:
        own = {
            "section": section,
            "model": section.result,
            "family": family_of(section.result, families),
            "opened": opened(section.result, openings).sentence,
            "made_with": made_with(section.result.facts),
        }
        cards[f"{CARDS}/{file_name(section.result)}"] = render("card.html.j2", {**content, **own})
    return cards
