"""The page as a reader, a browser and a hostile file name meet it."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote

import pandas as pd
import pytest

from pneumo.errors import UserError
from pneumo.evaluation.scores import evaluate
from pneumo.report.numbers import flow, patients_in_several_parts, reference_systems
from pneumo.report.page import write_report
from pneumo.results.model import Phase
from tests.report.report_inputs import HOSTILE, subtypes


def written(given):
    return write_report(given.directory, given.cohort, given.samples, given.models, given.experiments)


class Elements(HTMLParser):
    """Every element of a page with its attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def named(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_every_asset_lies_in_the_report_and_none_comes_from_elsewhere(index_of):
    index = index_of(True)
    page = index.read_text()
    elements = Elements(page)
    images = [image["src"] for image in elements.named("img")]
    assert len(images) > 20
    for source in [*images, "metrics.json"]:
        assert (index.parent / unquote(source)).is_file(), source
    loading = [attributes.get("src") or attributes.get("href", "") for _, attributes in elements.found]
    assert not [address for address in loading if re.match(r"(https?:)?//", address or "")]
    assert "url(" not in page
    assert "@import" not in page
    assert elements.named("script") == []


def test_every_image_has_words_and_every_table_headers(index_of):
    page = index_of(True).read_text()
    elements = Elements(page)
    assert all(image["alt"].strip() for image in elements.named("img"))
    assert page.count("<table") == page.count("<caption")
    assert all("scope" in header for header in elements.named("th"))


def test_a_hostile_name_is_text(index_of):
    page = index_of(True).read_text()
    elements = Elements(page)
    assert HOSTILE not in page
    assert not [attributes for _, attributes in elements.found if any(name.startswith("on") for name in attributes)]
    assert "alert(2)" in page  # from the settings, shown as text
    assert elements.named("script") == []
    assert any(HOSTILE in image["alt"] for image in elements.named("img"))


def test_a_synthetic_cohort_is_named_in_title_sections_and_captions(index_of):
    index = index_of(True)
    page = index.read_text()
    assert re.search(r"<title>Synthetic phantom", page)
    assert "says nothing about patients" in page
    for heading in re.findall(r"<h2>.*?</h2>", page, re.DOTALL):
        assert "Synthetic phantom" in heading
    for picture in re.findall(r'<img src="figures/.*?</figcaption>', page, re.DOTALL):
        assert "Synthetic phantom" in picture
    assert "Kermany" not in page
    assert json.loads(index.with_name("metrics.json").read_text())["synthetic"] is True


def test_a_real_cohort_is_not_called_synthetic_and_states_its_limits(index_of):
    page = index_of(False).read_text().lower()
    assert "synthetic" not in page
    assert "one hospital" in page
    assert "not a medical device" in page
    assert "official test split of 624 radiographs" in page
    assert "test split here has <strong>160 radiographs" in page


def test_metrics_json_has_the_scores_that_evaluate_gives(inputs, index_of):
    given = inputs(synthetic=False)
    numbers = json.loads(index_of(False).with_name("metrics.json").read_text())
    assert numbers["synthetic"] is False
    assert numbers["reference_systems"] == reference_systems()
    for model, told in zip(given.models, numbers["models"], strict=True):
        rows = model.predictions_test
        scores = evaluate(rows["y_true"], rows["y_score"], subtypes(rows["y_true"]), model.facts.threshold)
        assert told["test"] == scores.model_dump(mode="json")
        assert told["gap"]["validation"]["auroc"] == pytest.approx(scores.auroc - model.facts.validation.auroc)
        assert told["gap"]["validation_shifted"]["auroc"] == pytest.approx(scores.auroc - model.facts.validation_shifted.auroc)
        assert told["champion"] is model.champion


def test_the_phases_of_a_training_are_tabulated_with_what_each_came_to_on_validation(inputs):
    given = inputs()
    assert "Phases of" not in written(given).read_text()
    plain, model = given.models
    facts = model.facts
    losses = ([0.5, 0.25], [0.9, 0.75])
    phases = tuple(
        Phase(
            name=name,
            learning_rate=1e-3,
            epochs=2,
            parameters=4321,
            seconds=75,
            history={"val_loss": values},
            validation=facts.validation,
        )
        for name, values in zip(("head", "fine-tuning"), losses, strict=True)
    )
    model = replace(model, facts=facts.model_copy(update={"phases": phases}))
    index = written(given.but(models=(plain, model)))
    page = index.read_text()
    assert page.count("<h3>Phases of") == 1
    head, tuned = re.findall(r'<tr><th scope="row">(?:head|fine-tuning)</th>.*', page)
    assert "<td>0.250</td>" in head
    assert "<td>0.750</td>" in tuned, "a second phase that is worse is to be seen"
    assert "<td>4,321</td>" in head
    assert "<td>1 min 15 s</td>" in head
    assert [phase["name"] for phase in json.loads(index.with_name("metrics.json").read_text())["models"][1]["phases"]] == [
        "head",
        "fine-tuning",
    ]


def test_the_reference_systems_are_not_set_beside_phantoms(index_of):
    index = index_of(True)
    assert json.loads(index.with_name("metrics.json").read_text())["reference_systems"] is None
    assert "BayesSearchCV" not in index.read_text()


def test_a_failed_run_leaves_the_report_of_the_run_before(inputs):
    given = inputs()
    index = written(given)
    before = {path: path.read_bytes() for path in given.directory.rglob("*") if path.is_file()}
    unreadable = replace(given.models[1], predictions_test=pd.DataFrame({"y_true": [0, 1], "y_score": [0.1, 0.9]}))
    with pytest.raises(UserError, match="do not give the scores"):
        written(given.but(models=(given.models[0], unreadable)))
    assert {path: path.read_bytes() for path in given.directory.rglob("*") if path.is_file()} == before
    assert index in before


def test_figures_and_the_card_of_a_model_that_is_gone_go_too(inputs):
    given = inputs()
    written(given)
    written(given.but(models=given.models[:1]))
    assert not list(given.directory.glob("figures/v2-*"))
    assert list(given.directory.glob("figures/v1-*"))
    assert [card.name for card in (given.directory / "cards").iterdir()] == ["baseline-v1.html"]


def test_models_of_other_radiographs_and_no_models_are_refused(inputs):
    given = inputs()
    with pytest.raises(UserError, match="trained on other radiographs than phantom"):
        written(given.but(cohort=replace(given.cohort, fingerprint="00" * 32)))
    with pytest.raises(UserError, match="make train"):
        written(given.but(models=()))


def test_the_flow_counts_images_and_patients(inputs):
    rows = flow(inputs().cohort.table)
    assert [(row["part"], row["split"]) for row in rows] == [
        ("training", "train"), ("validation", "train"), ("test", "test"), ("unused", "val"),
    ]  # fmt: skip
    assert rows[0]["normal"] == {"images": 9, "patients": 5}
    assert rows[0]["all"] == {"images": 27, "patients": 15}


def test_a_patient_in_two_parts_is_counted():
    table = pd.DataFrame({"patient": ["a", "a", "b", "b"], "part": ["training", "test", "training", "unused"]})
    assert patients_in_several_parts(table) == 1
