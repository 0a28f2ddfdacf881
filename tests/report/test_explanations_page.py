"""The page that compares methods: shown where they were measured on these very models."""

import json
import re
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

from pneumo.errors import UserError
from pneumo.evaluation.heatmap_metrics import MapMeasure
from pneumo.report.explanations_page import explanations_section, verdicts
from pneumo.report.page import write_report
from pneumo.results.explanations import BASELINE, FAITHFULNESS, TRUTH, Explanations, MethodScores, ModelExplanations, ShownCase
from tests.report.report_inputs import FINGERPRINT, HOSTILE, MODEL_SHA256


def share(mean, images=8, undefined=0):
    return MapMeasure(mean=mean, images=images, undefined=undefined)


def method(name, good, /, **changes):
    """Better than chance by every measure, or worse by every one."""
    values = {key: share(0.7 if (better == "higher") == good else 0.2) for key, better in (FAITHFULNESS | TRUTH).items()}
    worth = MethodScores(
        method=name,
        faithfulness={key: values[key] for key in FAITHFULNESS},
        empty=0,
        border=share(0.1),
        centre=share(0.2),
        truth={key: values[key] for key in TRUTH},
        logit_randomized=share(0.2),
        weights_randomized=share(0.1),
        milliseconds=12.5,
        arrived=None,
    )
    return worth.model_copy(update=changes)


CHANCE = method(BASELINE, True).model_copy(
    update={"faithfulness": dict.fromkeys(FAITHFULNESS, share(0.5)), "truth": dict.fromkeys(TRUTH, share(0.5))}
)


def measured(version, *methods, **changes):
    known = {
        "version": version, "recipe": {1: "baseline", 2: "weighted $x^$"}[version], "model_sha256": MODEL_SHA256,
        "data_fingerprint": FINGERPRINT, "created": datetime(2026, 1, 2, tzinfo=UTC), "settings": {}, "hardware": "a processor",
        "layer": "conv_3", "threshold": 0.4, "radiographs": 8, "mistakes": 3, "mistakes_in_all": 3, "lesions": 8, "randomised": 4,
        "methods": (CHANCE, *methods), "pictures": {"methods": "v1-methods.png", "layers": "v1-layers.png"},
        "cases": (ShownCase(path=f"test/{HOSTILE}", true_label="NORMAL", predicted_label="PNEUMONIA", probability=0.97),),
    }  # fmt: skip
    return ModelExplanations(**(known | changes))


def write(directory, *models):
    (directory / "heatmaps").mkdir(parents=True, exist_ok=True)
    for name in {name for model in models for name in model.pictures.values()}:
        Image.fromarray(np.zeros((20, 30), np.uint8)).save(directory / "heatmaps" / name)
    (directory / "heatmaps.json").write_text(Explanations(models=models).model_dump_json())


def report(given):
    return write_report(given.directory, given.cohort, given.samples, given.models)


def words(html):
    return " ".join(re.sub(r"<.*?>", " ", html).split())


def test_without_measures_there_is_no_page_and_the_report_says_what_to_run(index_of):
    page = index_of(True)
    assert not page.with_name("explanations.html").exists()
    assert "pneumo heatmaps" in page.read_text()
    assert "explanations.html" not in page.read_text()


def test_the_page_has_every_method_its_pictures_and_who_lacks_them(inputs):
    given = inputs(synthetic=True)
    write(given.directory, measured(1, method("grad-cam", True)))
    index = report(given)
    assert 'href="explanations.html"' in index.read_text()
    html = index.with_name("explanations.html").read_text()
    assert "synthetic" in html.split("</title>")[0].lower()
    assert "Not measured yet, or not as they are now: weighted $x^$ v2." in words(html)
    for file in re.findall(r'src="([^"]+)"', html):
        assert (given.directory / file).is_file()
    assert "<img src=x" not in html
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">grad-cam</th>(.*?)</tr>", html)
    assert "70.0%" in words(rows[1])
    assert "12.5" in words(rows[1])
    numbers = json.loads(index.with_name("metrics.json").read_text())
    assert numbers["explanations"][0]["methods"][1]["method"] == "grad-cam"


def test_a_method_no_better_than_chance_is_marked_and_named(inputs):
    given = inputs(synthetic=False)
    poor = measured(1, method("grad-cam", True), method("lots", False, truth={}), lesions=0)
    write(given.directory, poor)
    html = report(given).with_name("explanations.html").read_text()
    (row,) = (row for row in re.findall(r"<tr[^>]*><th scope=\"row\">lots</th>(.*?)</tr>", html) if "✗" in row)
    assert row.count("✗") == len(FAITHFULNESS)
    assert verdicts(poor) == [f"lots: worse than {BASELINE} by average drop, average increase, coherency, insertion and deletion."]
    assert "Against what is there" not in html


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"weights_randomized": share(0.8)}, "has forgotten everything"),
        ({"border": share(0.4)}, "40.0% of it lies at the radiograph's border"),
        ({"centre": share(0.45)}, "45.0% of it lies over spine and mediastinum"),
    ],
)
def test_warning_signs_are_said_in_plain_words(changes, warning):
    assert verdicts(measured(1, method("grad-cam", True))) == []
    (said,) = verdicts(measured(1, method("grad-cam", True, **changes)))
    assert warning in said


@pytest.mark.parametrize("change", [{"model_sha256": "other"}, {"data_fingerprint": "other"}, {"version": 2}])
def test_measures_of_another_model_or_cohort_are_not_shown(inputs, change):
    given = inputs()
    write(given.directory, measured(1, method("grad-cam", True)).model_copy(update=change))
    found = explanations_section(given.directory, given.models)
    assert "baseline v1" not in [model.name for model in found.found]
    assert "baseline v1" in found.missing


def test_measures_whose_pictures_are_gone_are_not_shown_and_an_old_page_goes(inputs):
    given = inputs()
    given = given.but(models=given.models[:1])
    write(given.directory, measured(1, method("grad-cam", True)))
    page = report(given).with_name("explanations.html")
    assert page.exists()
    (given.directory / "heatmaps" / "v1-layers.png").unlink()
    report(given)
    assert not page.exists()


def test_a_broken_file_is_one_clear_line(inputs):
    given = inputs()
    (given.directory / "heatmaps.json").write_text("[]")
    with pytest.raises(UserError, match=r"heatmaps.json holds no measures of heatmaps .* run `pneumo heatmaps`"):
        explanations_section(given.directory, given.models)
