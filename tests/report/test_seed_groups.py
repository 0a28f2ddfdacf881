"""Models that differ only in their seed: their spread, and the ensemble that represents them."""

import html
import json

import numpy as np
import pytest

from pneumo.evaluation.scores import PARTS
from pneumo.report.inputs import Experiments
from pneumo.report.page import write_report
from pneumo.report.scores import SEED_SCORES, value
from pneumo.report.seed_groups import find_seed_groups, without_members
from pneumo.results.formatting import mean_sd
from tests.report.report_inputs import make_inputs, seeds_and_ensemble, with_record


@pytest.fixture(scope="module")
def models():
    return seeds_and_ensemble(3)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The page and the metrics of six models."""
    given = make_inputs(tmp_path_factory.mktemp("report"), synthetic=False)
    index = write_report(given.directory, given.cohort, given.samples, given.models + seeds_and_ensemble(3), Experiments())
    return index, json.loads(index.with_name("metrics.json").read_text())


def test_mean_and_sd_are_those_of_numpy(models):
    (group,) = find_seed_groups(models)
    for part in PARTS:
        for path in SEED_SCORES:
            values = [value(model.evaluation(part), path) for model in models[:3]]
            assert group.spread[part][path].mean == pytest.approx(np.mean(values))
            assert group.spread[part][path].sd == pytest.approx(np.std(values, ddof=1))
    assert group.ensemble is models[3]


def test_the_ensemble_stands_for_its_members_and_without_one_they_are_shown(models):
    other = with_record(models[0], seed_group=None)
    assert without_members(models, find_seed_groups(models)) == [models[3]]
    assert without_members(models[:3], find_seed_groups(models[:3])) == list(models[:3])
    assert find_seed_groups([other, *models[1:2]]) == []


def test_models_with_other_settings_are_another_group(models):
    longer = [with_record(model, settings={"fit": {"epochs": 9, "seed": model.record.seed}}) for model in models[1:3]]
    assert [len(group.models) for group in find_seed_groups([models[0], *longer])] == [2]


def test_an_ensemble_of_other_models_is_not_that_of_the_group(models):
    other = with_record(models[3], members=(1, 2, 9))
    assert find_seed_groups([*models[:3], other])[0].ensemble is None


def test_the_page_shows_mean_and_sd_and_hides_the_members_elsewhere(report):
    index, metrics = report
    page = html.unescape(index.read_text())
    (group,) = find_seed_groups(seeds_and_ensemble(3))
    section = page.split('<section id="seeds">')[1].split("</section>")[0]
    for part in PARTS:
        assert all(mean_sd(spread) in section for spread in group.spread[part].values())
    assert metrics["seed_groups"] == [group.metrics()]
    assert [pair["first"] for pair in metrics["comparisons"]].count("robust-seed-0 v3") == 0
    assert "robust-seed-0 v3" not in page.split('<section id="certainty">')[1].split("</section>")[0]
    assert len(metrics["models"]) == 6
    covered = {item["item"]: item["covered"] for item in metrics["checklist"]}
    assert (covered["Several seeds, mean ± SD"], covered["Model card"]) == ("yes", "yes")


def test_figures_of_members_are_only_on_their_cards(report):
    index, _ = report
    assert not list(index.parent.glob("figures/v3-*"))
    assert (index.parent / "cards/robust-seed-0-v3.html").read_text().count("data:image/png") == 7
    assert list(index.parent.glob("figures/v6-roc-band.png"))


def test_without_seed_groups_there_is_no_section(index_of):
    page = index_of(True).read_text()
    assert 'id="seeds"' not in page
    assert "#seeds" not in page
