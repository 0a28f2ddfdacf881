"""The sections of results that are no models."""

import json
import re

import pytest

from pneumo.errors import UserError
from pneumo.report.inputs import Experiments
from pneumo.report.page import write_report


def rows_of(page, section, table=0):
    """The words of every row of a section's table."""
    part = page.split(f'<section id="{section}">')[1].split("</section>")[0]
    table = part.split("<table")[1 + table].split("</table>")[0]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in table.split("<tr")[1:]]
    return [[re.sub(r"<.*?>", "", cell) for cell in row] for row in cells]


def test_a_cross_validation_is_shown_with_every_fold_mean_and_sd(inputs, index_of):
    index = index_of(True)
    result = inputs().experiments.cross_validations[0]
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


def test_an_ablation_is_shown_with_every_variant(inputs, index_of):
    index = index_of(True)
    result = inputs().experiments.ablations[0]
    head, *rows = rows_of(index.read_text(), "ablation")
    assert [(row[0], row[1], row[2]) for row in rows] == [
        ("4", "none", "no"), ("4", "none", "yes"), ("4", "0.25, 0.3", "no"), ("4", "0.25, 0.3", "yes"),
        ("4, 8", "0.25, 0.3", "no"), ("4, 8", "0.25, 0.3", "yes"),
    ]  # fmt: skip
    assert {row[head.index("Accuracy")] for row in rows} == {f"{result.variants[0].scores.accuracy:.3f}"}
    assert rows[0][head.index("Epoch")] == "2 of 4"
    assert json.loads(index.with_name("metrics.json").read_text())["ablations"] == [result.model_dump(mode="json")]


def test_the_recipe_is_shown_without_each_ingredient(inputs, index_of):
    index = index_of(True)
    result = inputs().experiments.ingredients[0]
    head, *rows = rows_of(index.read_text(), "ingredients")
    assert [row[0] for row in rows] == ["nothing", "zoom &lt;b&gt;"]
    assert {row[head.index("AUROC, shifted validation")] for row in rows} == {f"{result.variants[0].validation_shifted.auroc:.3f}"}
    assert json.loads(index.with_name("metrics.json").read_text())["ingredients"] == [result.model_dump(mode="json")]


def test_without_experiments_the_page_has_no_sections_for_them(inputs):
    given = inputs()
    page = write_report(given.directory, given.cohort, given.samples, given.models).read_text()
    assert 'id="crossval"' not in page
    assert "#ablation" not in page
    assert "#ingredients" not in page


def test_an_experiment_on_other_radiographs_is_refused(inputs):
    given = inputs()
    other = given.experiments.ablations[0].model_copy(update={"data_fingerprint": "00" * 32})
    with pytest.raises(UserError, match="ablation of networks and augmentation was trained on other radiographs than phantom"):
        write_report(given.directory, given.cohort, given.samples, given.models, Experiments(ablations=(other,)))
