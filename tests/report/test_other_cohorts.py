"""The section on other cohorts: what it says, and that it selects nothing."""

import json
import re
from dataclasses import replace

import pytest

from pneumo.errors import UserError
from pneumo.evaluation.bootstrap import Estimate
from pneumo.report import remarks
from pneumo.report.content import build_content
from pneumo.report.inputs import Experiments
from pneumo.report.other_cohorts import discrimination, meaning, notes
from pneumo.report.page import write_report
from pneumo.results import formatting
from tests.report.report_inputs import make_inputs, with_models, write_content
from tests.tiny_external import scored_cohort


def evaluated(given):
    """The inputs with both models evaluated on one cohort, and the second also on another."""
    first, second = given.models
    name = second.record.recipe
    external = (
        scored_cohort(1),
        scored_cohort(2, name),
        scored_cohort(2, name, fingerprint="zz", data_name="clinic", one_class=True),
    )
    return given.but(models=(replace(first, external=external[:1]), replace(second, external=external[1:])))


@pytest.fixture(scope="module")
def written(tmp_path_factory, content_of):
    given = evaluated(make_inputs(tmp_path_factory.mktemp("report"), False))
    return given, write_content(given.directory, with_models(content_of(False), *given.models))


def section(index):
    return index.read_text().split('<section id="other-cohorts">')[1].split("</section>")[0]


def test_the_section_has_the_scores_intervals_and_figures_of_every_evaluation(written):
    given, index = written
    text = section(index)
    for model in given.models:
        for scored in model.external:
            scores = scored.evaluation.statistics.certainty.scores
            assert formatting.interval(scores["auroc"]) in text
            assert formatting.percent_interval(scores["locked.specificity"]) in text
    for name in ("external-2-roc", "external-2-decision", "external-2-v1-reliability", "external-2-v2-reliability"):
        assert f"figures/{name}.png" in text
        assert (index.parent / "figures" / f"{name}.png").is_file()
    assert "external-1-v2-reliability.png" in text
    assert "external-1-roc.png" not in text, "no curve of one class"
    assert "other &lt;hospital&gt;: 90 radiographs of 45 patients, 45 with PNEUMONIA" in text
    assert text.count("<table") == text.count("<caption")
    assert "chosen here:<br>optimistic" in text


def test_subgroups_are_shown_with_their_counts_and_small_ones_without_scores(written):
    text = section(written[1])
    rows = {
        name: re.search(rf'<th scope="row">{name}</th>.*', text)[0]
        for name in ("65 years and over", "under 5 years", "male", "female")
    }
    assert rows["under 5 years"].endswith("<td>–</td><td>–</td><td>–</td></tr>")
    assert rows["65 years and over"].count("\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}") == 3
    assert sum(int(re.search(r"<td>(\d+)</td>", rows[name])[1]) for name in ("male", "female")) == 90


def test_a_card_has_the_same_numbers(written):
    given, index = written
    for model, card in zip(given.models, sorted((index.parent / "cards").iterdir()), strict=True):
        text = card.read_text()
        for scored in model.external:
            scores = scored.evaluation.statistics.certainty.scores
            assert formatting.interval(scores["auroc"]) in text
            assert formatting.percent_interval(scores["locked.sensitivity"]) in text


def test_metrics_and_checklist_have_the_evaluations(written):
    given, index = written
    metrics = json.loads(index.with_name("metrics.json").read_text())
    for model, numbers in zip(given.models, metrics["models"], strict=True):
        assert numbers["external_evaluations"] == [scored.evaluation.model_dump(mode="json") for scored in model.external]
    covered = {item["item"]: item["covered"] for item in metrics["checklist"]}
    assert covered["External validation: other cohorts, at the locked threshold"] == "yes"


def test_without_an_evaluation_one_line_names_the_command(index_of):
    text = section(index_of(True))
    assert "pneumo evaluate champion --data OTHER" in text
    assert "<table" not in text
    metrics = json.loads(index_of(True).with_name("metrics.json").read_text())
    covered = {item["item"]: item["covered"] for item in metrics["checklist"]}
    assert covered["External validation: other cohorts, at the locked threshold"] == "not yet"


def test_an_evaluation_changes_neither_the_selected_model_nor_the_order_of_the_others(inputs, content_of):
    given, plain = inputs(), content_of(True)
    first, second = (section.model for section in plain.sections)
    # Perfect scores for the model that is not selected, useless ones for the one that is.
    better = replace(first, external=(scored_cohort(1, separation=20.0),))
    worse = replace(second, external=(scored_cohort(2, second.record.recipe, separation=-20.0),))
    content = build_content(given.directory, given.cohort, (), (better, worse), Experiments())
    assert plain.selected.model is second
    assert content.selected.model is worse
    assert content.selected.ranking == plain.selected.ranking
    for own, other in zip(plain.sections, content.sections, strict=True):
        assert own.statistics == other.statistics


CLEAR, UNCLEAR = Estimate(value=-0.1, low=-0.2, high=-0.01), Estimate(value=-0.1, low=-0.21, high=0.01)
NONE = Estimate(value=None)


def with_auroc(auroc, difference):
    """An evaluation with another AUROC, and another difference of it to that on own test."""
    evaluation = scored_cohort().evaluation
    certainty = evaluation.statistics.certainty
    certainty = certainty.model_copy(update={"scores": certainty.scores | {"auroc": auroc}})
    statistics = evaluation.statistics.model_copy(update={"certainty": certainty, "auroc_difference": difference})
    return evaluation.model_copy(update={"statistics": statistics})


@pytest.mark.parametrize(
    ("auroc", "difference", "verdict"),
    [
        ((0.45, 0.5, 0.55), CLEAR, "not distinguishable from chance (0.5)"),
        ((0.2, 0.3, 0.4), CLEAR, "worse than chance, so that its scores are reversed there"),
        ((0.6, 0.65, 0.7), CLEAR, "better than chance, and clearly lower than on its own test split (difference −0.100"),
        # Below the AUROC on own test, whose own uncertainty decides.
        ((0.6, 0.65, 0.7), UNCLEAR, "better than chance, and not clearly lower than on its own test split (difference −0.100"),
        ((0.6, 0.65, 0.7), NONE, "better than chance."),
        ((None, 1.0, None), NONE, "its interval is not known"),
        ((None, None, None), NONE, "is undefined: all radiographs are of one class"),
    ],
)
def test_the_auroc_is_put_into_words(inputs, auroc, difference, verdict):
    record = inputs().models[1].record
    low, value, high = auroc
    evaluation = with_auroc(Estimate(value=value, low=low, high=high), difference)
    assert 0.9 < record.test.auroc < 0.999
    assert verdict in discrimination(evaluation, record)


def test_without_an_auroc_on_own_test_nothing_is_compared(inputs):
    record = inputs().models[1].record
    record = record.model_copy(update={"test": record.test.model_copy(update={"auroc": None})})
    sentence = discrimination(with_auroc(Estimate(value=0.7, low=0.6, high=0.8), NONE), record)
    assert sentence.endswith(": better than chance.")
    assert "own test split" not in sentence


def test_the_sentences_name_the_threshold_the_optimism_and_the_shift(inputs):
    record = inputs().models[0].record
    sentences = " ".join(meaning(scored_cohort().evaluation, record))
    assert "At its locked threshold 0.300 it detects" in sentences
    assert "of 100 radiographs without PNEUMONIA" in sentences
    assert "clearly further: the network was trained on few radiographs like these" in sentences
    assert "optimistic, because it is chosen and scored on the same radiographs" in sentences
    assert "with a probability of 0.930" in sentences
    one_class = " ".join(meaning(scored_cohort(one_class=True, shift=None).evaluation, record))
    assert "optimistic" not in one_class
    assert "features" not in one_class
    assert "false alarm" in one_class


def test_the_notes_say_what_was_left_out_not_checked_and_not_measured():
    complete = " ".join(notes(scored_cohort().evaluation))
    assert complete == "Models of this registry were scored on this cohort twice, this evaluation included."
    earlier = " ".join(notes(scored_cohort(left_out=None, shift=None).evaluation))
    assert "Not checked for radiographs of the cohort that baseline v1 was trained on" in earlier
    assert "Distance from training: not measured" in earlier
    assert "Left out: 3 radiographs of patients" in " ".join(notes(scored_cohort(left_out=3).evaluation))
    assert "Patients are read from: file names." in notes(scored_cohort(patients_from="file names").evaluation)
    indexed = notes(scored_cohort(foreign={"rows of lateral views": 4}, problems={"unreadable": 2, "unsuitable": 1}).evaluation)
    assert "Left out by cohort.leave_out: 2 unreadable, 1 unsuitable." in indexed
    assert "Ignored, because they are no radiographs of the cohort: 4 rows of lateral views." in indexed


def test_section_and_card_say_where_each_radiograph_counts_as_a_patient(content_of, tmp_path):
    first, second = (section.model for section in content_of(False).sections)
    # Also where some patients are known, so that there are fewer patients than radiographs.
    unknown = (replace(first, external=(scored_cohort(1, patients_known=False),)), second)
    index = write_content(tmp_path, with_models(content_of(False), *unknown))
    note = "Each radiograph counts as a patient of its own where nothing tells whose it is, so intervals may be too narrow."
    assert note in section(index)
    assert "90 radiographs whose patients are not all known, 45 with PNEUMONIA" in section(index)
    assert any(note in card.read_text() for card in (index.parent / "cards").iterdir())
    assert not any("Each radiograph" in remark for remark in notes(scored_cohort().evaluation))


def test_the_summary_gives_the_auroc_elsewhere_and_limits_what_was_not_measured(inputs):
    given = evaluated(inputs(synthetic=False))
    content = build_content(given.directory, given.cohort, (), given.models, Experiments())
    sentences = {remark.topic: remark.sentence for remark in remarks.remarks_on_selected(content)}
    assert "On other <hospital>, the AUROC of weighted $x^$ v2 is" in sentences["other_cohorts"]
    assert "other than these and those of other <hospital> and clinic has not been measured" in sentences["limits"]


def test_predictions_that_do_not_give_the_stored_scores_are_refused(inputs):
    given = inputs()
    scored = scored_cohort()
    changed = replace(scored, predictions=scored.predictions.assign(y_score=0.5))
    models = (replace(given.models[0], external=(changed,)), given.models[1])
    with pytest.raises(UserError, match=r"run `pneumo evaluate 1` again$"):
        write_report(given.directory, given.cohort, (), models, Experiments())
