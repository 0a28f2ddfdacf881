"""Model selection, and the summary at the top of the page."""

import json
import re

import pytest

from pneumo.evaluation.bootstrap import Estimate
from pneumo.report.scores import model_statistics
from pneumo.report.selected_model import SelectedModel, complement, select_model
from tests.report.report_inputs import with_record, with_test


def select(models):
    return select_model(models, [model_statistics(model) for model in models])


def test_the_test_split_does_not_influence_the_selection(inputs):
    first, second = inputs().models
    assert first.record.worst_views.auroc < second.record.worst_views.auroc
    swapped = (with_test(first, second.predictions["test"]), with_test(second, first.predictions["test"]))
    selected = select(swapped)
    assert select((first, second)).model is second
    assert selected.model.version == second.version
    assert selected.runner_up.version == first.version


@pytest.mark.parametrize(
    ("augmentation", "like_the_shift"),
    [(None, False), ({"rotation_degrees": 10, "aspect_log_range": 0}, False), ({"aspect_log_range": 0.3}, True)],
)
def test_augmentation_like_the_acquisition_shift_is_recognized(inputs, augmentation, like_the_shift):
    model = inputs().models[0]
    settings = {} if augmentation is None else {"augmentation": augmentation}
    selected = SelectedModel([0], with_record(model, settings=settings), None, Estimate(value=None), None, None)
    assert selected.trained_under_shift is like_the_shift


def test_the_summary_gives_the_performance_of_the_selected_model(index_of):
    for synthetic, noun in ((True, "phantoms"), (False, "radiographs")):
        index = index_of(synthetic)
        selected = json.loads(index.with_name("metrics.json").read_text())["selected_model"]
        section = index.read_text().split('<section id="summary">')[1].split("</section>")[0]
        text = " ".join(re.sub(r"<.*?>", "", section).split())
        sensitivity = selected["test"]["locked.sensitivity"]["value"]
        assert f"Of 100 {noun} with pneumonia, it detects {100 * sensitivity:.0f} (" in text
        assert selected["model"] in text
        assert "so the rule favours it" not in text
        assert ("reference" in selected["remarks"]) is not synthetic
        assert (index.parent / "figures/reference.png").exists() is not synthetic


def test_the_false_positive_rate_is_one_minus_specificity():
    assert complement(Estimate(value=0.9, low=0.85, high=0.94)).model_dump() == pytest.approx(
        {"value": 0.1, "low": 0.06, "high": 0.15}
    )
    assert complement(Estimate(value=None)).value is None


def test_a_single_model_has_no_runner_up(inputs):
    selected = select(inputs().models[:1])
    assert selected.runner_up is selected.runner_up_auroc is None
    assert selected.metrics()["runner_up"] is None
