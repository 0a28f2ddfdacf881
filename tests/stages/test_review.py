"""`pneumo review` on a phantom cohort: the package, its key, the page in a browser, and the agreement of completed forms."""

import csv
import io
import shutil

import numpy as np
import pandas as pd
import pytest
from selenium.webdriver.common.by import By

from pneumo.cli import main
from pneumo.cohort.index import index
from pneumo.config import Config
from pneumo.evaluation.scores import PARTS, evaluate
from pneumo.registry import Registry
from pneumo.results.review import ReviewKey
from tests.registry.tiny_models import tiny_model, tiny_record
from tests.report import test_browser
from tests.review.review_inputs import chunks, fill_in
from tests.stages.project import SMALL_PHANTOM, Project

pytestmark = pytest.mark.slow
browser = test_browser.browser

SETTINGS = (
    SMALL_PHANTOM.replace("patients: 60", "patients: 150")
    + """
review: {{directory: {root}/reports/review, contradictions: 6, side_px: 128}}
"""
)


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    """A project with two untrained models, registered with drawn predictions on the phantom cohort."""
    project = Project(tmp_path_factory.mktemp("project"), SETTINGS)
    project.call("prepare")
    cohort = index(None, Config(cohort={"cache_dir": project.root / "data", "phantom": {"patients": 150, "size_px": 96}}).cohort)
    test = cohort.table[cohort.table["split"] == "test"]
    y_true = (test["label"] == "PNEUMONIA").astype(int).to_numpy()
    for seed, recipe in enumerate(("baseline", "weighted")):
        score = 1 / (1 + np.exp(-np.random.default_rng(seed).normal(2.0 * y_true - 1, 1.5)))
        predictions = pd.DataFrame({"path": test["path"], "patient": test["patient"], "y_true": y_true, "y_score": score})
        scores = evaluate(y_true, score, test["subtype"], 0.4)
        record = tiny_record(recipe).model_copy(
            update={"data_fingerprint": cohort.fingerprint, "threshold": 0.4, "temperature": 1.3, "test": scores}
        )
        Registry(Config(registry={"directory": project.root / "models"}).registry).add(
            record, tiny_model(), dict.fromkeys(PARTS, predictions)
        )
    return project


@pytest.fixture
def project(registered):
    yield registered
    shutil.rmtree(registered.root / "reports", ignore_errors=True)


def key_of(project):
    (file,) = (project.root / "reports").glob("review-key-*.json")
    return ReviewKey.model_validate_json(file.read_bytes())


def error_line(project, capsys, *arguments):
    capsys.readouterr()
    assert main([*arguments, "--config", str(project.file)]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    return printed


def test_key_and_package_fit_and_no_access_to_test_is_added(project):
    log = project.root / "models" / "test-access.jsonl"
    before = log.read_bytes() if log.exists() else None
    printed = project.call("review")
    key, folder = key_of(project), project.root / "reports" / "review"
    assert f"Package {key.package} of baseline v1: 6 contradictions and as many controls" in printed
    assert len(list(folder.glob("*.png"))) == len(key.radiographs) == 12
    assert {row["package"] for row in csv.DictReader(io.StringIO((folder / "form.csv").read_text()))} == {key.package}
    assert (log.read_bytes() if log.exists() else None) == before
    table = Registry(Config(registry={"directory": project.root / "models"}).registry)
    scores = table.predictions(table.get("baseline"), "test").set_index("path")["y_score"]
    for radiograph in key.radiographs:
        assert (radiograph.decision == "PNEUMONIA") == (scores[radiograph.path] >= 0.4)
        assert (radiograph.group == "contradiction") == (radiograph.label != radiograph.decision)
        assert f"/{radiograph.label}/" in f"/{radiograph.path}"
    for file in folder.iterdir():
        assert all(radiograph.path.rpartition("/")[2].encode() not in file.read_bytes() for radiograph in key.radiographs)
        if file.suffix == ".png":
            assert set(chunks(file.read_bytes())) == {"IHDR", "IDAT", "IEND"}


def test_answers_are_scored_and_a_package_with_answers_stays(project, capsys):
    project.call("review", "baseline", "weighted")
    key, folder = key_of(project), project.root / "reports" / "review"
    assert [model.recipe for model in key.models] == ["baseline", "weighted"]
    expert = fill_in(folder, "expert", {one.number: one.label for one in key.radiographs})
    other = fill_in(folder, "[red]other", {one.number: one.decision for one in key.radiographs}, folder.with_name("other.csv"))
    printed = project.call("review", "--score", str(expert), str(other))
    assert "SYNTHETIC phantoms" in printed
    assert "[red]other," in printed
    assert "not of the cohort" in printed
    rows = list(csv.DictReader(io.StringIO((project.root / "reports" / f"review-agreement-{key.package}.csv").read_text())))
    own = [row for row in rows if (row["first"], row["second"]) == ("expert", "label")]
    assert [float(row["agreement"]) for row in own] == [1, 1]
    fill_in(folder, "expert", {1: "NORMAL"}, folder / "form.csv")
    assert "form.csv has answers" in error_line(project, capsys, "review")
    assert len(list(folder.glob("*.png"))) == len(key.radiographs)


def test_mistakes_of_the_user_are_one_line(project, capsys):
    project.call("review")
    key, folder = key_of(project), project.root / "reports" / "review"
    form = fill_in(folder, "ab", {1: "viral"})
    assert "ab.csv, row 2: unknown finding" in error_line(project, capsys, "review", "--score", str(form))
    assert "leave MODEL out" in error_line(project, capsys, "review", "baseline", "--score", str(form))
    assert "No model `none`" in error_line(project, capsys, "review", "none")
    elsewhere = str(project.root / "elsewhere")
    message = error_line(project, capsys, "review", "--score", str(form), "--review.directory", elsewhere)
    assert f"elsewhere-key-{key.package}.json: no such file" in message
    other = error_line(project, capsys, "review", "--cohort.phantom.seed", "5", "--review.directory", elsewhere)
    assert "baseline v1 was not trained and tested on" in other


def test_the_page_saves_answers_that_are_scored_and_works_from_the_keyboard(project, browser, tmp_path):
    project.call("review")
    key, folder = key_of(project), project.root / "reports" / "review"
    browser.execute_cdp_cmd("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    browser.get((folder / "form.html").as_uri())
    assert browser.execute_script("return [...document.images].map(i => i.loading = 'eager').length") == 12
    browser.find_element(By.ID, "reader").send_keys('=Dr. A, "B"')
    for radiograph in key.radiographs:
        choice = browser.find_element(By.CSS_SELECTOR, f"[name=finding-{radiograph.number:03}][value={radiograph.label}]")
        browser.execute_script("arguments[0].focus()", choice)
        choice.send_keys(" ")
    browser.find_element(By.ID, "comment-001").send_keys('-1, "quoted"\nsecond line')
    assert browser.find_element(By.ID, "status").text == "12 of 12 radiographs have a finding."
    button = browser.find_element(By.CSS_SELECTOR, "button")
    button.send_keys("\ue007")
    name = f"answers-{key.package}--Dr-A-B-.csv"
    saved = tmp_path / name
    for _ in range(100):
        if saved.exists() and saved.stat().st_size:
            break
        browser.execute_async_script("setTimeout(arguments[0], 100)")
    assert browser.get_log("browser") == []
    header = saved.read_text().splitlines()[0]
    assert header == (folder / "form.csv").read_text().splitlines()[0]
    rows = list(csv.DictReader(io.StringIO(saved.read_bytes().decode(), newline="")))
    assert rows[0]["comment"].replace("\r\n", "\n") == '\'-1, "quoted"\nsecond line'
    assert rows[0]["reader"] == '\'=Dr. A, "B"'
    printed = project.call("review", "--score", str(saved))
    assert "=Dr. A" in printed
    assert "100.0% (" in printed
    for width in (390, 1280):
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride", {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 500}
        )
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
