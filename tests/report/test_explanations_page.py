"""The page that compares explanation methods, where they were measured on these very models."""

import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pneumo.errors import UserError
from pneumo.evaluation.heatmap_metrics import MapMetric
from pneumo.report.explanations_page import EXPLANATIONS, explanations_section, warnings_of
from pneumo.report.page import INDEX, render_report
from pneumo.results.explanations import (
    BASELINE,
    FAITHFULNESS,
    LOCALIZATION,
    Explanations,
    MethodScores,
    ModelExplanations,
    ShownMistake,
)
from pneumo.results.stability import ComparedNetwork, HeatmapStability, MethodStability
from tests.report.report_inputs import FINGERPRINT, HOSTILE, MODEL_SHA256, write_content
from tests.tiny_experiments import provenance_fields


def metric(mean, images=8, undefined=0):
    return MapMetric(mean=mean, images=images, undefined=undefined)


def method(name, good, /, **changes):
    """A method that is better than the baseline by every metric, or worse by every one."""
    means = {key: metric(0.7 if (better == "higher") == good else 0.2) for key, better in (FAITHFULNESS | LOCALIZATION).items()}
    scores = MethodScores(
        method=name,
        faithfulness={key: means[key] for key in FAITHFULNESS},
        empty=0,
        border=metric(0.1),
        centre=metric(0.2),
        localization={key: means[key] for key in LOCALIZATION},
        logit_randomized=metric(0.2),
        weights_randomized=metric(0.1),
        milliseconds=12.5,
        converged=None,
    )
    return scores.model_copy(update=changes)


RANDOM = method(BASELINE, True).model_copy(
    update={"faithfulness": dict.fromkeys(FAITHFULNESS, metric(0.5)), "localization": dict.fromkeys(LOCALIZATION, metric(0.5))}
)


def measured(version, *methods, **changes):
    return ModelExplanations(
        **provenance_fields(FINGERPRINT),
        version=version,
        recipe={1: "baseline", 2: "weighted $x^$"}[version],
        model_sha256=MODEL_SHA256,
        settings={},
        layer="conv_3",
        threshold=0.4,
        radiographs=8,
        mistakes=3,
        mistakes_in_test=3,
        lesions=8,
        randomized_radiographs=4,
        methods=(RANDOM, *methods),
        shown=(ShownMistake(path=f"test/{HOSTILE}", true_label="NORMAL", predicted_label="PNEUMONIA", probability=0.97),),
        pictures={"methods": "v1-methods.png", "layers": "v1-layers.png"},
    ).model_copy(update=changes)


def write(directory, *models):
    (directory / "heatmaps").mkdir(parents=True, exist_ok=True)
    for name in {name for model in models for name in model.pictures.values()}:
        Image.fromarray(np.zeros((20, 30), np.uint8)).save(directory / "heatmaps" / name)
    (directory / "heatmaps.json").write_text(Explanations(models=models).model_dump_json())


def with_explanations(content, directory):
    """The content with the measurements that are saved in this folder."""
    return replace(content, explanations=explanations_section(directory, [section.model for section in content.sections]))


def text_of(html):
    return " ".join(re.sub(r"<.*?>", " ", html).split())


def test_without_measurements_there_is_no_page_and_the_report_names_the_command(index_of):
    page = index_of(True)
    assert not page.with_name("explanations.html").exists()
    assert "pneumo heatmaps" in page.read_text()
    assert "explanations.html" not in page.read_text()


def test_the_agreement_of_networks_is_shown_only_for_these_radiographs(inputs, content_of):
    given = inputs()
    write(given.directory, measured(1, method("grad-cam", True)))
    networks = tuple(ComparedNetwork(name=f"{name} v1", model_sha256="a5", seed_group=name) for name in ("baseline", "robust"))
    scores = MethodStability(method="grad-cam", seeds=MapMetric(mean=None, images=0, undefined=0), recipes=metric(0.4321))
    for fingerprint, shown in ((FINGERPRINT, True), ("0" * 64, False)):
        saved = HeatmapStability(**provenance_fields(fingerprint), settings={}, networks=networks, radiographs=8, methods=(scores,))
        (given.directory / "heatmap-stability.json").write_text(saved.model_dump_json())
        pages, _ = render_report(with_explanations(content_of(True), given.directory))
        html = pages[EXPLANATIONS]
        assert ('id="stability"' in html) is shown
        if shown:
            table = text_of(html.split('id="stability"')[1].split("</table>")[0])
            assert "no such pair +0.43" in table


def test_the_page_has_every_method_its_pictures_and_the_missing_models(inputs, content_of):
    given = inputs(synthetic=True)
    write(given.directory, measured(1, method("grad-cam", True)))
    pages, metrics = render_report(with_explanations(content_of(True), given.directory))
    assert 'href="explanations.html"' in pages[INDEX]
    assert "Checks of grad-cam on this model: no warning sign." in pages[INDEX]
    html = pages[EXPLANATIONS]
    assert "synthetic" in html.split("</title>")[0].lower()
    assert "Not measured yet, or out of date: weighted $x^$ v2." in text_of(html)
    for file in re.findall(r'src="([^"]+)"', html):
        assert (given.directory / file).is_file()
    assert "<img src=x" not in html
    rows = re.findall(r"<tr[^>]*><th scope=\"row\">grad-cam</th>(.*?)</tr>", html)
    assert "70.0%" in text_of(rows[1])
    assert "12.5" in text_of(rows[1])
    assert metrics["explanations"][0]["methods"][1]["method"] == "grad-cam"


def test_a_method_that_is_not_better_than_the_baseline_is_marked_and_named(inputs, content_of):
    given = inputs(synthetic=False)
    model = measured(1, method("grad-cam", True), method("lots", False, localization={}), lesions=0)
    write(given.directory, model)
    html = render_report(with_explanations(content_of(False), given.directory))[0][EXPLANATIONS]
    (row,) = (row for row in re.findall(r"<tr[^>]*><th scope=\"row\">lots</th>(.*?)</tr>", html) if "✗" in row)
    assert row.count("✗") == len(FAITHFULNESS)
    assert warnings_of(model) == [
        f"lots: worse than {BASELINE} by average drop, average increase, coherency, insertion and deletion."
    ]
    assert "Localization of the known lesion" not in html


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"weights_randomized": metric(0.8)}, "change little when all weights are randomized"),
        ({"border": metric(0.4)}, "40.0% of its maps lies at the border of the radiograph"),
        ({"centre": metric(0.45)}, "45.0% of its maps lies over spine and mediastinum"),
    ],
)
def test_warning_signs_are_stated(changes, warning):
    assert warnings_of(measured(1, method("grad-cam", True))) == []
    (sentence,) = warnings_of(measured(1, method("grad-cam", True, **changes)))
    assert warning in sentence


@pytest.mark.parametrize("change", [{"model_sha256": "other"}, {"data_fingerprint": "other"}, {"version": 2}])
def test_measurements_of_another_model_or_cohort_are_not_shown(inputs, change):
    given = inputs()
    write(given.directory, measured(1, method("grad-cam", True)).model_copy(update=change))
    section = explanations_section(given.directory, given.models)
    assert "baseline v1" not in [model.name for model in section.models]
    assert "baseline v1" in section.missing


def test_measurements_without_their_pictures_are_not_shown_and_the_old_page_is_deleted(inputs, content_of):
    given = inputs()
    write(given.directory, measured(1, method("grad-cam", True)))
    page = write_content(given.directory, with_explanations(content_of(True), given.directory)).with_name(EXPLANATIONS)
    assert page.exists()
    (given.directory / "heatmaps" / "v1-layers.png").unlink()
    write_content(given.directory, with_explanations(content_of(True), given.directory))
    assert not page.exists()


def test_a_damaged_file_is_one_clear_line(inputs):
    given = inputs()
    (given.directory / "heatmaps.json").write_text("[]")
    with pytest.raises(UserError, match=r"heatmaps\.json is not a readable result of `pneumo heatmaps`: .* run `pneumo heatmaps`"):
        explanations_section(given.directory, given.models)
