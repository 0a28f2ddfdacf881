"""Results that are not models: found again whole, or not at all."""

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
from pneumo.results.ablation import Ablation
from pneumo.results.cross_validation import CrossValidation
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


def test_result_and_predictions_come_back_equal_and_only_the_newest_of_each_name(finished):
    found = registry_in(finished).newest_experiments(CrossValidation, "f00d")
    assert [each.result for each in found] == [cross_validation("baseline"), cross_validation("weighted")]
    for each in found:
        pd.testing.assert_frame_equal(each.predictions, predictions(), check_exact=True)


def test_kinds_and_cohorts_are_kept_apart(finished):
    registry = registry_in(finished)
    assert [each.result for each in registry.newest_experiments(Ablation, "f00d")] == [ablation()]
    assert registry.newest_experiments(Ablation, "another cohort") == []


def test_a_result_is_no_model(finished):
    registry = registry_in(finished)
    assert registry.entries() == []
    with pytest.raises(UserError, match="run `make train` first"):
        registry.newest("f00d", "radiographs")


def test_mlflow_shows_settings_mean_and_figures(finished):
    registry = registry_in(finished)
    run_id = registry.newest_experiments(CrossValidation, "f00d")[0].run_id
    client = import_mlflow().MlflowClient()
    run = client.get_run(run_id)
    assert run.info.run_name == "cross-validation baseline"
    assert run.data.params["settings.fit.epochs"] == "2"
    assert math.isclose(run.data.metrics["auroc_mean"], cross_validation().spread["auroc"].mean)
    assert [each.path for each in client.list_artifacts(run_id, "figures")] == ["figures/folds.png"]


def test_a_copied_folder_is_read_where_it_lies(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "models")
    (found,) = registry_in(tmp_path / "models").newest_experiments(Ablation, "f00d")
    assert found.result == ablation()
    result = tmp_path / "models" / "artifacts" / found.run_id / "artifacts" / "result.json"
    result.write_text('{"name": "of another version"}')
    with pytest.raises(UserError, match=r"result of ablation \w+ in .* cannot be read by this version .* make the ablation again"):
        registry_in(tmp_path / "models").newest_experiments(Ablation, "f00d")
    result.unlink()
    with pytest.raises(
        UserError, match=r"^result\.json of ablation \w+ in .* restore it from a backup, or make the ablation again"
    ):
        registry_in(tmp_path / "models").newest_experiments(Ablation, "f00d")


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
    (before,) = registry.newest_experiments(Ablation, "f00d")
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)]) as killed:
        wait_for(lambda: len(list(tmp_path.glob("models/artifacts/*"))) > 4 or killed.poll() is not None)
        assert killed.poll() is None, "the process ended before it could be killed"
        killed.send_signal(signal.SIGKILL)
    assert [each.run_id for each in registry.newest_experiments(Ablation, "f00d")] == [before.run_id]
    added = registry.add_experiment(ablation(), predictions())
    assert [each.run_id for each in registry.newest_experiments(Ablation, "f00d")] == [added]
    statuses = [run.info.status for run in import_mlflow().MlflowClient().search_runs(["1"])]
    assert statuses.count("KILLED") == 1
    assert statuses.count("FINISHED") == 5
