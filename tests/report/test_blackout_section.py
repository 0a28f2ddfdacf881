"""Blackout controls on the page, on the model cards and on the page of the explanation methods."""

import json
import re
from dataclasses import replace

import pytest

from pneumo.errors import UserError
from pneumo.report.inputs import Experiments
from pneumo.report.page import render_report, write_report
from pneumo.report.saved_results import blackout_section
from pneumo.results.blackout import Blackouts
from pneumo.results.formatting import interval
from tests.report.test_explanations_page import measured, method, with_explanations
from tests.report.test_explanations_page import write as write_explanations
from tests.tiny_blackout import blackout


def write(directory, *controls):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "blackout.json").write_text(Blackouts(models=controls).model_dump_json())


def report(given):
    return write_report(given.directory, given.cohort, given.samples, given.models, Experiments())


def text_of(html):
    return " ".join(re.sub(r"<.*?>", " ", html).split())


def test_without_measurements_page_and_cards_name_the_command(index_of):
    index = index_of(False)
    assert "Not measured yet: run pneumo lungs , and run pneumo blackout" in text_of(index.read_text())
    card = (index.parent / "cards" / "baseline-v1.html").read_text()
    assert "Whether it depends on the lungs has not been measured: run pneumo lungs , and run pneumo blackout" in text_of(card)


def test_page_card_and_metrics_show_the_numbers_of_the_saved_result(inputs):
    given, controls = inputs(synthetic=False), blackout(1)
    write(given.directory, controls)
    index = report(given)
    section = index.read_text().split('id="blackout"')[1].split("</section>")[0]
    for condition in controls.conditions:
        assert interval(condition.auroc) in section
        assert interval(condition.shifted) in section
    assert interval(controls.lung_area) in section
    assert controls.verdict in section
    assert "70 of 90 masks accepted" in text_of(section)
    assert "weighted $x^$ v2" in text_of(section.split("</table>")[1])
    cards = index.parent / "cards"
    assert controls.card_sentence in (cards / "baseline-v1.html").read_text()
    assert "has not been measured" in (cards / "weighted $x^$-v2.html").read_text()
    assert json.loads((given.directory / "metrics.json").read_text())["blackout"] == [controls.model_dump(mode="json")]


def test_the_page_of_explanations_shows_the_energy_inside_the_lungs_beside_that_of_phantoms(inputs, content_of):
    given = inputs(synthetic=True)
    given = given.but(models=given.models[:1])
    write_explanations(given.directory, measured(1, method("grad-cam", True)))
    report(given)
    page = given.directory / "explanations.html"
    assert "How much of the maps lies in the lungs has not been measured" in page.read_text()
    write(given.directory, blackout(1))
    content = with_explanations(content_of(True), given.directory)
    pages, _ = render_report(replace(content, blackout=blackout_section(given.directory, given.models)))
    text = text_of(pages[page.name])
    assert "NORMAL 25 41.3% 26.2%" in text
    assert "PNEUMONIA 35 51.7% 25.1%" in text
    assert "the energy in the lungs is 70.0% on 8 test phantoms" in text


@pytest.mark.parametrize("change", [{"model_sha256": "other"}, {"data_fingerprint": "other"}, {"definition": "other"}])
def test_outdated_controls_are_not_shown(inputs, change):
    given = inputs()
    write(given.directory, blackout(1).model_copy(update=change))
    section = blackout_section(given.directory, given.models)
    assert section.models == []
    assert "baseline v1" in section.missing


def test_a_damaged_file_is_one_clear_line(inputs):
    given = inputs()
    (given.directory / "blackout.json").write_text("{")
    with pytest.raises(UserError, match=r"blackout\.json is not a readable result of `pneumo blackout`") as raised:
        report(given)
    assert "\n" not in str(raised.value)
