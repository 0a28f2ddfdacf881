"""Models that differ in their seed alone: averaged, shown together, and represented by their ensemble."""

import html
import json
from dataclasses import replace

import numpy as np
import pytest

from pneumo.evaluation.predictions import PARTS
from pneumo.report.families import SCORED_SEEDS, find_families, in_front
from pneumo.report.numbers import value
from pneumo.report.page import write_report
from pneumo.results.formatting import spread
from tests.report.report_inputs import make_inputs, seeds_and_ensemble


def but(model, **changes):
    return replace(model, facts=model.facts.model_copy(update=changes))


@pytest.fixture(scope="module")
def models():
    return seeds_and_ensemble(3)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The page of six models, and what metrics.json tells."""
    given = make_inputs(tmp_path_factory.mktemp("report"), synthetic=False)
    index = write_report(given.directory, given.cohort, given.samples, given.models + seeds_and_ensemble(3))
    return index, json.loads(index.with_name("metrics.json").read_text())


def test_mean_and_sd_are_numpys(models):
    (family,) = find_families(models)
    for part in PARTS:
        for path in SCORED_SEEDS:
            values = [value(model.evaluation(part), path) for model in models[:3]]
            assert family.spread[part][path].mean == pytest.approx(np.mean(values))
            assert family.spread[part][path].sd == pytest.approx(np.std(values, ddof=1))
    assert family.ensemble is models[3]


def test_the_ensemble_stands_for_its_seeds_and_without_one_they_stand_for_themselves(models):
    other = but(models[0], family=None)
    assert in_front(models, find_families(models)) == [models[3]]
    assert in_front(models[:3], find_families(models[:3])) == list(models[:3])
    assert find_families([other, *models[1:2]]) == []


def test_one_name_and_other_settings_are_another_family(models):
    longer = [but(model, settings={"fit": {"epochs": 9, "seed": model.facts.seed}}) for model in models[1:3]]
    assert [len(family.seeds) for family in find_families([models[0], *longer])] == [2]


def test_an_ensemble_of_older_models_is_not_theirs(models):
    stale = but(models[3], members=(1, 2, 9))
    assert find_families([*models[:3], stale])[0].ensemble is None


def test_the_page_shows_mean_and_sd_and_folds_the_seeds(report):
    index, told = report
    page = html.unescape(index.read_text())
    (family,) = find_families(seeds_and_ensemble(3))
    section = page.split('<section id="seeds">')[1].split("</section>")[0]
    for part in PARTS:
        assert all(spread(each) in section for each in family.spread[part].values())
    assert told["families"] == [family.numbers()]
    assert [pair["first"] for pair in told["comparisons"]].count("robust-seed-0 v3") == 0
    assert "robust-seed-0 v3" not in page.split('<section id="certainty">')[1].split("</section>")[0]
    assert len(told["models"]) == 6
    held = {item["item"]: item["held"] for item in told["checklist"]}
    assert (held["Several seeds, mean ± SD"], held["Model card"]) == ("yes", "yes")


def test_figures_of_the_seeds_are_on_their_cards_alone(report):
    index, _ = report
    assert not list(index.parent.glob("figures/v3-*"))
    assert (index.parent / "cards/robust-seed-0-v3.html").read_text().count("data:image/png") == 7
    assert list(index.parent.glob("figures/v6-roc-band.png"))


def test_without_seeds_there_is_no_section(index_of):
    page = index_of(True).read_text()
    assert 'id="seeds"' not in page
    assert "#seeds" not in page
