"""Evaluations of registered models on other cohorts: stored with their model, and never more than the newest of a cohort."""

from pathlib import Path

import pandas as pd
import pytest

from pneumo.errors import UserError
from pneumo.registry.connection import import_mlflow
from pneumo.registry.embedded import open_folder
from pneumo.registry.runs import newest_on_other_cohorts
from pneumo.registry.test_access import FILE
from pneumo.results.external import ExternalEvaluation
from tests.registry.test_test_access import registry_on_server
from tests.registry.tiny_models import register, registry_in, tiny_model, tiny_predictions, tiny_record
from tests.tiny_external import scored_cohort


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A registry with two models, of which the first was evaluated on two cohorts, on one of them twice."""
    folder = tmp_path_factory.mktemp("project") / "models"
    registry = registry_in(folder)
    entries = [register(registry), registry.add(tiny_record(), tiny_model(), {}, attachments={"notes.txt": b"seen\n"})]
    for changes in (
        {"data_name": "b", "accesses": 1, "foreign": {"other (*, ?)": 2}, "patients_from": "file names"},
        {"data_name": "a", "fingerprint": "zz"},
        {"data_name": "b", "accesses": 2},
    ):
        scored = scored_cohort(model_sha256=entries[0].model_sha256, **changes)
        registry.add_external_evaluation(scored.evaluation, scored.predictions)
    return folder


def test_the_newest_of_each_cohort_comes_back_with_its_predictions(finished):
    registry = registry_in(finished)
    loaded = registry.external_evaluations(registry.get("1"))
    assert [(scored.evaluation.data_name, scored.evaluation.accesses) for scored in loaded] == [("a", 2), ("b", 2)]
    expected = scored_cohort()
    assert loaded[1].evaluation.statistics == expected.evaluation.statistics
    columns = ["path", "patient", "y_true", "y_score"]
    pd.testing.assert_frame_equal(loaded[1].predictions[columns], expected.predictions[columns])


def test_an_evaluation_belongs_to_its_model_by_version_and_hash(finished):
    registry = registry_in(finished)
    first, second = registry.entries()
    assert registry.external_evaluations(second) == []
    assert registry.external_evaluations(first.model_copy(update={"model_sha256": "0" * 64})) == []


def test_mlflow_shows_the_model_the_cohort_and_the_scores(finished):
    entry = registry_in(finished).get("1")
    run_id = newest_on_other_cohorts(open_folder(finished), ExternalEvaluation.KIND, entry.version, entry.model_sha256)[0]
    run = import_mlflow().MlflowClient().get_run(run_id)
    assert run.info.run_name == "external-evaluation baseline v1"
    assert run.data.params["model_sha256"] == entry.model_sha256
    assert run.data.params["data_name"] == "b"
    assert run.data.metrics["auroc"] == pytest.approx(scored_cohort().evaluation.statistics.scores.auroc)
    assert run.data.metrics["further_than_validation"] == pytest.approx(0.93)


def test_an_evaluation_is_neither_a_model_nor_an_experiment(finished):
    registry = registry_in(finished)
    assert [entry.version for entry in registry.entries()] == [1, 2]
    with pytest.raises(UserError, match="No model of this cohort"):
        registry.newest("0ther", "protocol")


def test_a_file_of_a_model_is_read_back_and_one_that_it_lacks_is_none(finished):
    registry = registry_in(finished)
    first, second = registry.entries()
    assert registry.attachment(second, "notes.txt") == b"seen\n"
    assert registry.attachment(first, "notes.txt") is None


def test_an_unreadable_evaluation_is_refused_in_one_line(tmp_path):
    registry = registry_in(tmp_path / "models")
    entry = registry.add(tiny_record(), tiny_model(), {"test": tiny_predictions()})
    scored = scored_cohort(model_sha256=entry.model_sha256)
    run_id = registry.add_external_evaluation(scored.evaluation, scored.predictions)
    (tmp_path / "models" / "artifacts" / run_id / "artifacts" / "result.json").write_text('{"version": 1}')
    with pytest.raises(UserError, match=r"^The result of external-evaluation \w+ in .*: run `pneumo evaluate 1` again"):
        registry.external_evaluations(entry)


def test_accesses_to_the_same_radiographs_in_another_split_count_and_old_lines_are_read(tmp_path):
    # As earlier versions wrote them.
    line = '{"time":"2026-01-02T03:04:05Z","recipe":"early","data_fingerprint":"split a"}'
    (tmp_path / FILE).write_text(f"{line}\n")
    registry = registry_in(tmp_path)
    registry.log_test_access("evaluated", "no split", "content")
    registry.log_test_access("elsewhere", "no split either", "other content")

    def recipes(*fingerprints):
        return [access.recipe for access in registry.test_accesses(*fingerprints)]

    assert recipes("split a", "content") == ["early", "evaluated"]
    assert recipes("split b", "content") == ["evaluated"]
    assert recipes("split a") == ["early"]
    assert recipes("no split") == ["evaluated"]
    logged = registry.log_test_access("later", "split b", "content")
    assert [access.recipe for access in logged] == ["evaluated", "later"]
    registry.log_test_access("plain", "split a")
    assert "content_fingerprint" not in (tmp_path / FILE).read_text().splitlines()[-1]


def test_a_tracking_server_counts_them_too(tmp_path):
    registry = registry_on_server(tmp_path)
    registry.log_test_access("evaluated", "no split", "content")
    registry.log_test_access("trained", "split a", "content")
    registry.log_test_access("elsewhere", "no split either", "other content")
    assert [access.recipe for access in registry.test_accesses("split a", "content")] == ["evaluated", "trained"]
    assert [access.recipe for access in registry.test_accesses("split a")] == ["trained"]
