"""The numbered items, the three origins of their answers, and answers that follow the records."""

import csv
import io
import re
from collections import Counter
from dataclasses import replace
from importlib import resources

import pytest
import yaml

from pneumo.report.guidelines.cohort_topics import COHORT_TOPICS
from pneumo.report.guidelines.files import CSV, MARKDOWN, PAGE, answered_forms, render_guidelines
from pneumo.report.guidelines.forms import FORMS, documentation, load_guideline
from pneumo.report.guidelines.model_topics import MODEL_TOPICS
from pneumo.report.guidelines.score_topics import SCORE_TOPICS
from pneumo.report.page import NAMES
from pneumo.report.saved_results import AuditSection, RobustnessSection
from pneumo.report.seed_groups import find_seed_groups
from pneumo.results.formatting import interval
from tests.report.report_inputs import HOSTILE, robustness, seeds_and_ensemble
from tests.report.test_page import Elements
from tests.tiny_external import scored_cohort

SUB_ITEMS = {3: "abc", 5: "ab", 6: "abc", 8: "abc", 9: "abc", 12: "abcdefg", 18: "abcdef", 20: "abc", 23: "ab", 27: "abc"}
"""Sub-items of the numbered items of TRIPOD+AI."""
NUMBERS = {
    "claim_2024": [str(number) for number in range(1, 45)],
    "tripod_ai": [f"{number}{letter}" for number in range(1, 28) for letter in SUB_ITEMS.get(number, [""])],
}


@pytest.fixture(scope="module")
def content(content_of):
    """Content of a report on a real cohort."""
    return content_of(False)


def answers(content, guideline="claim_2024"):
    """Answers by number."""
    form = answered_forms(content)[FORMS.index(guideline)]
    return {answer.item.number: answer for answer in form.answers}


def with_model(content, **changes):
    """The content with changes of the selected model."""
    return replace(content, selected=replace(content.selected, model=replace(content.selected.model, **changes)))


def changed(content, **changes):
    """The content with changes of the selected model's record."""
    return with_model(content, record=content.selected.model.record.model_copy(update=changes))


def with_cohort(content, **changes):
    return replace(content, cohort=replace(content.cohort, **changes))


@pytest.mark.parametrize("name", FORMS)
def test_every_numbered_item_is_there_once_and_in_order(name):
    assert [item.number for item in load_guideline(name).items] == NUMBERS[name]
    assert len(NUMBERS["tripod_ai"]) == 52


@pytest.mark.parametrize("name", FORMS)
def test_every_item_has_a_place_for_its_answer_or_a_reason_and_every_topic_exists(name):
    documented = yaml.safe_load(resources.files("pneumo.report.guidelines").joinpath("cohorts.yaml").read_text("utf-8"))
    topics = set().union(*(cohort["topics"] for cohort in documented.values()))
    for item in load_guideline(name).items:
        assert item.answers or item.otherwise, item.number
        for place in item.answers:
            kind, topic = place.split()
            assert topic in {"record": MODEL_TOPICS | COHORT_TOPICS | SCORE_TOPICS, "cohort": topics}[kind], place


@pytest.mark.parametrize("kind", ["synthetic", "published", "other"])
def test_every_answer_has_one_of_three_origins_and_a_text(content, kind):
    for form in answered_forms(with_cohort(content, synthetic=kind == "synthetic", published=kind == "published")):
        origins = Counter(answer.origin for answer in form.answers)
        assert set(origins) <= {"record", "cohort documentation", "not available"}
        assert origins["record"] > 15
        assert sum(form.count(origin) for origin in origins) == len(form.answers)
        for answer in form.answers:
            assert re.search(r"\w.*\.$", answer.text), answer
            assert "None" not in re.sub(r"None(?=:| is )", "", answer.text), answer


CHANGES = {
    "threshold": ("tripod_ai", "15", {"threshold": 0.4321}, "0.432"),
    "rule": ("tripod_ai", "15", {"threshold_rule": "youden"}, "Youden"),
    "hash of the data": ("claim_2024", "7", {"data_fingerprint": "abcd" * 16}, "abcdabcd"),
    "size": ("claim_2024", "9", {"image_size_px": 333}, "333 × 333"),
    "software": ("claim_2024", "23", {"software": {"keras": "99.1"}}, "keras 99.1"),
    "commit": ("tripod_ai", "18f", {"git_commit": "feedbeef"}, "feedbeef"),
    "seed": ("claim_2024", "24", {"seed": 4711}, "seed 4711"),
    "fit": ("claim_2024", "25", {"settings": {"fit": {"epochs": 77}}}, "epochs 77"),
    "network": ("claim_2024", "22", {"settings": {"network": {"filters": [3, 5]}}}, "filters 3, 5"),
    "class weights": ("tripod_ai", "13", {"settings": {"fit": {"class_weights": "balanced"}}}, "balanced"),
    "protocol": ("claim_2024", "42", {"protocol_fingerprint": "p1234"}, "p1234"),
    "accesses": ("tripod_ai", "12f", {"test_accesses_of_recipe": 9}, "9 times"),
    "partition": ("claim_2024", "35", {"partition": {"test": {"NORMAL": {"images": 123, "patients": 45}}}}, "123 NORMAL of 45"),
    "members": ("claim_2024", "27", {"members": (3, 4)}, "v3 and v4"),
    "parameters": ("claim_2024", "1", {"parameters": 9_876}, "9,876"),
}


@pytest.mark.parametrize(("guideline", "number", "changes", "expected"), CHANGES.values(), ids=CHANGES)
def test_an_answer_follows_the_record(content, guideline, number, changes, expected):
    after = answers(changed(content, **changes), guideline)[number]
    assert after.origin == "record"
    assert expected in after.text
    assert expected not in answers(content, guideline)[number].text


ABSENT = {
    "commit": ("tripod_ai", "18f", {"git_commit": None}, "no commit"),
    "software": ("claim_2024", "23", {"software": {}}, "no versions"),
    "seed": ("claim_2024", "24", {"seed": None}, "no seed"),
    "fit": ("claim_2024", "25", {"settings": {}}, "no settings of its training"),
    "network": ("claim_2024", "22", {"settings": {}}, "no settings of its network"),
    "class weights": ("tripod_ai", "13", {"settings": {"fit": {"epochs": 1}}}, "does not say whether classes"),
    "partition": ("tripod_ai", "21", {"partition": {}}, "no counts"),
}


@pytest.mark.parametrize(("guideline", "number", "changes", "reason"), ABSENT.values(), ids=ABSENT)
def test_what_a_record_lacks_is_not_available_with_a_reason(content, guideline, number, changes, reason):
    answer = answers(changed(content, **changes), guideline)[number]
    assert answer.origin == "not available"
    assert reason in answer.text


def test_a_result_that_was_not_computed_names_the_command(content):
    sections = [replace(one, gallery=replace(one.gallery, mistakes=(), absent="No heatmaps")) for one in content.sections]
    without = replace(content, audit=AuditSection(None), sections=sections)
    claim = answers(without)
    for number, command in {"30": "robustness", "31": "gradcam", "33": "evaluate", "39": "gradcam"}.items():
        assert claim[number].origin == "not available"
        assert f"`pneumo {command}" in claim[number].text
    assert "`pneumo audit`" in answers(without, "tripod_ai")["16"].text


def test_results_that_were_computed_are_in_the_answers(content):
    measured, scored = robustness(2), scored_cohort(2, "weighted $x^$")
    claim = answers(replace(with_model(content, external=(scored,)), robustness=RobustnessSection([measured], [], None)))
    auroc = scored.evaluation.statistics.certainty.scores["auroc"].value
    assert claim["33"].origin == "record"
    assert f"{auroc:.3f}" in claim["33"].text
    assert claim["30"].text.endswith(measured.summary)
    assert claim["39"].text.count("false") == 2


def test_intervals_are_those_of_the_statistics(content):
    scores = content.selected.statistics.certainty["test"].scores
    for number in ("2", "37", "38"):
        assert interval(scores["locked.sensitivity"]) in answers(content)[number].text


def test_the_published_cohort_is_answered_from_its_documentation_and_another_is_not(content):
    other, published = answers(content), answers(with_cohort(content, published=True))
    for number in ("5", "14", "16", "17"):
        assert published[number].origin == "cohort documentation"
        assert other[number].origin == "not available"
        assert other[number].text.startswith("Not documented")
    assert "two expert physicians" in published["14"].text
    assert published["18"].text == "The source of the cohort does not document this."
    assert documentation(content.cohort) is None
    assert "cohort documentation" not in {answer.origin for answer in other.values()}


def test_ages_and_sexes_are_those_of_the_index(content):
    table = content.cohort.table.assign(age_years=7.0, sex="F")
    answer = answers(with_cohort(content, table=table))["36"]
    assert answer.origin == "record"
    assert f"F {(table['part'] == 'training').sum()}" in answer.text
    assert "median 7 (n = " in answer.text
    assert answers(content)["36"].origin == "not available"


def test_an_ensemble_has_the_seeds_of_its_members(content):
    groups = find_seed_groups(seeds_and_ensemble(1))
    claim = answers(replace(changed(content, members=(1, 2, 3)), seed_groups=groups))
    assert "3 networks that differ in their seed: v1, v2 and v3" in claim["27"].text
    assert "Mean ± SD over 3 seeds" in claim["29"].text


def test_an_ensemble_of_several_recipes_is_not_said_to_differ_in_its_seeds_alone(content):
    claim = answers(changed(content, members=(1, 2), settings={"members": {"robust v1": {}, "transfer v2": {}}}))
    assert "the mean of the logits of 2 models: v1 and v2" in claim["27"].text


def test_patients_that_are_unknown_are_stated(content):
    assert answers(with_cohort(content, patients_known=False, patients_from="unknown"))["20"].text.startswith("The image")


@pytest.fixture(scope="module")
def files(index_of):
    return {synthetic: index_of(synthetic).parent for synthetic in (True, False)}


@pytest.mark.parametrize("synthetic", [True, False])
def test_the_page_has_every_item_and_is_accessible_and_linked(files, synthetic):
    page = (files[synthetic] / PAGE).read_text()
    elements = Elements(page)
    assert re.findall(r'<tr><th scope="row">(\w+)</th>', page) == [number for name in FORMS for number in NUMBERS[name]]
    assert page.count("<table") == page.count("<caption") == 2
    assert all("scope" in header for header in elements.named("th"))
    assert elements.named("script") == []
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for attributes in elements.named("a"):
        target, _, fragment = attributes["href"].partition("#")
        assert (files[synthetic] / (target or PAGE)).is_file()
        assert not target or not fragment
        assert not fragment or fragment in ids
    assert f'href="{PAGE}"' in (files[synthetic] / "index.html").read_text()
    assert ("Synthetic phantom" in page) is synthetic


@pytest.mark.parametrize("synthetic", [True, False])
def test_markdown_and_csv_have_the_same_answers_as_the_page(files, synthetic):
    rows = list(csv.DictReader(io.StringIO((files[synthetic] / CSV).read_text())))
    assert [row["item"] for row in rows] == [number for name in FORMS for number in NUMBERS[name]]
    markdown = (files[synthetic] / MARKDOWN).read_text()
    lines = [line for line in markdown.splitlines() if re.match(r"\| \d", line)]
    assert len(lines) == len(rows)
    assert [line.count(" | ") for line in lines] == [4] * len(lines)
    for row in rows:
        assert row["origin"] in {"record", "cohort documentation", "not available"}
    assert ("synthetic" in markdown.lower()) is synthetic


def test_hostile_names_are_text_in_all_files(content):
    hostile = with_cohort(content, foreign={HOSTILE: 1, "a | b": 2})
    hostile = changed(hostile, settings={"network": {"note": "</td><script>alert(2)</script>"}})
    names = NAMES | vars(hostile) | {"metrics": {"generated": "2026-01-02"}}
    files = render_guidelines(hostile, names)
    for name in (PAGE, MARKDOWN):
        assert "<script" not in files[name]
        assert HOSTILE not in files[name]
    lines = [line for line in files[MARKDOWN].splitlines() if re.match(r"\| \d", line)]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 6 for line in lines)
