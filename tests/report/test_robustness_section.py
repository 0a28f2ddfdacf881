"""The robustness curves on the page: shown where they are of these very models."""

import json
import re
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from pneumo.errors import UserError
from pneumo.radiographs.perturbation import PERTURBATIONS, definition
from pneumo.report.page import write_report
from pneumo.report.robustness_section import robustness_figure, robustness_section
from pneumo.results.robustness import Curve, ModelRobustness, Robustness, score, sentence
from tests.report.report_inputs import FINGERPRINT, MODEL_SHA256

NAMES = {1: "baseline", 2: "weighted $x^$"}


def measured(version, /, **changes):
    y_true = np.repeat([0, 1], 30)
    radiographs = pd.DataFrame({"patient": np.arange(60).astype(str), "y_true": y_true})
    rng = np.random.default_rng(version)
    y_score = 1 / (1 + np.exp(-rng.normal(np.where(y_true, 1.5, -1.5), 1)))
    known = {
        "version": version, "recipe": NAMES[version], "model_sha256": MODEL_SHA256, "data_fingerprint": FINGERPRINT,
        "definition": definition(), "radiographs_at_most": 60, "created": datetime(2026, 1, 2, tzinfo=UTC), "threshold": 0.5,
        "images": 60, "patients": 60, "frame_px": 224,
    }  # fmt: skip
    curves = tuple(
        Curve(
            perturbation=name,
            title=each.title,
            unit=each.unit,
            written=each.written,
            neutral=each.neutral,
            points=tuple(
                score(radiographs, y_score if severity == each.neutral else y_score[::-1] * 0.4 + y_score * 0.6, 0.5, severity)
                for severity in each.severities
            ),
        )
        for name, each in PERTURBATIONS.items()
    )
    return ModelRobustness(**known, curves=curves).model_copy(update=changes)


def write(directory, *models):
    (directory / "robustness.json").write_text(Robustness(models=models).model_dump_json())


def item(numbers):
    (found,) = (each for each in numbers["checklist"] if each["item"].startswith("Robustness"))
    return found["held"]


def words(html):
    return " ".join(re.sub(r"<.*?>", " ", html).split())


def test_without_curves_the_page_shows_nothing_and_the_checklist_says_not_yet(index_of):
    index = index_of(True)
    page = index.read_text()
    numbers = json.loads(index.with_name("metrics.json").read_text())
    assert 'id="robustness"' not in page
    assert "#robustness" not in page
    assert numbers["robustness"] == []
    assert item(numbers) == "not yet"
    assert not index.with_name("figures").joinpath("robustness.png").exists()


def test_the_curves_are_shown_tabulated_and_ticked_and_who_lacks_them_is_named(inputs):
    given = inputs()
    found = measured(2)
    write(given.directory, found)
    index = write_report(given.directory, given.cohort, given.samples, given.models)
    page, numbers = index.read_text(), json.loads(index.with_name("metrics.json").read_text())
    assert numbers["robustness"] == [found.model_dump(mode="json")]
    assert item(numbers) == "yes"
    assert (given.directory / "figures/robustness.png").exists()
    section = page.split('<section id="robustness">')[1].split("</section>")[0]
    assert sentence(found) in words(section)
    assert "Test stays closed" in words(section)
    assert "Synthetic phantom" in section.split("</h2>")[0]
    rows = re.findall(r'<tr><th scope="row">.*?</tr>', section)
    assert len(rows) == len(PERTURBATIONS)
    assert f"{found.curves[0].points[0].auroc.value:.3f}" in rows[0]
    assert "Not measured yet, or not as they are now: baseline v1. To mend that, run pneumo robustness" in words(section)


@pytest.mark.parametrize(
    "change", [{"model_sha256": "00" * 32}, {"data_fingerprint": "00" * 32}, {"definition": "of old"}, {"version": 7}]
)
def test_curves_of_another_model_cohort_or_definition_are_not_shown(inputs, change):
    given = inputs()
    write(given.directory, measured(1, **change), measured(2))
    section = robustness_section(given.directory, given.models, synthetic=True)
    assert [model.version for model in section.found] == [2]
    assert section.missing == ["baseline v1"]


def test_a_broken_file_is_one_clear_line(inputs):
    given = inputs()
    (given.directory / "robustness.json").write_text('{"models": [')
    with pytest.raises(UserError, match=r"robustness\.json holds no robustness curves .* run `pneumo robustness`"):
        robustness_section(given.directory, given.models, synthetic=True)


def test_the_figure_says_its_numbers_and_is_stamped_for_phantoms():
    model = measured(1)
    picture = robustness_figure([model], [0], synthetic=False)
    assert sentence(model) in picture.alt
    assert "grey column" in picture.caption
    assert robustness_figure([model], [0], synthetic=True).png != picture.png
