"""Results of experiments: stored and found complete, or not at all."""

import math
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from pneumo.errors import UserError
from pneumo.registry.connection import import_mlflow
from pneumo.registry.embedded import open_folder
from pneumo.registry.runs import newest_runs
from pneumo.results.experiment import Ablation, CrossValidation, Experiment
from pneumo.results.files import read_predictions
from tests.registry.tiny_models import registry_in, wait_for
from tests.tiny_experiments import ablation, cross_validation, predictions


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A registry of four results, to read and not to change."""
    folder = tmp_path_factory.mktemp("a project, naïve") / "models"
    figure = folder.with_name("folds.png")
    figure.write_bytes(b"a picture")
    registry = registry_in(folder)
    registry.add_experiment(cross_validation("weighted"), predictions())
    registry.add_experiment(cross_validation().model_copy(update={"seconds": 1.0}), predictions().head(3))
    registry.add_experiment(cross_validation(), predictions(), [figure])
    registry.add_experiment(ablation(), predictions())
    return folder


def run_ids(folder: Path, kind: type[Experiment]) -> list[str]:
    """Ids of the newest runs by name."""
    return newest_runs(open_folder(folder), kind.KIND, "f00d")


def test_result_and_predictions_come_back_equal_and_only_the_newest_of_each_name(finished):
    results = registry_in(finished).newest_experiments(CrossValidation, "f00d")
    assert results == [cross_validation("baseline"), cross_validation("weighted")]
    for run_id in run_ids(finished, CrossValidation):
        stored = read_predictions(finished / "artifacts" / run_id / "artifacts" / "predictions.csv")
        pd.testing.assert_frame_equal(stored, predictions(), check_exact=True)


def test_results_are_found_by_kind_and_cohort(finished):
    registry = registry_in(finished)
    assert registry.newest_experiments(Ablation, "f00d") == [ablation()]
    assert registry.newest_experiments(Ablation, "another cohort") == []


def test_a_result_is_no_model(finished):
    registry = registry_in(finished)
    assert registry.entries() == []
    with pytest.raises(UserError, match="run `make train` first"):
        registry.newest("f00d", "protocol")


def test_mlflow_shows_settings_mean_and_figures(finished):
    run_id = run_ids(finished, CrossValidation)[0]
    client = import_mlflow().MlflowClient()
    run = client.get_run(run_id)
    assert run.info.run_name == "cross-validation baseline"
    assert run.data.params["settings.fit.epochs"] == "2"
    assert math.isclose(run.data.metrics["auroc_mean"], cross_validation().spread["auroc"].mean)
    assert [file.path for file in client.list_artifacts(run_id, "figures")] == ["figures/folds.png"]


def test_a_copied_folder_is_read_where_it_lies(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "models")
    registry = registry_in(tmp_path / "models")
    assert registry.newest_experiments(Ablation, "f00d") == [ablation()]


def test_a_result_of_an_earlier_version_or_without_its_file_is_refused_in_one_line(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "models")
    (run_id,) = run_ids(tmp_path / "models", Ablation)
    file = tmp_path / "models" / "artifacts" / run_id / "artifacts" / "result.json"
    file.write_text(ablation().model_dump_json(exclude={"protocol_fingerprint"}))
    registry = registry_in(tmp_path / "models")
    unreadable = (
        rf"^The result of ablation {run_id} in .*models cannot be read by this version of pneumo \(protocol_fingerprint: "
        r"Field required\): run the ablation again, or set another registry\.directory$"
    )
    with pytest.raises(UserError, match=unreadable):
        registry.newest_experiments(Ablation, "f00d")
    file.unlink()
    with pytest.raises(UserError, match=r"^result\.json of ablation \w+ in .* restore it from a backup, or run the ablation again"):
        registry.newest_experiments(Ablation, "f00d")


def test_an_empty_registry_lists_nothing_and_writes_nothing(tmp_path):
    assert registry_in(tmp_path / "models").newest_experiments(Ablation, "f00d") == []
    assert list(tmp_path.iterdir()) == []


KILLED = """
import sys
from pathlib import Path
from pneumo import config
from pneumo.registry import Registry
from tests.tiny_experiments import ablation, predictions

# Many figures, so that the kill comes before the end.
folder = Path(sys.argv[1])
figures = [folder / f"{number}.png" for number in range(5000)]
for figure in figures:
    figure.write_bytes(b"a picture")
Registry(config.Registry(directory=folder / "models")).add_experiment(ablation(), predictions(), figures)
"""


def test_a_process_killed_while_it_writes_leaves_nothing_listed(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "models")
    registry = registry_in(tmp_path / "models")
    before = run_ids(tmp_path / "models", Ablation)
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)]) as killed:
        wait_for(lambda: len(list(tmp_path.glob("models/artifacts/*"))) > 4 or killed.poll() is not None)
        assert killed.poll() is None, "the process ended before it could be killed"
        killed.send_signal(signal.SIGKILL)
    assert run_ids(tmp_path / "models", Ablation) == before
    added = registry.add_experiment(ablation(), predictions())
    assert run_ids(tmp_path / "models", Ablation) == [added]
    statuses = [run.info.status for run in import_mlflow().MlflowClient().search_runs(["1"])]
    assert statuses.count("KILLED") == 1
    assert statuses.count("FINISHED") == 5
