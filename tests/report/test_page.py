"""The page in a browser and for a reader: its files, links, alternative texts, and names that contain HTML."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pneumo.errors import UserError
from pneumo.evaluation.scores import evaluate
from pneumo.evaluation.worst_view import worst_views
from pneumo.report.page import INDEX, render_report, write_report
from pneumo.report.pictures import model_section
from pneumo.report.reference import reference_systems
from pneumo.results.model import Phase
from tests.report.report_inputs import HOSTILE, Inputs, subtypes, with_models, with_record, with_sections, write_content


def write(inputs: Inputs):
    return write_report(inputs.directory, inputs.cohort, inputs.samples, inputs.models, inputs.experiments)


class Elements(HTMLParser):
    """All elements of a page with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.all = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))

    def named(self, tag):
        return [attributes for name, attributes in self.all if name == tag]


def test_all_files_of_the_page_are_in_the_report_and_none_is_remote(index_of):
    index = index_of(True)
    page = index.read_text()
    elements = Elements(page)
    images = [image["src"] for image in elements.named("img")]
    assert len(images) > 20
    for source in [*images, "metrics.json"]:
        assert (index.parent / unquote(source)).is_file(), source
    addresses = [attributes.get("src") or attributes.get("href", "") for _, attributes in elements.all]
    assert not [address for address in addresses if re.match(r"(https?:)?//", address or "")]
    assert "url(" not in page
    assert "@import" not in page
    assert elements.named("script") == []


def test_every_image_has_an_alternative_text_and_every_table_a_caption_and_headers(index_of):
    page = index_of(True).read_text()
    elements = Elements(page)
    assert all(image["alt"].strip() for image in elements.named("img"))
    assert page.count("<table") == page.count("<caption")
    assert all("scope" in header for header in elements.named("th"))


def test_ids_are_unique_and_every_link_within_the_page_has_a_target(index_of):
    page = index_of(True).read_text()
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {urldefrag(link).fragment for link in re.findall(r'href="(#[^"]+)"', page)} <= set(ids)


def test_html_in_a_name_is_escaped(index_of):
    page = index_of(True).read_text()
    elements = Elements(page)
    assert HOSTILE not in page
    assert not [attributes for _, attributes in elements.all if any(name.startswith("on") for name in attributes)]
    assert "alert(2)" in page  # from the settings, as text
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


def test_a_real_cohort_is_not_called_synthetic_and_its_limitations_are_stated(index_of):
    page = index_of(False).read_text().lower()
    assert "synthetic" not in page
    assert "one hospital" in page
    assert "not a medical device" in page
    assert "official test split of 624 radiographs" in page
    assert "test split here has <strong>160 radiographs" in page


def test_every_page_says_where_images_and_not_patients_were_split(content_of, index_of):
    content = content_of(False)
    unknown = replace(content.cohort, patients_known=False, patients_from="unknown")
    pages, _ = render_report(replace(content, cohort=unknown))
    html = [page for name, page in pages.items() if name.endswith(".html")]
    assert len(html) >= 3
    assert all("Images, not patients, were split" in page for page in html)
    assert "Images, not patients" not in index_of(False).read_text()


def test_metrics_json_has_the_scores_of_evaluate(inputs, index_of):
    given = inputs(synthetic=False)
    metrics = json.loads(index_of(False).with_name("metrics.json").read_text())
    assert metrics["synthetic"] is False
    assert metrics["reference_systems"] == reference_systems()
    for model, numbers in zip(given.models, metrics["models"], strict=True):
        rows, record = model.predictions["test"], model.record
        scores = evaluate(rows["y_true"], rows["y_score"], subtypes(rows["y_true"]), record.threshold)
        assert numbers["test"] == scores.model_dump(mode="json")
        assert numbers["gap"]["validation"]["auroc"] == pytest.approx(scores.auroc - record.validation.auroc)
        worst = worst_views(model.predictions["validation_shifted"])
        expected = evaluate(worst["y_true"], worst["y_score"], worst["subtype"], record.threshold)
        assert numbers["gap"]["worst_views"]["auroc"] == pytest.approx(scores.auroc - expected.auroc)
        assert numbers["statistics"]["worst_views"]["scores"]["auroc"]["value"] == pytest.approx(expected.auroc)
        assert numbers["champion"] is model.champion


def test_a_model_trained_on_subtypes_is_scored_on_viral_against_bacterial_pneumonia(content_of, index_of):
    assert "viral-or-bacterial" not in index_of(True).read_text()
    content = content_of(True)
    plain, model = (section.model for section in content.sections)
    test = model.predictions["test"]
    scored = test.assign(viral_score=np.random.default_rng(0).uniform(size=len(test)))
    trained_on_subtypes = replace(model, predictions={**model.predictions, "test": scored})
    section = model_section(trained_on_subtypes, content.sections[1].gallery, True)
    pages, _ = render_report(with_sections(content, content.sections[0], section))
    table = pages[INDEX].split('id="viral-or-bacterial"')[1].split("</table>")[0]
    pneumonia = scored[scored["y_true"] == 1]
    auroc = roc_auc_score(pneumonia["subtype"] == "viral", pneumonia["viral_score"])
    assert f"{auroc:.3f}" in table
    assert f"n = {(pneumonia['subtype'] == 'viral').sum()} and {(pneumonia['subtype'] == 'bacterial').sum()}" in table
    assert model.name in table
    assert plain.name not in table


def test_the_phases_of_a_training_are_tabulated_with_their_scores_on_validation(content_of, index_of):
    assert "Training phases of" not in index_of(True).read_text()
    plain, model = (section.model for section in content_of(True).sections)
    losses = ([0.5, 0.25], [0.9, 0.75])
    phases = tuple(
        Phase(
            name=name,
            learning_rate=1e-3,
            epochs=2,
            parameters=4321,
            seconds=75,
            history={"val_loss": values},
            validation=model.record.validation,
        )
        for name, values in zip(("head", "fine-tuning"), losses, strict=True)
    )
    pages, metrics = render_report(with_models(content_of(True), plain, with_record(model, phases=phases)))
    page = pages[INDEX]
    assert page.count("<h3>Training phases of") == 1
    head, tuned = re.findall(r'<tr><th scope="row">(?:head|fine-tuning)</th>.*', page)
    assert "<td>0.250</td>" in head
    assert "<td>0.750</td>" in tuned, "a second phase that is worse must be visible"
    assert "<td>4,321</td>" in head
    assert "<td>1 min 15 s</td>" in head
    assert [phase["name"] for phase in metrics["models"][1]["phases"]] == ["head", "fine-tuning"]


def test_phantoms_are_not_compared_with_reference_systems(index_of):
    index = index_of(True)
    assert json.loads(index.with_name("metrics.json").read_text())["reference_systems"] is None
    assert "BayesSearchCV" not in index.read_text()


def test_a_failed_run_leaves_the_previous_report(inputs, content_of):
    given = inputs()
    index = write_content(given.directory, content_of(True))
    before = {path: path.read_bytes() for path in given.directory.rglob("*") if path.is_file()}
    other = pd.DataFrame({"y_true": [0, 1], "y_score": [0.1, 0.9]})
    inconsistent = replace(given.models[1], predictions={**given.models[1].predictions, "test": other})
    with pytest.raises(UserError, match="do not give the scores"):
        write(given.but(models=(given.models[0], inconsistent)))
    assert {path: path.read_bytes() for path in given.directory.rglob("*") if path.is_file()} == before
    assert index in before


def test_figures_and_card_of_a_removed_model_are_deleted(inputs, content_of):
    given = inputs()
    write_content(given.directory, content_of(True))
    write(given.but(models=given.models[:1]))
    assert not list(given.directory.glob("figures/v2-*"))
    assert list(given.directory.glob("figures/v1-*"))
    assert [card.name for card in (given.directory / "cards").iterdir()] == ["baseline-v1.html"]


def test_a_directory_that_cannot_be_written_is_one_clear_line(inputs, content_of):
    given = inputs()
    (given.directory / "figures").write_text("a file in place of the folder")
    with pytest.raises(UserError, match=r"figures.*set another report\.directory"):
        write_content(given.directory, content_of(True))


def test_models_of_other_radiographs_and_no_models_are_refused(inputs):
    given = inputs()
    with pytest.raises(UserError, match="trained on other radiographs than phantom"):
        write(given.but(cohort=replace(given.cohort, fingerprint="00" * 32)))
    with pytest.raises(UserError, match="make train"):
        write(given.but(models=()))
