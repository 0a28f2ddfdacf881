"""Results that other commands saved: shown where they are of these radiographs and models, else named with their command."""

import json
import re
from dataclasses import replace

import pytest

from pneumo.audit.sentences import finding_sentence, leakage_sentences, linear_baseline_sentence
from pneumo.errors import UserError
from pneumo.radiographs.perturbation import PERTURBATIONS
from pneumo.report.inputs import Experiments
from pneumo.report.page import INDEX, render_report, write_report
from pneumo.report.saved_results import audit_section, robustness_section
from pneumo.results.robustness import Robustness
from tests.report.report_inputs import FINGERPRINT, HOSTILE, audited, robustness, with_galleries, with_models, with_test


def write(inputs):
    return write_report(inputs.directory, inputs.cohort, inputs.samples, inputs.models, Experiments())


def section(page, name):
    return page.split(f'<section id="{name}">')[1].split("</section>")[0]


def text_of(html, between=""):
    return " ".join(re.sub(r"<.*?>", between, html).split())


def metrics_of(index):
    return json.loads(index.with_name("metrics.json").read_text())


@pytest.mark.parametrize(
    ("file", "command"),
    [("audit.json", "audit"), ("robustness.json", "robustness"), ("gradcam/baseline-v1/mistakes.json", "gradcam")],
)
def test_a_damaged_file_is_one_clear_line(inputs, file, command):
    given = inputs()
    (given.directory / file).write_text('{"models": [')
    name = file.split("/")[-1].replace(".", r"\.")
    with pytest.raises(UserError, match=rf"{name} is not a readable result of `pneumo {command}`: .* run `pneumo {command}`"):
        write(given)


def test_the_page_has_the_sentences_of_the_audit(index_of):
    index, audit = index_of(False), audited(False)
    text = text_of(section(index.read_text(), "audit"))
    for sentence in (
        finding_sentence(audit.shortcuts[0]),
        finding_sentence(audit.suspects[0]),
        linear_baseline_sentence(audit.linear_baseline),
        *leakage_sentences(audit.leakage)[:2],
    ):
        assert sentence in text
    assert "0.930 (0.880 to 0.980)" in text
    assert metrics_of(index)["audit"] == audit.model_dump(mode="json")


def test_the_summary_names_the_shortcut(index_of):
    assert "found a shortcut: aspect ratio predicts the label" in text_of(section(index_of(False).read_text(), "summary"))


def test_html_in_a_name_of_the_audit_is_escaped(index_of):
    part = section(index_of(True).read_text(), "audit")
    assert HOSTILE not in part
    assert "&lt;img src=x" in part


def test_without_an_audit_the_page_names_the_command(content_of, tmp_path):
    content = replace(content_of(True), audit=audit_section(tmp_path, FINGERPRINT))
    pages, metrics = render_report(content)
    part = section(pages[INDEX], "audit")
    assert "have not been audited yet: run pneumo audit, then pneumo report" in text_of(part)
    assert 'id="leakage"' not in part
    assert "audit.png" not in [picture.name for picture in content.files()]
    assert metrics["audit"] is None


def test_an_audit_of_other_radiographs_is_not_shown(tmp_path):
    (tmp_path / "audit.json").write_text(audited(False).model_dump_json())
    assert audit_section(tmp_path, FINGERPRINT).result == audited(False)
    other = audit_section(tmp_path, "00" * 32)
    assert other.result is None
    assert "of other radiographs" in other.absent
    assert other.picture is None


def save_robustness(directory, *models):
    (directory / "robustness.json").write_text(Robustness(models=models).model_dump_json())


def robustness_covered(metrics):
    (item,) = (item for item in metrics["checklist"] if item["item"].startswith("Robustness"))
    return item["covered"]


def test_without_curves_there_is_no_section_and_the_checklist_says_not_yet(index_of):
    index = index_of(True)
    page, metrics = index.read_text(), metrics_of(index)
    assert 'id="robustness"' not in page
    assert "#robustness" not in page
    assert metrics["robustness"] == []
    assert robustness_covered(metrics) == "not yet"
    assert not index.with_name("figures").joinpath("robustness.png").exists()


def test_curves_are_drawn_tabulated_and_covered_and_missing_models_are_named(inputs):
    given = inputs()
    curves = robustness(2)
    save_robustness(given.directory, curves)
    index = write(given)
    metrics = metrics_of(index)
    assert metrics["robustness"] == [curves.model_dump(mode="json")]
    assert robustness_covered(metrics) == "yes"
    assert (given.directory / "figures/robustness.png").exists()
    part = section(index.read_text(), "robustness")
    text = text_of(part, between=" ")
    assert curves.summary in text
    assert "The test split is not used" in text
    assert "Synthetic phantom" in part.split("</h2>")[0]
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', part)
    assert len(rows) == len(PERTURBATIONS)
    assert f"{curves.curves[0].points[0].auroc.value:.3f}" in rows[0]
    assert "Not measured yet, or out of date: baseline v1. To measure, run pneumo robustness" in text


@pytest.mark.parametrize(
    "change", [{"model_sha256": "00" * 32}, {"data_fingerprint": "00" * 32}, {"definition": "another"}, {"version": 7}]
)
def test_curves_of_another_model_cohort_or_definition_are_not_shown(inputs, change):
    given = inputs()
    save_robustness(given.directory, robustness(1, **change), robustness(2))
    curves = robustness_section(given.directory, given.models, synthetic=True)
    assert [model.version for model in curves.models] == [2]
    assert curves.missing == ["baseline v1"]


def test_the_number_of_mistakes_and_empty_heatmaps_are_stated(inputs, index_of):
    page = index_of(True).read_text()
    point = inputs().models[0].record.test.locked
    assert f"2 of {point.false_positives} shown" in page
    assert page.count("<strong>Empty heatmap:</strong>") == 2


def test_a_model_without_mistakes_is_not_said_to_lack_heatmaps(inputs, content_of):
    given = inputs()
    model = given.models[0]
    perfect = with_test(model, model.predictions["test"].assign(y_score=model.predictions["test"]["y_true"] * 0.8 + 0.1))
    file = given.directory / "gradcam/baseline-v1/mistakes.json"
    file.write_text(json.dumps({"model_sha256": model.sha256, "mistakes": []}))
    content = with_galleries(with_models(content_of(True), perfect, given.models[1]), given.directory)
    page = render_report(content)[0][INDEX]
    assert "No false negatives" in page
    assert "No false positives" in page


def test_the_gallery_of_another_model_file_is_not_shown(inputs, content_of):
    given = inputs()
    others = tuple(replace(model, sha256="00" * 32) for model in given.models)
    page = render_report(with_galleries(with_models(content_of(True), *others), given.directory))[0][INDEX]
    assert page.count("are of another model file: run <code>pneumo gradcam</code>") == 2
    assert "gradcam/" not in page


def test_missing_and_incomplete_galleries_are_named_with_the_command(inputs, content_of):
    given = inputs()
    (given.directory / "gradcam/baseline-v1/mistakes.json").unlink()
    (given.directory / "gradcam/weighted $x^$-v2/false_positive-0-overlay.png").unlink()
    page = render_report(with_galleries(content_of(True), given.directory))[0][INDEX]
    assert "No heatmaps have been drawn for this model yet: run <code>pneumo gradcam</code>" in page
    assert "is incomplete: run <code>pneumo gradcam</code>" in page


def test_a_gallery_cannot_refer_to_files_outside_its_folder(inputs, content_of):
    given = inputs()
    (given.directory / "secret.png").write_bytes(b"")
    file = given.directory / "gradcam/baseline-v1/mistakes.json"
    file.write_text(file.read_text().replace("false_positive-0-overlay.png", "../../secret.png"))
    assert "secret.png" not in render_report(with_galleries(content_of(True), given.directory))[0][INDEX]
