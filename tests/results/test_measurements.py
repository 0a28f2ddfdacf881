from types import SimpleNamespace

import pytest
from rich.console import Console

from pneumo.radiographs.perturbation import definition
from pneumo.results.files import load_result, save_result
from pneumo.results.measurements import measure_models
from pneumo.results.robustness import ModelRobustness, Robustness
from tests.tiny_experiments import provenance_fields

SETTINGS = {"radiographs": 8}


def entry(version):
    return SimpleNamespace(version=version, model_sha256="a", data_fingerprint="b")


def measurement(registered, **changes):
    fields = {
        "version": registered.version, "recipe": "tiny", "model_sha256": "a", "settings": SETTINGS, "definition": definition(),
        "threshold": 0.5, "images": 8, "patients": 8, "frame_px": 224, "curves": (),
    }  # fmt: skip
    return ModelRobustness(**provenance_fields("b"), **(fields | changes))


def versions_measured(file, entries, fails_at=None):
    """Measure the entries, and return the versions that were not reused."""
    measured = []

    def measure(registered):
        if registered.version == fails_at:
            raise KeyboardInterrupt
        measured.append(registered.version)
        return measurement(registered)

    measure_models(file, Robustness, entries, settings=SETTINGS, measure=measure, console=Console(quiet=True))
    return measured


def saved_versions(file):
    return [model.version for model in load_result(file, Robustness).models]


def test_an_interrupted_run_keeps_all_measurements_and_resumes(tmp_path):
    file = tmp_path / "robustness.json"
    assert versions_measured(file, [entry(3)]) == [3]
    with pytest.raises(KeyboardInterrupt):
        versions_measured(file, [entry(1), entry(2), entry(3)], fails_at=2)
    assert saved_versions(file) == [1, 3]
    assert versions_measured(file, [entry(1), entry(2), entry(3)]) == [2]


def test_measurements_of_other_models_are_removed_at_the_end(tmp_path):
    file = tmp_path / "robustness.json"
    versions_measured(file, [entry(1), entry(2)])
    assert versions_measured(file, [entry(2)]) == []
    assert saved_versions(file) == [2]


@pytest.mark.parametrize("changes", [{"settings": {}}, {"model_sha256": "0"}, {"data_fingerprint": "0"}, {"definition": "other"}])
def test_an_outdated_measurement_is_repeated(tmp_path, changes):
    file = tmp_path / "robustness.json"
    save_result(file, Robustness(models=(measurement(entry(1)).model_copy(update=changes),)))
    assert versions_measured(file, [entry(1)]) == [1]
