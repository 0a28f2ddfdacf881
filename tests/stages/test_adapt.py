"""`pneumo adapt`: a small model, trained on one cohort of noise and refitted on another where its labels mean the opposite."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from pneumo.cli import USER_MISTAKE, main
from pneumo.cohort.index import index
from pneumo.errors import UserError
from pneumo.evaluation.scores import FEATURES
from pneumo.inference.predictor import Predictor
from pneumo.nets.heads import heads
from pneumo.nets.outputs import compiled
from pneumo.registry import Registry, store
from pneumo.registry.runs import OWN_RADIOGRAPHS
from pneumo.stages import adapt, evaluate, explain, export, report
from tests.stages.test_evaluate import RECIPE
from tests.stages.trained_project import copied, trained_project, write_cohort

pytestmark = pytest.mark.slow
SITE_PATIENTS = 36


def write_site(root, seed, patients=SITE_PATIENTS):
    """A cohort in which PNEUMONIA is darker, not brighter as where the model was trained."""
    write_cohort(root, seed, patients)
    for file in root.rglob("PNEUMONIA/*.png"):
        Image.fromarray((np.asarray(Image.open(file)) * 0.6).astype(np.uint8)).save(file)
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Settings of a project with one trained model, and a site."""
    root = tmp_path_factory.mktemp("project")
    config = trained_project(root, RECIPE, adapt={"repeats": 2})
    write_site(root / "site", 1)
    return config


@pytest.fixture
def config(trained, tmp_path):
    """The same in a copy of the registry."""
    return copied(trained, tmp_path)


@pytest.fixture(scope="module")
def adapted(trained, tmp_path_factory):
    """A project whose model was adapted to all labels of the site and to 30, and what the last one printed."""
    config = copied(trained, tmp_path_factory.mktemp("adapted"))
    run(on_site(config))
    return config, run(on_site(config), labels=30)


def on_site(config, data=None):
    return config.model_copy(update={"data": data or config.data.parent / "site"})


def run(config, reference="champion", labels=None):
    console = Console(file=io.StringIO(), width=160)
    adapt.run(config, console, reference, labels)
    return console.file.getvalue()


def test_the_curve_is_printed_and_stored_and_both_models_are_registered(adapted):
    config, output = adapted
    models = Registry(config.registry)
    parent, everything, some = models.entries()
    assert [entry.recipe for entry in (parent, everything, some)] == ["tiny", "tiny-adapted", "tiny-adapted"]
    assert models.adapted(parent) == [everything, some]
    (result,) = models.adaptations(parent)
    assert [point.labels for point in result.curve.points] == [25, 30, 50, None]
    assert result.images == 2 * SITE_PATIENTS
    assert result.curve.points[-1].scores.auroc.value > result.curve.unadapted.auroc.value
    assert result.acquisition.by_trait["mean"].value < 0.5
    for text in (
        "tiny v1 on site",
        "AUROC, difference",
        "specificity",
        "acquisition alone",
        "adapted from v1 to 30 labels of site",
    ):
        assert text in output


def test_lineage_both_cohorts_and_the_labelled_radiographs_are_on_the_record(adapted):
    config, _ = adapted
    models = Registry(config.registry)
    parent, _, entry = models.entries()
    record = models.adapted_record(entry)
    assert (record.parent_version, record.parent_sha256) == (parent.version, parent.model_sha256)
    assert (record.training_data_name, record.data_name) == ("own", "site")
    assert record.training_partition == models.record(parent).partition
    assert sum(counts["images"] for counts in record.partition["labelled"].values()) == 30 == record.out_of_fold.images
    assert record.expected == models.adaptations(parent)[0].curve.point(30)
    assert record.protocol_fingerprint != parent.protocol_fingerprint
    own = set(models.attachment(parent, OWN_RADIOGRAPHS).decode().split())
    assert len(set(models.attachment(entry, OWN_RADIOGRAPHS).decode().split()) - own) == 30


def test_the_network_is_the_parents_but_for_its_head_whose_scores_it_gives(adapted):
    config, _ = adapted
    models = Registry(config.registry)
    parent, entry, _ = models.entries()
    before, after = models.load(parent), models.load(entry)
    for old, new in zip(before.get_weights()[:-2], after.get_weights()[:-2], strict=True):
        assert (old == new).all()
    site = index(on_site(config).data, config.cohort, to_train=False)
    images = site.pixels(16, "squash")[..., None].astype(np.float32)
    scores = after.predict(images, verbose=0)[:, 0]
    assert scores == pytest.approx(expit(heads(after)[0].logits(compiled(before)(images)[FEATURES])), abs=1e-5)
    y_true = (site.table["label"] == "PNEUMONIA").to_numpy()
    assert roc_auc_score(y_true, scores) > roc_auc_score(y_true, before.predict(images, verbose=0)[:, 0])


def test_no_test_split_of_the_training_is_accessed_and_the_site_is_logged(adapted):
    config, _ = adapted
    models, own = Registry(config.registry), index(config.data, config.cohort)
    assert [access.recipe for access in models.test_accesses(own.fingerprint, own.content_fingerprint)] == ["tiny"]
    site = index(on_site(config).data, config.cohort, to_train=False)
    assert [access.recipe for access in models.test_accesses(site.fingerprint)] == ["tiny-adapted"] * 2


def test_predict_explain_and_export_use_it(adapted, tmp_path):
    config, _ = adapted
    record = Registry(config.registry).adapted_record(Registry(config.registry).get("3"))
    radiograph = next(on_site(config).data.rglob("*.png"))
    predictor = Predictor.load("3", registry=config.registry)
    (prediction,) = predictor.predict([radiograph])
    assert predictor.specification.threshold == record.threshold
    assert (predictor.specification.cohort, predictor.specification.adapted_on) == ("own", "site")
    assert predictor.specification.referral.chosen_on == "its labelled radiographs, out of fold"
    assert 0 <= prediction.probability <= 1
    changes = {"report": config.report.model_copy(update={"directory": tmp_path / "reports"})}
    explain.run(config.model_copy(update=changes), Console(quiet=True), [radiograph], "3")
    assert list((tmp_path / "reports").rglob("*.png"))
    export.run(on_site(config), Console(quiet=True), "3", "keras", tmp_path / "bundle")
    readme = (tmp_path / "bundle" / "README.md").read_text()
    assert "trained on own as tiny v1,\nits last layer refitted to 30 labelled radiographs of site" in readme
    (exported,) = Predictor.load(tmp_path / "bundle").predict([radiograph])
    assert exported.score == pytest.approx(prediction.score, abs=1e-5)
    with pytest.raises(UserError, match=r"own is not the cohort that tiny-adapted v3 was adapted on.*named site"):
        export.run(config, Console(quiet=True), "3", "keras", tmp_path / "other")


def test_it_is_evaluated_on_what_it_was_not_adapted_to(adapted):
    config, _ = adapted
    console = Console(file=io.StringIO(), width=160)
    evaluate.run(on_site(config), console, "3")
    models = Registry(config.registry)
    (scored,) = models.external_evaluations(models.get("3"))
    assert scored.evaluation.left_out >= 30
    assert len(scored.predictions) == 2 * SITE_PATIENTS - scored.evaluation.left_out
    assert "out of fold" in console.file.getvalue()
    with pytest.raises(UserError, match=r"site is the cohort that tiny-adapted v2 was trained on"):
        evaluate.run(on_site(config), Console(quiet=True), "2")


def test_the_report_shows_the_curve_and_a_card_and_selects_the_same_model(adapted):
    config, _ = adapted
    report.run(config, Console(quiet=True))
    page = (config.report.directory / "index.html").read_text()
    assert "tiny v1 on site" in page
    assert 'href="cards/tiny-adapted-v3.html"' in page
    assert (config.report.directory / "figures" / "adaptation-1.png").is_file()
    card = (config.report.directory / "cards" / "tiny-adapted-v3.html").read_text()
    assert "own, trained on" in card
    assert "site, adapted on" in card
    assert ">tiny v1<" in page


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (73, r"^--labels 73: of site, 72 radiographs are labelled, .*; give 10 to 72, or leave it out for all$"),
        (9, r"^--labels 9: of site"),
        (0, r"^--labels 0: of site"),
    ],
)
def test_numbers_of_labels_that_cannot_be_are_refused_before_anything_is_logged(config, labels, message):
    before = Registry(config.registry).test_accesses(index(on_site(config).data, config.cohort, to_train=False).fingerprint)
    with pytest.raises(UserError, match=message):
        run(on_site(config), labels=labels)
    assert Registry(config.registry).test_accesses(index(on_site(config).data, config.cohort, to_train=False).fingerprint) == before


def test_mistakes_end_in_one_line_with_status_2(config, tmp_path, capsys):
    def line(data, *arguments):
        options = ["--registry.directory", str(config.registry.directory), "--cohort.cache_dir", str(config.cohort.cache_dir)]
        assert main(["adapt", *arguments, "--data", str(data), *options]) == USER_MISTAKE
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    small = write_site(tmp_path / "small", 2, patients=6)
    assert "small: adapting takes 10 patients of each class, there are 6 with NORMAL and 6 with PNEUMONIA" in line(small)
    one_class = write_site(tmp_path / "one", 2)
    shutil.rmtree(one_class / "train" / "PNEUMONIA")
    shutil.rmtree(one_class / "val" / "PNEUMONIA")
    shutil.rmtree(one_class / "test" / "PNEUMONIA")
    assert "one" in line(one_class)
    assert "own is the cohort that tiny v1 was trained on" in line(config.data)
    assert "No model `nosuch`" in line(small, "nosuch")
    assert "--labels" in line(small, "--labels", "many")


def test_an_adapted_model_is_not_adapted_again(adapted):
    config, _ = adapted
    with pytest.raises(UserError, match="adapt v1, which it came from"):
        run(on_site(config), "2")


def test_an_interrupted_registration_leaves_the_registry_whole_and_the_same_command_finishes(config, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(store, "tags_of", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(on_site(config), labels=30)
    assert [entry.recipe for entry in Registry(config.registry).entries()] == ["tiny"]
    run(on_site(config), labels=30)
    models = Registry(config.registry)
    assert [entry.recipe for entry in models.entries()] == ["tiny", "tiny-adapted"]
    assert len(models.adaptations(models.get("1"))) == 1
