"""The page as a reader, a browser and a hostile file name meet it."""

import json
import re
import tempfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from report_inputs import HOSTILE, subtypes
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from pneumo.errors import UserError
from pneumo.evaluation.scores import evaluate
from pneumo.report.inputs import Experiments, PhaseFacts
from pneumo.report.numbers import flow, patients_in_several_parts, reference_systems
from pneumo.report.page import write_report


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


def test_metrics_json_has_the_scores_that_evaluate_gives(inputs):
    given = inputs(synthetic=False)
    numbers = json.loads(written(given).with_name("metrics.json").read_text())
    assert numbers["synthetic"] is False
    assert numbers["reference_systems"] == reference_systems()
    for model, told in zip(given.models, numbers["models"], strict=True):
        rows = model.predictions_test
        scores = evaluate(rows["y_true"], rows["y_score"], subtypes(rows["y_true"]), model.facts.threshold)
        assert told["test"] == scores.model_dump(mode="json")
        assert told["gap"]["validation"]["auroc"] == pytest.approx(scores.auroc - model.facts.validation.auroc)
        assert told["gap"]["acquisition"]["auroc"] == pytest.approx(scores.auroc - model.facts.acquisition.auroc)
        assert told["champion"] is model.champion


def test_the_phases_of_a_training_are_tabulated_with_what_each_came_to_on_validation(inputs):
    given = inputs()
    assert "Phases of" not in written(given).read_text()
    plain, model = given.models
    facts = model.facts
    losses = ([0.5, 0.25], [0.9, 0.75])
    phases = tuple(
        PhaseFacts(
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


def rows_of(page, section, table=0):
    """The words of every row of a section's table."""
    part = page.split(f'<section id="{section}">')[1].split("</section>")[0]
    table = part.split("<table")[1 + table].split("</table>")[0]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in table.split("<tr")[1:]]
    return [[re.sub(r"<.*?>", "", cell) for cell in row] for row in cells]


def test_a_cross_validation_is_shown_with_every_fold_mean_and_sd(inputs):
    given = inputs()
    index = written(given)
    result = given.experiments.cross_validations[0]
    head, *folds, mean, sd, pooled = rows_of(index.read_text(), "crossval")
    place = head.index("AUROC")
    assert [row[place] for row in folds] == [f"{fold.scores.auroc:.3f}" for fold in result.folds]
    assert [mean[0], mean[place]] == ["Mean", f"{result.spread['auroc'].mean:.3f}"]
    assert [sd[0], sd[place]] == ["SD", f"{result.spread['auroc'].sd:.3f}"]
    assert [pooled[0], pooled[head.index("Scored")], pooled[place]] == ["Pooled", "60", f"{result.pooled.auroc:.3f}"]
    assert "no promise for test" in index.read_text()
    numbers = json.loads(index.with_name("metrics.json").read_text())
    assert [each["name"] for each in numbers["cross_validations"]] == ["baseline", "weighted $x^$ <b>"]
    assert numbers["cross_validations"][0] == result.model_dump(mode="json")


def test_an_ablation_is_shown_with_every_variant(inputs):
    given = inputs()
    index = written(given)
    result = given.experiments.ablations[0]
    head, *rows = rows_of(index.read_text(), "ablation")
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("4", "none", "no"), ("4", "none", "yes"), ("4", "0.25, 0.3", "no"), ("4", "0.25, 0.3", "yes"),
        ("4, 8", "0.25, 0.3", "no"), ("4, 8", "0.25, 0.3", "yes"),
    ]  # fmt: skip
    assert {row[head.index("Accuracy")] for row in rows} == {f"{result.variants[0].scores.accuracy:.3f}"}
    assert rows[0][head.index("Epoch")] == "2 of 4"
    assert json.loads(index.with_name("metrics.json").read_text())["ablations"] == [result.model_dump(mode="json")]


def test_the_recipe_is_shown_without_each_ingredient(inputs):
    given = inputs()
    index = written(given)
    result = given.experiments.ingredients[0]
    head, *rows = rows_of(index.read_text(), "ingredients")
    assert [row[0] for row in rows] == ["nothing", "zoom &lt;b&gt;"]
    assert {row[head.index("AUROC, acquisition randomised")] for row in rows} == {f"{result.variants[0].acquisition.auroc:.3f}"}
    assert json.loads(index.with_name("metrics.json").read_text())["ingredients"] == [result.model_dump(mode="json")]


def test_without_experiments_the_page_has_no_sections_for_them(inputs):
    page = written(inputs().but(experiments=Experiments())).read_text()
    assert 'id="crossval"' not in page
    assert "#ablation" not in page
    assert "#ingredients" not in page


def test_an_experiment_on_other_radiographs_is_refused(inputs):
    given = inputs()
    other = given.experiments.ablations[0].model_copy(update={"data_fingerprint": "00" * 32})
    with pytest.raises(UserError, match="ablation of networks and augmentation was trained on other radiographs than phantom"):
        written(given.but(experiments=Experiments(ablations=[other])))


def test_galleries_say_what_they_lack(inputs):
    given = inputs()
    page = written(given).read_text()
    point = given.models[0].facts.test.locked
    assert f"2 of {point.false_positives} shown" in page
    assert page.count("<strong>Empty heatmap:</strong>") == 2


def test_no_mistakes_are_told_from_missing_heatmaps(inputs):
    given = inputs()
    model = given.models[0]
    flawless = model.predictions_test.assign(y_score=model.predictions_test["y_true"] * 0.8 + 0.1)
    scores = evaluate(flawless["y_true"], flawless["y_score"], subtypes(flawless["y_true"]), 0.31)
    model = replace(model, facts=model.facts.model_copy(update={"test": scores}), predictions_test=flawless)
    (given.directory / "gradcam/baseline-v1/cases.json").write_text(json.dumps({"model_sha256": model.sha256, "cases": []}))
    page = written(given.but(models=(model,))).read_text()
    assert "No false negatives" in page
    assert "No false positives" in page


def test_a_gallery_that_is_not_this_models_is_not_shown(inputs):
    given = inputs()
    stale = tuple(replace(model, sha256="00" * 32) for model in given.models)
    page = written(given.but(models=stale)).read_text()
    assert page.count("made from another model file") == 2
    assert "gradcam/" not in page


def test_a_missing_and_an_incomplete_gallery_say_what_to_run(inputs):
    given = inputs()
    (given.directory / "gradcam/baseline-v1/cases.json").unlink()
    (given.directory / "gradcam/weighted $x^$-v2/false_positive-0-overlay.png").unlink()
    page = written(given).read_text()
    assert "No heatmaps have been made" in page
    assert "is incomplete" in page


def test_a_gallery_cannot_point_out_of_its_folder(inputs):
    given = inputs()
    (given.directory / "secret.png").write_bytes(b"")
    cases = given.directory / "gradcam/baseline-v1/cases.json"
    cases.write_text(cases.read_text().replace("false_positive-0-overlay.png", "../../secret.png"))
    assert "secret.png" not in written(given).read_text()


def test_a_broken_gallery_is_one_clear_line(inputs):
    given = inputs()
    (given.directory / "gradcam/baseline-v1/cases.json").write_text('{"cases": [')
    with pytest.raises(UserError, match=r"cases\.json is not a heatmap gallery .* run `pneumo gradcam`"):
        written(given)


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


@pytest.fixture
def browser():
    """Headless Chromium as Debian packages it; without it this test fails, because a page nobody has opened is not tested."""
    for program in (Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")):
        assert program.exists(), f"{program} is missing: install Debian's packages chromium and chromium-driver"
    with tempfile.TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in (
            "headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking",
            "disable-component-update", "disable-sync", f"user-data-dir={profile}",
        ):  # fmt: skip
            options.add_argument(f"--{flag}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
        yield driver
        driver.quit()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("synthetic", [True, False])
def test_in_a_browser_everything_loads_and_fits(index_of, browser, width, synthetic):
    index = index_of(synthetic)
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
    )
    browser.get(index.as_uri())
    images = browser.execute_script("return [...document.images].map(image => [image.src, image.naturalWidth])")
    assert len(images) > 20
    assert [source for source, natural_width in images if not natural_width] == []
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    cut_off = "[...document.querySelectorAll('p, figure, caption, dl')].filter(e => e.getBoundingClientRect().right > innerWidth)"
    assert browser.execute_script(f"return {cut_off}.map(element => element.outerHTML)") == []
    browser.get((index.parent / "cards" / "baseline-v1.html").as_uri())
    assert browser.execute_script("return [...document.images].every(image => image.naturalWidth)")
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script(f"return {cut_off}.map(element => element.outerHTML)") == []
