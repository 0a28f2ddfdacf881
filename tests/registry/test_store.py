import io
import re
import shutil
import sqlite3
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from pneumo import config
from pneumo.errors import UserError
from pneumo.evaluation.scores import PARTS
from pneumo.registry import Entry, Registry, connection, embedded
from pneumo.registry.connection import import_mlflow
from tests.registry.tiny_models import images, register, registry_in, tiny_model, tiny_predictions, tiny_record


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, keras.Model]:
    """A registry of three models, to read and not to change."""
    folder = tmp_path_factory.mktemp("a project, naïve") / "models"
    figure = folder.with_name("learning curves.png")
    figure.write_bytes(b"a picture")
    model = tiny_model()
    registry = registry_in(folder)
    register(registry, "baseline", model, (figure,))
    register(registry, "weighted")
    register(registry, "baseline")
    return folder, model


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    """A copy of that registry, to change."""
    return Path(shutil.copytree(finished[0], tmp_path / "models"))


def model_file(folder: Path, version: int) -> Path:
    with sqlite3.connect(folder / "mlflow.db") as connection:
        (source,) = connection.execute("SELECT source FROM model_versions WHERE version = ?", (version,)).fetchone()
    return folder / "artifacts" / "models" / source.removeprefix("models:/") / "artifacts" / "data" / "model.keras"


def make_unreadable(folder: Path, version: int) -> None:
    """Register a model as before there was a protocol."""
    with sqlite3.connect(folder / "mlflow.db") as connection:
        connection.execute("DELETE FROM model_version_tags WHERE key = 'protocol_fingerprint' AND version = ?", (version,))


def test_a_loaded_model_predicts_what_the_registered_one_did(finished):
    folder, model = finished
    loaded = registry_in(folder).load(registry_in(folder).get("1"))
    assert (loaded.predict(images(), verbose=0) == model.predict(images(), verbose=0)).all()
    assert not loaded.compiled


def test_record_and_predictions_come_back_equal(finished):
    registry = registry_in(finished[0])
    record = registry.record(registry.get("weighted"))
    assert record == tiny_record("weighted").model_copy(update={"created": record.created, "test_accessed": record.test_accessed})
    for part in PARTS:
        assert registry.predictions(registry.get("weighted"), part).equals(tiny_predictions())


def test_entries_list_the_newest_last_with_their_main_scores(finished):
    entries = registry_in(finished[0]).entries()
    assert [(entry.version, entry.recipe, entry.aliases) for entry in entries] == [
        (1, "baseline", ("champion",)),
        (2, "weighted", ()),
        (3, "baseline", ()),
    ]
    assert [entry.version for entry in registry_in(finished[0]).entries("baseline")] == [1, 3]
    record = tiny_record()
    assert entries[0].test_auroc == record.test.auroc
    assert entries[0].test_accuracy == record.test.locked.accuracy
    assert entries[0].synthetic
    assert Entry.model_validate(entries[0].model_dump(mode="json")) == entries[0]


def test_newest_gives_each_recipe_of_a_cohort_once(finished):
    registry = registry_in(finished[0])
    assert {entry.recipe: entry.version for entry in registry.newest("f00d", "protocol")} == {"baseline": 3, "weighted": 2}
    with pytest.raises(UserError, match=r"No model of this cohort is registered in .*models: run `make train` first"):
        registry.newest("another cohort", "protocol")


def test_models_of_another_protocol_are_not_ranked_together(folder):
    registry = registry_in(folder)
    record = tiny_record("baseline").model_copy(update={"protocol_fingerprint": "another protocol"})
    for fingerprint in ("f00d", "another cohort"):
        changed = record.model_copy(update={"data_fingerprint": fingerprint})
        registry.add(changed, tiny_model(), dict.fromkeys(PARTS, tiny_predictions()))
    assert {entry.recipe: entry.version for entry in registry.newest("f00d", "protocol")} == {"baseline": 3, "weighted": 2}
    assert {entry.recipe: entry.version for entry in registry.newest("f00d", "another protocol")} == {"baseline": 4}
    with pytest.raises(
        UserError, match="validated under another protocol: give the settings of `protocol` that they were trained with"
    ):
        registry.newest("another cohort", "protocol")


@pytest.mark.parametrize(("reference", "version"), [("2", 2), (2, 2), ("champion", 1), ("baseline", 3)])
def test_a_model_is_found_by_version_alias_or_recipe(finished, reference, version):
    assert registry_in(finished[0]).get(reference).version == version


def test_an_unknown_reference_is_answered_with_the_existing_ones(finished):
    with pytest.raises(UserError, match=r"No model `resnet` .* 1 \(baseline, champion\), 2 \(weighted\), 3 \(baseline\)"):
        registry_in(finished[0]).get("resnet")


@pytest.mark.parametrize(("reference", "suggestion"), [("weigted", r"; did you mean `weighted`\?"), ("9", r"3 \(baseline\)")])
def test_the_nearest_name_is_suggested_for_an_unknown_one(finished, reference, suggestion):
    with pytest.raises(UserError, match=f"{suggestion}$"):
        registry_in(finished[0]).get(reference)


def test_a_recipe_of_several_seeds_stands_for_its_newest_ensemble_or_else_its_newest_seed(tmp_path):
    registry = registry_in(tmp_path)
    register(registry, "robust-seed-0")
    register(registry, "robust-seed-1")
    register(registry, "robust-without-augmentation-seed-0")
    assert registry.get("robust").version == 2
    ensembles = [register(registry, "robust-ensemble").version for _ in range(2)]
    register(registry, "robust-seed-0")
    assert registry.get("robust").version == ensembles[-1]
    with pytest.raises(UserError, match=r"No model `robst` .*; did you mean `robust`\?$"):
        registry.get("robst")


def test_mlflow_shows_curves_scores_settings_figures_and_signature(finished):
    folder, _ = finished
    entry = registry_in(folder).get("1")
    mlflow = import_mlflow()
    run = mlflow.MlflowClient().get_run(entry.run_id)
    assert run.data.params["settings.fit.epochs"] == "2"
    assert run.data.metrics["test_auroc"] == entry.test_auroc
    curve = mlflow.MlflowClient().get_metric_history(entry.run_id, "val_loss")
    assert [(metric.step, metric.value) for metric in curve] == [(1, 0.8), (2, 0.9)]
    figures = mlflow.MlflowClient().list_artifacts(entry.run_id, "figures")
    assert [file.path for file in figures] == ["figures/learning curves.png"]
    signature = mlflow.models.get_model_info("models:/pneumonia-classifier/1").signature
    assert signature.inputs.inputs[0].shape == (-1, 16, 16, 1)
    assert signature.outputs.inputs[0].shape == (-1, 1)


def test_an_empty_registry_lists_nothing_and_writes_nothing(tmp_path):
    registry = registry_in(tmp_path / "models")
    assert registry.entries() == []
    with pytest.raises(UserError, match=r"No model is registered in .*models yet: run `make train`"):
        registry.get("champion")
    assert list(tmp_path.iterdir()) == []


def add(registry, recipe, auroc):
    record = tiny_record(recipe)
    worst_views = record.worst_views.model_copy(update={"auroc": auroc})
    scored = record.model_copy(update={"worst_views": worst_views})
    return registry.add(scored, tiny_model(), dict.fromkeys(PARTS, tiny_predictions()))


def test_the_champion_is_the_best_by_worst_views_until_one_is_promoted_by_hand(tmp_path):
    registry = registry_in(tmp_path / "models")
    for recipe, auroc, champion in (("baseline", 0.7, 1), ("weighted", 0.9, 2), ("hpo", 0.8, 2)):
        add(registry, recipe, auroc)
        assert registry.get("champion").version == champion
    registry.promote("3")
    add(registry, "weighted", 0.99)
    assert registry.get("champion").version == 3


def test_promote_moves_the_champion(folder):
    registry = registry_in(folder)
    assert registry.promote("weighted").version == 2
    assert registry.get("champion").version == 2
    assert [entry.aliases for entry in registry.entries()] == [(), ("champion",), ()]
    with pytest.raises(UserError, match="No model `9`"):
        registry.promote("9")


def test_a_changed_model_file_is_detected(folder):
    file = model_file(folder, 2)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    registry = registry_in(folder)
    with pytest.raises(UserError, match=r"model 2 in .* is not the one that was registered .*sha256"):
        registry.load(registry.get("2"))
    registry.load(registry.get("3"))


def test_missing_files_are_named(folder):
    registry = registry_in(folder)
    entry = registry.get("2")
    model_file(folder, 2).unlink()
    with pytest.raises(UserError, match=r"^model\.keras of model 2 in .* cannot be read: restore it"):
        registry.load(entry)
    shutil.rmtree(folder / "artifacts" / entry.run_id)
    with pytest.raises(UserError, match=r"^record\.json of model 2 in .* cannot be read: restore it"):
        registry.record(entry)


def test_a_model_is_stored_without_its_optimizer(tmp_path):
    model = tiny_model()
    model.compile("adam", "binary_crossentropy")
    model.fit(images(), np.array([[0], [1], [0], [1]]), verbose=0)
    register(registry_in(tmp_path), "baseline", model)
    (file,) = tmp_path.rglob("model.keras")
    with zipfile.ZipFile(file) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
        names: list[str] = []
        weights.visit(names.append)
    assert any("conv2d" in name for name in names)
    assert not any("optimizer" in name for name in names)


def test_a_record_of_another_version_is_refused_in_one_line(folder):
    registry = registry_in(folder)
    entry = registry.get("2")
    (folder / "artifacts" / entry.run_id / "artifacts" / "record.json").write_text('{"recipe": "weighted"}')
    with pytest.raises(
        UserError, match=r"^The record of model 2 in .* cannot be read by this version .*: train weighted again, or"
    ) as error:
        registry.record(entry)
    assert "\n" not in str(error.value)


def test_a_model_of_an_earlier_version_is_refused_in_one_line_and_hides_no_other(folder):
    registry = registry_in(folder)
    make_unreadable(folder, 2)
    refusal = (
        r"^Model 2 in .*models is of an incompatible version of pneumo \(without a valid protocol_fingerprint\): "
        r"train weighted again, or set another registry\.directory$"
    )
    for reference in ("2", "weighted"):
        with pytest.raises(UserError, match=refusal):
            registry.get(reference)
    (message,) = registry.unreadable()
    assert re.match(refusal, message)
    assert [entry.version for entry in registry.entries()] == [1, 3]
    assert [entry.version for entry in registry.newest("f00d", "protocol")] == [3]


def test_beside_models_of_an_earlier_version_another_can_be_registered(folder):
    registry = registry_in(folder)
    for version in (1, 2, 3):
        make_unreadable(folder, version)
    with pytest.raises(UserError, match=r"^Model 3 in .* is of an incompatible version"):
        registry.newest("f00d", "protocol")
    with pytest.raises(UserError, match=r"^Model 1 in .* is of an incompatible version"):
        registry.get("champion")
    entry = register(registry, "weighted")
    assert registry.newest("f00d", "protocol") == [registry.get("weighted")] == [registry.get("champion")] == [entry]


def test_a_model_that_carries_code_is_not_loaded(folder):
    model = keras.Sequential(
        [keras.Input((16, 16, 1)), keras.layers.Lambda(lambda pixels: pixels / 255), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    registry = registry_in(folder)
    entry = register(registry, "smuggled", model)
    with pytest.raises(UserError, match=r"Model 4 in .* cannot be loaded in Keras' safe mode: .*Lambda"):
        registry.load(entry)


def test_an_interruption_during_the_import_of_mlflow_stays_one(tmp_path, monkeypatch):
    problems = iter([KeyboardInterrupt()])

    def interrupted():
        # As Python has it: the second import finds a module that is not complete.
        raise next(problems, AttributeError("partially initialized module"))

    register(registry_in(tmp_path / "models"))
    for module in (connection, embedded):
        monkeypatch.setattr(module, "import_mlflow", interrupted)
    with pytest.raises(KeyboardInterrupt):
        registry_in(tmp_path / "models").entries()


def test_an_unreachable_server_is_reported_soon():
    registry = Registry(config.Registry(tracking_uri="http://127.0.0.1:9"))
    with pytest.raises(UserError, match=r"registry http://127\.0\.0\.1:9 failed: check that it can be reached") as raised:
        registry.entries()
    assert "\n" not in str(raised.value)
