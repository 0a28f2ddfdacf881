"""The section on adaptations and the cards of adapted models: what they say, and that they select nothing."""

import json
from dataclasses import replace

import pytest

from pneumo.report.adaptations import adaptation_meaning, adaptation_notes
from pneumo.report.inputs import Experiments
from pneumo.report.page import write_report
from pneumo.results import formatting
from pneumo.results.adaptation import AcquisitionBaseline, AdaptedModel
from tests.report.report_inputs import make_inputs
from tests.tiny_adaptations import adaptation, adapted_record, estimate


def with_adaptation(given):
    first, second = given.models
    adapted = AdaptedModel(7, "b7" * 32, adapted_record())
    return given.but(models=(replace(first, adaptations=[adaptation()], adapted=[adapted]), second))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    given = with_adaptation(make_inputs(tmp_path_factory.mktemp("report"), False))
    return given, write_report(given.directory, given.cohort, (), given.models, Experiments())


def section(index):
    return index.read_text().split('<section id="adaptations">')[1].split("</section>")[0]


def test_the_section_has_the_curve_with_intervals_the_figure_and_the_traits(written):
    _, index = written
    text = section(index)
    curve = adaptation().curve
    assert formatting.interval(curve.unadapted.auroc) in text
    for point in curve.points:
        assert formatting.interval(point.scores.auroc) in text
        assert formatting.signed_interval(point.difference.auroc) in text
    assert "all, 392" in text
    assert "baseline v1 on other &lt;hospital&gt;" in text
    assert (index.parent / "figures" / "adaptation-1.png").is_file()
    assert 'src="figures/adaptation-1.png"' in text
    assert "mean grey value" in text
    assert 'href="cards/baseline-adapted-v7.html"' in text
    assert text.count("<table") == text.count("<caption")


def test_the_card_of_an_adapted_model_names_both_cohorts_and_its_parent(written):
    _, index = written
    card = (index.parent / "cards" / "baseline-adapted-v7.html").read_text()
    for text in ("chest_xray, trained on", "other &lt;hospital&gt;, adapted on", "baseline v1", "a5" * 32, "b7" * 32, "25 labels"):
        assert text in card
    assert "<script" not in card
    assert "It has no test split" in card


def test_the_same_model_is_selected_as_without(written, content_of):
    given, index = written
    numbers = json.loads(index.with_name("metrics.json").read_text())
    assert numbers["selected_model"]["version"] == content_of(False).selected.model.version
    assert numbers["models"][0]["adaptations"][0]["curve"]["points"][-1]["labels"] is None
    assert numbers["models"][1]["adaptations"] == []
    assert len(numbers["models"]) == len(given.models)


def test_without_an_adaptation_the_section_says_how_to_make_one(index_of):
    assert "run <code>pneumo adapt champion --data OTHER</code>" in section(index_of(False))


def test_the_sentences_say_how_few_labels_are_enough_and_what_acquisition_explains():
    first, gain, acquisition = adaptation_meaning(adaptation())
    assert first.startswith("Without labels, baseline v1 has an AUROC of 0.450")
    assert gain.startswith("100 labels clearly improve it, by +0.250")
    assert "with all, which are 392 outside a fold, it is 0.860" in gain
    assert "less well than the refitted head" in acquisition
    assert "mean grey value 0.300" in acquisition


def test_they_say_where_labels_gain_nothing_and_where_acquisition_explains_all_or_nothing():
    nothing = adaptation(gains=(0.46, 0.47, 0.48), acquisition=AcquisitionBaseline(all_traits=estimate(0.5), by_trait={}))
    assert adaptation_meaning(nothing)[1].startswith("No number of labels clearly improves it")
    assert "do not predict the label clearly" in adaptation_meaning(nothing)[2]
    everything = adaptation(acquisition=AcquisitionBaseline(all_traits=estimate(0.9), by_trait={"mean": estimate(0.9)}))
    assert "as well as the refitted head" in adaptation_meaning(everything)[2]


def test_the_notes_say_what_was_left_out_and_what_is_unknown():
    notes = " ".join(adaptation_notes(adaptation(left_out=3, patients_known=False)))
    assert "Left out: 3 radiographs" in notes
    assert "scores may be too good" in notes
    assert "scored on this cohort twice" in notes
    assert "Not checked" in " ".join(adaptation_notes(adaptation(left_out=None)))
