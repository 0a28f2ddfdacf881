"""`pneumo evaluate`: a small model, trained on one cohort of noise and scored on others."""

import io
import shutil

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pneumo.cohort.index import index
from pneumo.config import Cnn, CnnRecipe, Config, Fit
from pneumo.errors import UserError
from pneumo.registry import Registry
from pneumo.registry.runs import FEATURE_REFERENCE, OWN_RADIOGRAPHS
from pneumo.stages import evaluate, registry, report
from pneumo.training.run import load_run
from tests.registry.tiny_models import tiny_model, tiny_predictions, tiny_record
from tests.stages.trained_project import copied, trained_project, write_cohort

pytestmark = pytest.mark.slow

RECIPE = CnnRecipe(
    image_size_px=16,
    network=Cnn(filters=(4,), dense_units=16, dense_dropout=0),
    fit=Fit(epochs=1, batch_size=8, precision="float32"),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Settings of a project with one trained model."""
    return trained_project(tmp_path_factory.mktemp("project"), RECIPE)


@pytest.fixture
def config(trained, tmp_path):
    """The same in a copy of the registry, and another cohort."""
    return copied(trained, tmp_path)


def on(config, data):
    return config.model_copy(update={"data": data})


def run(config, reference="champion"):
    console = Console(file=io.StringIO(), width=160)
    evaluate.run(config, console, reference)
    return console.file.getvalue()


def stored(config):
    models = Registry(config.registry)
    return models.external_evaluations(models.get("champion"))


def test_a_model_keeps_what_later_evaluations_need(trained):
    models = Registry(trained.registry)
    entry = models.get("champion")
    table = load_run(trained, "tiny", RECIPE, Console(quiet=True)).dataset.table
    assert models.attachment(entry, OWN_RADIOGRAPHS).decode().split() == sorted(table["sha256"])
    assert len(models.attachment(entry, FEATURE_REFERENCE)) < 5_000_000


def test_all_radiographs_of_the_other_cohort_are_scored_at_the_locked_threshold_and_stored(config, tmp_path):
    other = write_cohort(tmp_path / "other", 1)
    output = run(on(config, other))
    (scored,) = stored(config)
    evaluation, models = scored.evaluation, Registry(config.registry)
    entry = models.get("champion")
    record = models.record(entry)
    assert evaluation.statistics.scores.images == len(scored.predictions) == 48
    assert evaluation.statistics.scores.locked.threshold == evaluation.threshold == record.threshold
    assert (evaluation.version, evaluation.model_sha256) == (entry.version, entry.model_sha256)
    assert (evaluation.data_name, evaluation.training_data_name) == ("other", "own")
    assert evaluation.data_fingerprint == index(other, config.cohort).fingerprint
    assert evaluation.left_out == 0
    assert evaluation.statistics.shift.training_images == sum(counts["images"] for counts in record.partition["training"].values())
    pixels = index(other, config.cohort).pixels(16, "squash")
    expected = models.load(entry).predict(pixels[..., None].astype(np.float32), verbose=0)[:, 0]
    assert scored.predictions["y_score"].to_numpy() == pytest.approx(expected, abs=1e-6)
    for text in ("all 48 radiographs, whatever their split", "optimistic", "Next: pneumo report", "Saved in"):
        assert text in output


def test_each_evaluation_is_a_test_access_of_the_other_cohort_and_the_newest_is_listed(config, tmp_path):
    other = write_cohort(tmp_path / "other", 1)
    run(on(config, other))
    run(on(config, other))
    accesses = Registry(config.registry).test_accesses(index(other, config.cohort).fingerprint)
    assert [access.recipe for access in accesses] == ["tiny", "tiny"]
    (scored,) = stored(config)
    assert scored.evaluation.accesses == 2
    assert accesses[-1].time < scored.evaluation.created


def test_the_report_and_the_registry_show_it_and_the_same_model_is_selected_as_without(config, tmp_path):
    def write():
        report.run(config, Console(quiet=True))
        return (config.report.directory / "index.html").read_text(), pd.read_json(
            config.report.directory / "metrics.json", typ="series"
        )

    page, before = write()
    assert "Not evaluated on another cohort" in page
    run(on(config, write_cohort(tmp_path / "other", 1)))
    page, after = write()
    assert "Not evaluated on another cohort" not in page
    assert 'id="other-cohorts-selected"' in page
    for key in ("version", "rule", "worst_view_auroc"):
        assert before["selected_model"][key] == after["selected_model"][key]
    card = next((config.report.directory / "cards").iterdir()).read_text()
    found = stored(config)[0].evaluation.statistics.certainty.scores["locked.sensitivity"]
    assert f"{found.value:.1%}" in page
    assert f"{found.value:.1%}" in card
    console = Console(file=io.StringIO(), width=300)
    registry.run(config, console, "show", "champion", as_json=False)
    assert "On other, 48 radiographs" in console.file.getvalue()


def test_the_own_cohort_is_refused_and_no_access_is_logged(config):
    fingerprint = index(config.data, config.cohort).fingerprint
    before = Registry(config.registry).test_accesses(fingerprint)
    with pytest.raises(UserError, match=r"^own is the cohort that tiny v1 was trained on"):
        run(config)
    assert Registry(config.registry).test_accesses(fingerprint) == before


def test_radiographs_of_the_own_cohort_are_left_out_with_their_patients_and_counted(config, tmp_path):
    other = write_cohort(tmp_path / "other", 1)
    shutil.copy(config.data / "test/NORMAL/IM-0004-0001.png", other / "train/NORMAL/IM-0001-0002.png")
    output = run(on(config, other))
    (scored,) = stored(config)
    assert scored.evaluation.left_out == 2
    assert not scored.predictions["path"].str.contains("IM-0001").any()
    assert len(scored.predictions) == 47
    assert "Left out: 2 radiographs" in output


def test_the_own_cohort_in_another_arrangement_is_refused(config, tmp_path):
    arranged = shutil.copytree(config.data, tmp_path / "arranged")
    next((arranged / "train/NORMAL").iterdir()).unlink()
    with pytest.raises(UserError, match=r"^arranged is the cohort that tiny v1 was trained on, for the most part"):
        run(on(config, arranged))


def without_splits(source, target):
    """The same radiographs in folders of the classes alone."""
    for file in source.rglob("*.png"):
        (target / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, target / file.parent.name)
    return target


def test_without_splits_the_own_cohort_is_recognized_by_its_radiographs(config, tmp_path):
    arranged = without_splits(config.data, tmp_path / "arranged")
    assert index(arranged, config.cohort, to_train=False).fingerprint != index(config.data, config.cohort).fingerprint
    with pytest.raises(UserError, match=r"^arranged is the cohort that tiny v1 was trained on, and `pneumo report` has its scores"):
        run(on(config, arranged))


def test_a_later_training_on_a_cohort_without_splits_counts_the_evaluation_whatever_split_it_draws(config, tmp_path):
    other = without_splits(write_cohort(tmp_path / "with splits", 1), tmp_path / "other")
    run(on(config, other))
    models = Registry(config.registry)
    for seed in (0, 1):
        to_train = index(other, config.cohort.model_copy(update={"split_seed": seed}))
        (access,) = models.test_accesses(to_train.fingerprint, to_train.content_fingerprint)
        assert access.recipe == "tiny"
        assert access.data_fingerprint != to_train.fingerprint
    logged = models.log_test_access("later", to_train.fingerprint, to_train.content_fingerprint)
    assert [access.recipe for access in logged] == ["tiny", "later"]
    run(on(config, other))
    assert stored(config)[0].evaluation.accesses == 3


def test_the_refusal_counts_what_is_compared(config, tmp_path):
    other = write_cohort(tmp_path / "other", 1, patients=6)
    for label in ("NORMAL", "PNEUMONIA"):
        patients = sorted(other.rglob(f"{label}/*.png"))[:4]
        for number, file in enumerate(patients):
            source = sorted(config.data.rglob(f"{label}/*.png"))[number]
            stem, end = file.stem.rsplit("-", 1) if label == "NORMAL" else file.stem.rsplit("_", 1)
            shutil.copy(source, file.with_name(f"{stem}{'-' if label == 'NORMAL' else '_'}{int(end) + 50:04}.png"))
    with pytest.raises(
        UserError, match=r"for the most part: 16 of 20 radiographs are of patients with an identical radiograph there"
    ):
        run(on(config, other))


def test_what_the_index_ignored_and_left_out_is_stored_and_printed(config, tmp_path):
    other = write_cohort(tmp_path / "other", 1)
    (other / "train" / "NORMAL" / "notes.txt").write_text("no radiograph")
    next((other / "train" / "NORMAL").glob("*.png")).write_bytes(b"damaged")
    settings = config.model_copy(update={"cohort": config.cohort.model_copy(update={"leave_out": ("unreadable",)})})
    output = run(on(settings, other))
    (scored,) = stored(config)
    cohort = index(other, settings.cohort, to_train=False)
    assert scored.evaluation.problems == {"unreadable": 1}
    assert scored.evaluation.foreign == cohort.foreign
    assert sum(cohort.foreign.values()) == 1
    assert (scored.evaluation.patients_known, scored.evaluation.patients_from) == (True, cohort.patients_from)
    assert "Left out by cohort.leave_out: 1 unreadable." in output
    assert "Ignored, because they are no radiographs of the cohort: 1 " in output
    assert "Each radiograph counts as a patient" not in output


def test_unknown_patients_are_stored_and_printed(config, tmp_path):
    other = write_cohort(tmp_path / "other", 1)
    for number, file in enumerate(sorted(other.rglob("*.png"))):
        file.rename(file.with_name(f"{chr(97 + number // 26)}{chr(97 + number % 26)}.png"))
    output = run(on(config, other))
    assert stored(config)[0].evaluation.patients_known is False
    assert "Each radiograph counts as a patient of its own where nothing tells whose it is" in output.replace("\n", " ")


def test_a_model_of_an_earlier_version_is_evaluated_without_what_it_lacks(tmp_path):
    config = Config(
        data=write_cohort(tmp_path / "other", 1),
        cohort={"cache_dir": tmp_path / "data"},
        registry={"directory": tmp_path / "models"},
    )
    models = Registry(config.registry)
    models.add(tiny_record(), tiny_model(), {"test": tiny_predictions()})
    output = run(config, "baseline")
    (scored,) = models.external_evaluations(models.get("1"))
    assert scored.evaluation.statistics.shift is scored.evaluation.left_out is None
    assert "Distance from training: not measured" in output
    assert "Not checked for radiographs of the cohort that baseline v1 was trained on" in output


def test_a_damaged_reference_and_an_unknown_model_end_in_one_line(config, tmp_path):
    other = on(config, write_cohort(tmp_path / "other", 1))
    with pytest.raises(UserError, match=r"^No model `nosuch` in"):
        run(other, "nosuch")
    for file in (tmp_path / "models").rglob(FEATURE_REFERENCE):
        file.write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"^feature_reference\.npz of model 1 is damaged"):
        run(other)
    fingerprint = index(other.data, config.cohort).fingerprint
    assert Registry(config.registry).test_accesses(fingerprint) == []


def test_a_model_of_patients_is_not_scored_on_phantoms_where_no_data_are_given(config):
    with pytest.raises(UserError, match=r"^no cohort is given to score tiny on"):
        run(on(config, None))
