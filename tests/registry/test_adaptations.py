"""Adaptations of registered models: stored with their model, never ranked with trained ones."""

import pytest

from pneumo.errors import UserError
from pneumo.registry import store
from pneumo.registry.connection import import_mlflow
from pneumo.registry.embedded import open_folder
from pneumo.registry.runs import newest_on_other_cohorts
from pneumo.results.adaptation import Adaptation
from tests.registry.tiny_models import images, register, registry_in, tiny_model
from tests.tiny_adaptations import adaptation, adapted_record
from tests.tiny_experiments import predictions


def add_adapted(registry, **changes):
    return registry.add(adapted_record(**changes), tiny_model(), {"out_of_fold": predictions()})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A registry with a model, its learning curves on two cohorts, on one of them twice, and a model adapted from it."""
    folder = tmp_path_factory.mktemp("project") / "models"
    registry = registry_in(folder)
    entry = register(registry)
    for name, fingerprint, accesses in (("b", "bb", 1), ("a", "aa", 1), ("b", "bb", 2)):
        result = adaptation(model_sha256=entry.model_sha256, data_name=name, fingerprint=fingerprint, accesses=accesses)
        registry.add_adaptation(result, predictions())
    add_adapted(registry, parent_sha256=entry.model_sha256)
    return folder


def test_the_newest_curve_of_each_cohort_comes_back(finished):
    registry = registry_in(finished)
    entry = registry.get("1")
    loaded = registry.adaptations(entry)
    assert [(result.data_name, result.accesses) for result in loaded] == [("a", 1), ("b", 2)]
    assert loaded[0].curve == adaptation().curve
    assert registry.adaptations(registry.get("2")) == []
    (run_id,) = newest_on_other_cohorts(open_folder(finished), Adaptation.KIND, 1, entry.model_sha256)[:1]
    metrics = import_mlflow().MlflowClient().get_run(run_id).data.metrics
    assert metrics["auroc_25_labels"] == pytest.approx(0.47)
    assert metrics["auroc_acquisition"] == pytest.approx(0.75)


def test_an_adapted_model_keeps_its_lineage_and_is_found_from_its_parent(finished):
    registry = registry_in(finished)
    parent, entry = registry.get("1"), registry.get("baseline-adapted")
    assert registry.adapted(parent) == [entry]
    assert registry.adapted(entry) == []
    assert (entry.parent_version, entry.test_auroc, entry.worst_view_auroc) == (1, None, None)
    record = registry.registered_record(entry)
    assert (record.parent_sha256, record.training_data_name, record.data_name) == (
        parent.model_sha256,
        "chest_xray",
        "other <hospital>",
    )
    assert registry.get("baseline") == parent
    assert registry.get("champion") == parent
    assert registry.load(entry).predict(images(), verbose=0).shape == (4, 1)


def test_it_is_ranked_with_no_model_whatever_its_fingerprints(tmp_path):
    registry = registry_in(tmp_path / "models")
    parent = register(registry)
    add_adapted(registry, fingerprint=parent.data_fingerprint, protocol_fingerprint=parent.protocol_fingerprint)
    assert [entry.version for entry in registry.newest(parent.data_fingerprint, parent.protocol_fingerprint)] == [1]
    add_adapted(registry, fingerprint="alone")
    with pytest.raises(UserError, match="No model of this cohort"):
        registry.newest("alone", "of no protocol")


def test_an_interrupted_registration_leaves_the_registry_whole(tmp_path, monkeypatch):
    registry = registry_in(tmp_path / "models")
    register(registry)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(store, "tags_of", interrupted)
        with pytest.raises(KeyboardInterrupt):
            add_adapted(registry)
    assert [entry.version for entry in registry.entries()] == [1]
    assert registry.adapted(registry.get("1")) == []
    assert add_adapted(registry).version == 2
    assert registry.predictions(registry.get("2"), "out_of_fold").shape[0] == len(predictions())
