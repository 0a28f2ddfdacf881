"""The top of the page: which model to trust, how far, and why."""

import json
import re
from dataclasses import replace
from types import MappingProxyType

import pytest

from pneumo.evaluation.bootstrap import Estimate
from pneumo.evaluation.scores import evaluate
from pneumo.report.page import write_report
from pneumo.report.selected_model import complement, count_accesses, weigh
from pneumo.report.statistics import work_out
from pneumo.results.formatting import of_hundred
from tests.report.report_inputs import audited


def but(model, **changes):
    return replace(model, facts=model.facts.model_copy(update=changes))


def weighed(given, models=None, audit=None, lacking=MappingProxyType({})):
    models = models or given.models
    return weigh(
        given.cohort,
        models,
        work_out(models, ()).models,
        everyone=models,
        families=(),
        audit=audit,
        openings=count_accesses(given.cohort, models),
        lacking={model.name: lacking for model in models},
    )


def sentence(trust, topic):
    (found,) = (reason.sentence for reason in trust.reasons if reason.topic == topic)
    return found


def test_test_has_no_say_in_the_choice(inputs):
    given = inputs()
    first, second = given.models
    assert first.facts.validation_shifted.auroc < second.facts.validation_shifted.auroc
    swapped = (
        replace(but(first, test=second.facts.test), predictions_test=second.predictions_test),
        replace(but(second, test=first.facts.test), predictions_test=first.predictions_test),
    )
    assert weighed(given).model.version == weighed(given, swapped).model.version == second.version
    assert "is no reason to choose it" in sentence(weighed(given, swapped), "rival")
    assert "rival" not in [reason.topic for reason in weighed(given).reasons]


def test_a_rival_is_named_only_where_the_figures_shown_differ(inputs):
    given = inputs()
    first, second = given.models
    barely = second.facts.test.model_copy(update={"auroc": second.facts.test.auroc + 1e-5})
    assert "rival" not in [reason.topic for reason in weighed(given, (but(first, test=barely), second)).reasons]


def test_a_promise_that_test_did_not_keep_is_named(inputs):
    given = inputs()
    model = given.models[1]
    assert "No score fell clearly short" in sentence(
        weighed(given, (replace(model, predictions_test=model.predictions_validation_shifted),)), "gap"
    )
    rows = model.predictions_test.assign(y_score=lambda table: table["y_score"].where(table["y_true"] == 1, 0.9))
    scores = evaluate(rows["y_true"], rows["y_score"], rows["subtype"], model.facts.threshold)
    said = sentence(weighed(given, (replace(but(model, test=scores), predictions_test=rows),)), "gap")
    assert re.search(r"Test fell short in AUROC.* and specificity", said)


def test_a_champion_that_is_another_model_is_named_with_the_command_that_changes_it(inputs):
    given = inputs()
    assert [model.champion for model in given.models] == [True, False]
    said = sentence(weighed(given), "champion")
    assert "baseline v1, and not this one; pneumo registry promote 2 makes it" in said
    alone = (replace(given.models[0], champion=False), replace(given.models[1], champion=True))
    assert "champion" not in [reason.topic for reason in weighed(given, alone).reasons]


def test_what_the_page_lacks_of_the_model_is_said_first(inputs):
    given = inputs()
    first = weighed(given, lacking={"robustness curves": "robustness"}).reasons[0]
    assert (first.topic, first.place) == ("unmeasured", "checklist")
    assert "lacks robustness curves of weighted $x^$ v2: run pneumo robustness, then pneumo report" in first.sentence


def test_each_kind_of_pneumonia_and_the_worth_of_the_probability_are_told(inputs):
    given = inputs()
    trust = weighed(given)
    for kind in ("bacterial", "viral"):
        share = trust.statistics.certainty["test"].subtypes[kind]["locked"]
        assert f"{of_hundred(share)} of the {kind}" in sentence(trust, "subtypes")
    told = trust.statistics.calibration["test"]
    assert f"{told.raw.expected_calibration_error:.1%} on average" in sentence(trust, "calibration")
    assert f"by {told.scaled.expected_calibration_error:.1%}" in sentence(trust, "calibration")


def test_shortcuts_are_named_or_said_not_to_be_known(inputs):
    given = inputs()
    assert "a shortcut: aspect ratio gives" in sentence(weighed(given, audit=audited(True)), "shortcuts")
    assert "has not been audited" in sentence(weighed(given), "shortcuts")
    clean = audited(True).model_copy(update={"findings": ()})
    assert "names no shortcut" in sentence(weighed(given, audit=clean), "shortcuts")


def test_the_floor_is_set_beside_the_model(inputs):
    given, found = inputs(), audited(True)
    said = sentence(weighed(given, audit=found), "floor")
    assert "0.700 on test, and 90.0% sensitivity and 40.0% specificity at 0.5; this model lies above that" in said
    perfect = found.linear_baseline.model_copy(update={"test": Estimate(value=1.0)})
    assert "not clearly better" in sentence(weighed(given, audit=found.model_copy(update={"linear_baseline": perfect})), "floor")


def test_several_looks_at_test_are_said_in_plain_words(inputs):
    given = inputs()
    assert sentence(weighed(given), "openings").endswith("opened twice from this registry, once for weighted $x^$.")
    looked = given.but(cohort=replace(given.cohort, test_accesses={"baseline": 1, "weighted $x^$": 3}))
    assert "one of 3 looks, and a figure chosen among several looks is too good" in sentence(weighed(looked), "openings")


def test_where_the_notes_are_lost_the_records_are_counted(inputs):
    given = inputs()
    models = (but(given.models[0], test_accesses_of_recipe=4), given.models[1])
    assert count_accesses(replace(given.cohort, test_accesses={}), models).total == 5


def test_the_openings_are_on_the_page(inputs):
    given = inputs()
    cohort = replace(given.cohort, test_accesses={"baseline": 2, "weighted $x^$": 1, "forgotten": 1})
    index = write_report(given.directory, cohort, given.samples, given.models)
    section = index.read_text().split('id="openings"')[1].split("</table>")[0]
    text = " ".join(re.sub(r"<.*?>", " ", section).split())
    assert "4 times in all" in text
    assert "More than once means several looks" in text
    assert "baseline twice" in text
    assert "forgotten once no model of this recipe is registered" in text
    assert json.loads(index.with_name("metrics.json").read_text())["test_accesses"] == dict(cohort.test_accesses)


def test_the_first_section_says_it_in_words(index_of):
    for synthetic, radiographs in ((True, "phantoms"), (False, "radiographs")):
        index = index_of(synthetic)
        told = json.loads(index.with_name("metrics.json").read_text())["trust"]
        section = index.read_text().split('<section id="summary">')[1].split("</section>")[0]
        text = " ".join(re.sub(r"<.*?>", "", section).split())
        found = told["test"]["locked.sensitivity"]["value"]
        assert f"Of 100 {radiographs} with pneumonia it finds {100 * found:.0f} (" in text
        assert told["model"] in text
        assert ("reference" in told["reasons"]) is not synthetic
        assert (index.parent / "figures/reference.png").exists() is not synthetic


def test_false_alarms_are_what_specificity_leaves():
    assert complement(Estimate(value=0.9, low=0.85, high=0.94)).model_dump() == pytest.approx(
        {"value": 0.1, "low": 0.06, "high": 0.15}
    )
    assert complement(Estimate(value=None)).value is None
