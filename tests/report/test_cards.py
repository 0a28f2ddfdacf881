"""Model cards: one file each, complete and without active content."""

import re
from dataclasses import replace
from urllib.parse import unquote

import pytest

from pneumo.audit.sentences import finding_sentence
from pneumo.evaluation.scores import PARTS
from pneumo.report.page import INDEX, render_report
from pneumo.report.scores import model_statistics
from pneumo.results import formatting
from tests.report.report_inputs import HOSTILE, MODEL_SHA256, audited


def cards(index):
    return {path.name: path.read_text() for path in sorted((index.parent / "cards").iterdir())}


@pytest.mark.parametrize("synthetic", [True, False])
def test_every_model_has_a_card_that_the_page_links_to(index_of, synthetic):
    index = index_of(synthetic)
    assert list(cards(index)) == ["baseline-v1.html", "weighted $x^$-v2.html"]
    links = [unquote(link) for link in re.findall(r'href="(cards/[^"]+)"', index.read_text())]
    assert links == [f"cards/{name}" for name in cards(index)]


def test_a_card_needs_no_other_file_and_has_no_active_content(index_of):
    for card in cards(index_of(False)).values():
        assert re.findall(r'<img src="(?!data:image/png;base64,)', card) == []
        assert "<script" not in card
        assert "alert(2)" in card  # from the settings, as text
        assert not re.search(r'(src|href)="(https?:)?//', card)
        assert HOSTILE not in card
        assert card.count("<table") == card.count("<caption")


def test_a_card_has_the_numbers_of_the_page(index_of, inputs):
    card = cards(index_of(False))["baseline-v1.html"]
    model = inputs(synthetic=False).models[0]
    statistics = model_statistics(model)
    for part in PARTS:
        scores = statistics.certainty[part].scores.values()
        assert all(formatting.interval(estimate).replace(">", "&gt;") in card for estimate in scores)
    assert all(formatting.percent_interval(at.accuracy) in card for at in statistics.thresholds.values())
    assert finding_sentence(audited(False).shortcuts[0]) in card
    for text in (MODEL_SHA256, model.record.git_commit, "tensorflow 2.21.0", "40 <span", "Not to be used for", "5 min 12 s"):
        assert text in card


def test_phantoms_are_named_on_the_card(index_of):
    card = cards(index_of(True))["baseline-v1.html"]
    assert "says nothing about patients" in card
    assert "phantoms that this software computes" in card
    assert "Kermany" not in card
    assert all("Synthetic phantom" in heading for heading in re.findall(r"<h2>.*?</h2>", card, re.DOTALL))


def test_the_licence_of_the_data_is_named_where_the_cohort_is_known(content_of, index_of):
    assert "as stated by its owner" in index_of(False).read_text()
    content = content_of(False)
    pages, _ = render_report(replace(content, cohort=replace(content.cohort, published=True)))
    for page in (pages[INDEX], pages["cards/baseline-v1.html"]):
        assert "CC BY 4.0" in page
        assert "as stated by its owner" not in page
    assert "radiographs of children" in pages[INDEX]
