"""Cross-validations and ablations on the page."""

import json
import re
from dataclasses import replace

import pytest

from pneumo.errors import UserError
from pneumo.report.inputs import Experiments
from pneumo.report.page import INDEX, render_report, write_report


def rows_of(page, section, number=0):
    """Text of the cells of one table of a section."""
    part = page.split(f'<section id="{section}">')[1].split("</section>")[0]
    table = part.split("<table")[1 + number].split("</table>")[0]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in table.split("<tr")[1:]]
    return [[re.sub(r"<.*?>", "", cell) for cell in row] for row in cells]


def test_a_cross_validation_is_shown_with_every_fold_mean_and_sd(inputs, index_of):
    index = index_of(True)
    result = inputs().experiments.cross_validations[0]
    head, *folds, mean, sd, pooled = rows_of(index.read_text(), "crossval")
    column = head.index("AUROC")
    assert [row[column] for row in folds] == [f"{fold.scores.auroc:.3f}" for fold in result.folds]
    assert [mean[0], mean[column]] == ["Mean", f"{result.spread['auroc'].mean:.3f}"]
    assert [sd[0], sd[column]] == ["SD", f"{result.spread['auroc'].sd:.3f}"]
    assert [pooled[0], pooled[head.index("Scored on")], pooled[column]] == ["Pooled", "60", f"{result.pooled.auroc:.3f}"]
    assert "does not predict the score on test" in index.read_text()
    metrics = json.loads(index.with_name("metrics.json").read_text())
    assert [validation["name"] for validation in metrics["cross_validations"]] == ["baseline", "weighted $x^$ <b>"]
    assert metrics["cross_validations"][0] == result.model_dump(mode="json")


def test_an_ablation_of_networks_is_shown_with_every_variant(inputs, index_of):
    index = index_of(True)
    results = inputs().experiments.ablations
    head, *rows = rows_of(index.read_text(), "ablation")
    assert [(row[0], row[1]) for row in rows] == [(variant.description, variant.label) for variant in results[0].variants]
    assert len(rows) == 6
    assert {row[head.index("Accuracy")] for row in rows} == {f"{results[0].variants[0].scores.accuracy:.3f}"}
    assert rows[0][head.index("Epoch")] == "2 of 4"
    metrics = json.loads(index.with_name("metrics.json").read_text())
    assert metrics["ablations"] == [result.model_dump(mode="json") for result in results]


def test_a_leave_one_out_ablation_is_shown_with_every_component(inputs, index_of):
    page = index_of(True).read_text()
    result = inputs().experiments.ablations[1]
    head, *rows = rows_of(page, "ablation", number=1)
    assert [row[0] for row in rows] == [variant.description.replace("<b>", "&lt;b&gt;") for variant in result.variants]
    assert {row[head.index("AUROC, shifted validation")] for row in rows} == {f"{result.variants[0].validation_shifted.auroc:.3f}"}
    assert {row[head.index("Sensitivity, test")] for row in rows} == {f"{result.variants[0].test.locked.sensitivity:.3f}"}


def test_without_experiments_the_page_has_no_sections_for_them(content_of):
    pages, _ = render_report(replace(content_of(True), experiments=Experiments()))
    page = pages[INDEX]
    assert 'id="crossval"' not in page
    assert "#ablation" not in page
    assert "leave-one-out" not in page


def test_an_experiment_on_other_radiographs_is_refused(inputs):
    given = inputs()
    other = given.experiments.ablations[0].model_copy(update={"data_fingerprint": "00" * 32})
    with pytest.raises(UserError, match=f"ablation of {other.name} was trained on other radiographs than phantom"):
        write_report(given.directory, given.cohort, given.samples, given.models, Experiments(ablations=(other,)))
